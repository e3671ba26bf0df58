"""The `edu` command."""

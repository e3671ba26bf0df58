"""WHEN it runs: Dagster definitions and the `edu` command."""

"""Assets of use (使用)."""

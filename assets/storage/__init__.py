"""Assets of storage (存储)."""

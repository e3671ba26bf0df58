"""Assets of sharing (共享)."""

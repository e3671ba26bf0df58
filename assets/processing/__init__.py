"""Assets of processing (处理)."""

"""Assets of collection (采集)."""

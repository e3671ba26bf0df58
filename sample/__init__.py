"""The synthetic province: extracts in the real formats, seeded dirt, and the truth behind them."""

from sample.extracts.catalogue import SOURCES
from sample.province import Summary, generate

__all__ = ["SOURCES", "Summary", "generate"]

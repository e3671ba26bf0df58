"""Reading: one delivered file of any format and encoding → one normalised UTF-8 CSV and facts about it."""

from warehouse.reading.reader import read_file, read_many
from warehouse.reading.result import Limits, Problem, ReadResult

__all__ = ["Limits", "Problem", "ReadResult", "read_file", "read_many"]

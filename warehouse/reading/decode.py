"""Text of any delivered encoding as blocks of whole lines in UTF-8, in constant memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from warehouse.reading import sniff
from warehouse.reading.result import Facts, Refused
from warehouse.reading.sink import inspect

CHUNK = 1024**2
_PROOF = 12  # so many bytes of valid multi-byte UTF-8 before an error: the file is broken UTF-8, not GB18030


class NotUtf8(Exception):
    """The file is not UTF-8 after all: begin again with GB18030."""


def blocks(path: Path, name: str, mark: int, facts: Facts) -> Iterator[bytes]:
    """Decoded chunks in UTF-8, checked for NUL, U+FFFD and private-use characters.

    Raises NotUtf8 when UTF-8 was only a guess and the text looks like GB18030, else Refused.
    """
    decoder = codecs.getincrementaldecoder("utf-8" if name == "utf-8-sig" else name)("strict")
    facts.encoding = name
    wide = 0  # bytes of UTF-8 beyond one per character
    with path.open("rb") as file:
        position = file.seek(mark)
        first = True
        while True:
            raw = file.read(CHUNK)
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(raw, final=not raw)
                block = text.encode("utf-8")
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                wide += sum(byte >= 0x80 for byte in good)
                if name == "utf-8" and wide < _PROOF:
                    raise NotUtf8 from None
                raise Refused("encoding", offset=position - waiting + error.start) from None
            except UnicodeEncodeError:
                raise Refused("encoding", offset=position) from None
            if not raw and not block:
                return
            wide += len(block) - len(text)
            position += len(raw)
            if first:
                first = False
                block = block.removeprefix(b"\xef\xbb\xbf")
            inspect(block, facts)
            yield block
            if not raw:
                return


class Lines:
    """Blocks of whole lines, LF only; what a reader does not consume comes again with the next block."""

    def __init__(self, source: Iterator[bytes], limit: int, facts: Facts) -> None:
        self._source = source
        self._limit = limit
        self._facts = facts
        self._raw = b""  # decoded, last line incomplete
        self._old_mac: bool | None = None  # CR alone ends a line
        self.rest = b""  # complete lines that were not consumed
        self.end = False

    def next(self) -> bytes:
        """The rest plus the next complete lines; after the end of the file also a last line without LF."""
        while not self.end:
            block = next(self._source, None)
            if block is None:
                self.end = True
                last = self._normal(self._raw)
                self._raw = b""
                if last and not last.endswith(b"\n"):
                    last += b"\n"
                self.rest += last
                break
            if self._old_mac is None:
                self._old_mac = b"\n" not in block and b"\r" in block[:-1]
            data = self._raw + block if self._raw else block
            cut = data.rfind(b"\r" if self._old_mac else b"\n") + 1
            self._raw = data[cut:]
            if cut:
                lines = self._normal(data[:cut])
                self.rest = self.rest + lines if self.rest else lines
                break
            if len(self._raw) > self._limit:
                raise Refused("line_too_long", limit=self._limit)
        return self.rest

    def _normal(self, lines: bytes) -> bytes:
        if b"\r" not in lines:
            return lines
        if self._old_mac:
            return lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = lines.replace(b"\r\n", b"\n")
        while b"\r\n" in lines:  # \r\r\n of a broken converter
            lines = lines.replace(b"\r\n", b"\n")
        if b"\r" in lines:
            self._facts.n_newline_cells += lines.count(b"\r")
            lines = lines.replace(b"\r", b" ")
        return lines


def head(path: Path) -> tuple[bytes, str, int]:
    """First bytes, guessed encoding, length of the byte order mark."""
    with path.open("rb") as file:
        start = file.read(sniff.HEAD)
    return start, *sniff.encoding(start)

"""Progress of long work: whoever works says where it is, whoever watches listens. Counts only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]
_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


def tell(step: str, done: int, total: int) -> None:
    """Say that `done` of `total` units of a step are finished."""
    listener = _listener.get()
    if listener:
        listener(step, done, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear the progress of everything that runs inside the block, in this thread."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)

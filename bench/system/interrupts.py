"""Interrupts without losing steps: training ends its step and writes a checkpoint, all else ends at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_delaying = _pending = False


def handle(*numbers: int) -> None:
    """Let these signals interrupt this process."""
    for number in numbers:
        signal.signal(number, _handle)


def interrupt() -> None:
    """Interrupt training at the end of its step; anything else, or training the second time, at once.

    At once is by KeyboardInterrupt.
    """
    global _pending
    if not _delaying or _pending:
        raise KeyboardInterrupt
    _pending = True


def pending() -> bool:
    """Whether training should stop after this step."""
    return _pending


@contextmanager
def delayed() -> Iterator[None]:
    """Within, an interrupt is only `pending`; it is raised at the end at the latest."""
    global _delaying, _pending
    _delaying, _pending = True, False
    try:
        yield
    finally:
        _delaying = False
    if _pending:
        raise KeyboardInterrupt


def _handle(number: int, frame: FrameType | None) -> None:
    interrupt()

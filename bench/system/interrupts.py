"""Stopping on a signal without losing steps: training ends its step and writes a checkpoint, all else ends at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_deferring = _requested = False


def on(*numbers: int) -> None:
    """Let these signals ask this process to stop."""
    for number in numbers:
        signal.signal(number, _handle)


def request() -> None:
    """Stop: training at the end of its step, anything else, or whoever is asked twice, at once.

    Raises KeyboardInterrupt where it is at once.
    """
    global _requested
    if not _deferring or _requested:
        raise KeyboardInterrupt
    _requested = True


def requested() -> bool:
    """Whether training should stop after this step."""
    return _requested


@contextmanager
def deferred() -> Iterator[None]:
    """Within this block a request waits until `requested` is asked, and stops the process at its end at the latest."""
    global _deferring, _requested
    _deferring, _requested = True, False
    try:
        yield
    finally:
        _deferring = False
    if _requested:
        raise KeyboardInterrupt


def _handle(number: int, frame: FrameType | None) -> None:
    request()

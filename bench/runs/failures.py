"""Classes of failure, which decide whether trying a run again makes sense. No torch."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass

from bench.system.errors import UserError

OUT_OF_MEMORY, NON_FINITE, DISK_FULL = "out of memory", "non-finite loss", "disk full"
LOST_WORKER, REQUEST, BUG = "lost worker", "wrong request", "bug"
CLASSES = {
    OUT_OF_MEMORY: "another machine or a smaller batch",
    NON_FINITE: "fails again in the same way: other settings",
    DISK_FULL: "goes on once there is room",
    LOST_WORKER: "its process was killed or its machine is gone: try again",
    REQUEST: "the message says what to change",
    BUG: "read error.txt",
}
"""Class -> what helps."""
NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "std::bad_alloc")


@dataclass(frozen=True)
class Failure:
    """Content of error.txt: class and message on the first line, then the traceback."""

    kind: str
    message: str
    details: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Failure of an exception, with its traceback."""
        named = f"{type(error).__name__}: {' '.join(str(error).split())}"
        message = str(error) if isinstance(error, UserError) else named
        return cls(classify(error), message, "".join(traceback.format_exception(error)))

    @classmethod
    def parse(cls, text: str) -> Failure:
        """Read error.txt; an empty or foreign one is a bug."""
        first, _, details = text.partition("\n")
        kind, colon, message = first.partition(": ")
        if not colon or kind not in CLASSES:
            return cls(BUG, (text.strip().splitlines() or ["no message"])[-1], text)
        return cls(kind, message, details.strip("\n"))

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}\n\n{self.details}".rstrip() + "\n"


def classify(error: BaseException) -> str:
    """Class of an exception, by its type or its cause's."""
    if isinstance(error, UserError):
        return classify(error.__cause__) if isinstance(error.__cause__, OSError) else REQUEST
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DISK_FULL
    said = f"{error}".lower()
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in said for words in NO_MEMORY)
    ):
        return OUT_OF_MEMORY
    if any(kind.__name__ == "NonFiniteLoss" for kind in type(error).__mro__):  # its module imports torch
        return NON_FINITE
    return BUG

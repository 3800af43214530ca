"""torch files that end in the SHA-256 of everything before it, so that any change is detected.

The CRC-32s of a zip do not cover its directory: one flipped bit there is enough for torch to load other numbers
without an error. torch reads such a file like any other.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import IO, Any, cast

import torch


class _Digesting:
    """A file for torch to write to, with the SHA-256 of its content so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()
        self.failure: OSError | None = None

    def write(self, content: bytes) -> int:
        try:
            self.digest.update(content)
            return self.file.write(content)
        except OSError as error:
            self.failure = error  # torch turns it into an unreadable RuntimeError
            raise

    def flush(self) -> None:
        self.file.flush()


def save(state: Any, path: Path) -> None:
    """Write `state` and flush it to disk. Raises OSError if there is no room."""
    with path.open("wb") as file:
        target = _Digesting(file)
        try:
            torch.save(state, cast(IO[bytes], target))
        except RuntimeError as error:
            raise (target.failure or error) from None
        file.write(target.digest.digest())
        file.flush()
        os.fsync(file.fileno())


def is_whole(path: Path) -> bool:
    """Whether a file ends in the digest of everything before it."""
    digest = hashlib.sha256()
    left = path.stat().st_size - digest.digest_size
    with path.open("rb") as file:
        while left > 0 and (content := file.read(min(left, 1 << 20))):
            digest.update(content)
            left -= len(content)
        return left == 0 and file.read() == digest.digest()

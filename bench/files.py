"""Files whole or absent: atomic writes, publishing without replacing, and a lock that dies with its process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Held(Exception):
    """Another process holds the lock. The message says which."""


def write_atomically(path: Path, text: str) -> None:
    """Write `path` whole, replacing what was there."""
    temporary = _write_beside(path, text)
    os.replace(temporary, path)


def publish(path: Path, text: str) -> bool:
    """Write `path` whole, but only if it does not exist. Returns whether it was this call that wrote it."""
    temporary = _write_beside(path, text)
    try:
        os.link(temporary, path)  # unlike a rename, never replaces
        return True
    except FileExistsError:
        return False
    finally:
        temporary.unlink()


def _write_beside(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def append_line(path: Path, line: str) -> None:
    """Add a line in one write. After a line that a kill tore, it begins on a line of its own."""
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        else:
            torn = False
        file.write(b"\n" * torn + line.encode() + b"\n")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, which says who holds it; the system frees it when the process dies.

    Raises Held if another process has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        for _ in range(10):  # `held_elsewhere` holds the lock for an instant
            if _try_lock(descriptor):
                break
            time.sleep(0.02)
        else:
            raise Held(path.read_text().strip() or "another process")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def held_elsewhere(path: Path) -> bool:
    """Whether some holder has the lock on `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False

"""Files whole or absent: atomic writes, publishing without replacing, and what is on the disk for good."""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.system import processes

AT_ONCE = 8  # files that a tree's flush waits for: a disk writes many in the time of one


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write `path` whole, replacing what was there."""
    temporary = _write_beside(path, content)
    os.replace(temporary, path)
    flush(path.parent)


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


def _write_beside(path: Path, content: str | bytes) -> Path:
    temporary = draft(path)
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)  # a full disk is not helped by half a file
        raise
    return temporary


def draft(path: Path) -> Path:
    """A name beside `path` to write it under; it says whose draft it is."""
    owner = f"{processes.space()}_{os.getpid()}-{processes.born(os.getpid())}"
    return path.with_name(f".{path.name}.{owner}-{uuid.uuid4().hex[:8]}.draft")


def remove_drafts(folder: Path, whosever: bool = False) -> None:
    """Remove the drafts in `folder` of processes that have died on this machine, or all of them."""
    for path in folder.glob(".*.draft"):
        if whosever or _of_the_dead(path):
            path.unlink(missing_ok=True)


def _of_the_dead(draft: Path) -> bool:
    """Whether a draft's owner was of this machine and lives no more."""
    space, _, owner = draft.name[: -len(".draft")].rpartition(".")[2].rpartition("-")[0].partition("_")
    pid, _, birth = owner.partition("-")
    return pid.isdigit() and birth.isdigit() and processes.dead(space, int(pid), int(birth))


def append_line(path: Path, line: str) -> None:
    """Add a line in one write. After a line that a kill tore, it begins on a line of its own."""
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        else:
            torn = False
        file.write(b"\n" * torn + line.encode() + b"\n")


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files under a folder."""
    return sum(item.stat().st_size for item in (path, *path.rglob("*")) if item.is_file())


def flush_tree(folder: Path) -> None:
    """Have every file and folder under `folder` on the disk before going on."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(flush, folder.rglob("*")))
    flush(folder)


def flush(path: Path) -> None:
    """Have what `path` holds, a file or a folder's list of names, on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

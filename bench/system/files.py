"""Atomic writes, publishing without replacing, and flushing to disk."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.system import processes
from bench.system.errors import writing_to

AT_ONCE = 8  # files flushed in parallel: a disk writes many in the time of one


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write `path` atomically, replacing it."""
    temporary = _write_beside(path, content)
    os.replace(temporary, path)
    flush(path.parent)


def publish(path: Path, text: str) -> bool:
    """Write `path` atomically, unless it exists. Returns whether this call wrote it."""
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
        temporary.unlink(missing_ok=True)  # half a file only fills a full disk
        raise
    return temporary


def draft(path: Path) -> Path:
    """A temporary name beside `path`, with the process that writes it."""
    owner = f"{processes.space()}_{os.getpid()}-{processes.born(os.getpid())}"
    return path.with_name(f".{path.name}.{owner}-{uuid.uuid4().hex[:8]}.draft")


def remove_drafts(folder: Path, of_any_process: bool = False) -> None:
    """Remove drafts in `folder` of processes that died on this machine, or of any process."""
    for path in folder.glob(".*.draft"):
        if of_any_process or _is_orphaned(path):
            path.unlink(missing_ok=True)


def _is_orphaned(draft: Path) -> bool:
    """Whether a draft's process ran on this machine and has died."""
    space, _, owner = draft.name[: -len(".draft")].rpartition(".")[2].rpartition("-")[0].partition("_")
    pid, _, birth = owner.partition("-")
    return pid.isdigit() and birth.isdigit() and processes.dead(space, int(pid), int(birth))


def write_all(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into a folder, each atomically; returns their paths. Raises UserError if it cannot be written."""
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_drafts(folder)
        for name, content in files.items():
            write_atomically(folder / name, content)
    return [folder / name for name in files]


def append_line(path: Path, line: str) -> None:
    """Append a line in one write, on a line of its own even after one that a kill cut off."""
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
    """Flush every file and folder under `folder` to disk."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(flush, folder.rglob("*")))
    flush(folder)


def flush(path: Path) -> None:
    """Flush a file, or a folder's list of names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""SHA-256 of every image in a folder, kept in the cache, so that bytes are hashed once.

A kept hash counts as long as the file's size, inode and times are those it was hashed with. The time of the last
change (ctime) shows an edit that put the time of modification back.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from pathlib import Path

from bench.data.images import LARGEST_FILE
from bench.data.named_files import open_regular
from bench.system.files import remove_drafts, write_atomically

SETTLED = 2 * 10**9  # ns since a file's last change; within a tick of the coarsest clock a second change is not seen
FORMAT = 1
log = logging.getLogger(__name__)


class Manifest:
    """Hashes by file name of the images in one folder. Without a cache folder none are kept."""

    def __init__(self, images: Path, cache: str | Path | None) -> None:
        place = hashlib.sha256(os.fsencode(os.path.realpath(images))).hexdigest()[:16]
        self.path = Path(cache) / "picture_hashes" / f"{place}.json" if cache else None
        self._known = _read(self.path) if self.path else {}
        self._now: dict[str, list] = {}
        self._start = time.time_ns()

    def sha256(self, name: str, file: Path) -> str | None:
        """Hex digits of the content of `file`, known as `name`; None where it cannot be read."""
        try:
            status = os.stat(file)
            signature = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
            known = self._now.get(name) or self._known.get(name)
            if known and known[:-1] == signature:
                self._now[name] = known
                return known[-1]
            with open_regular(file, LARGEST_FILE) as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError:  # opening the split counts and names it
            return None
        if status.st_ctime_ns < self._start - SETTLED:
            self._now[name] = [*signature, content]
        return content

    def keep(self) -> None:
        """Write the hashes atomically; warn where the cache cannot be written."""
        if self.path is None or self._now == self._known:
            return
        body = json.dumps(self._now)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_drafts(self.path.parent)
            write_atomically(self.path, f"{_checksum(body)}\n{body}")
        except OSError as error:
            log.warning("every start hashes all images again: cannot write %s (%s)", self.path, error.strerror)


def _read(path: Path) -> dict[str, list]:
    """The stored hashes; none where the file is missing or damaged."""
    try:
        checksum, _, body = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return {}
    return json.loads(body) if checksum == _checksum(body) else {}


def _checksum(body: str) -> str:
    return hashlib.sha256(f"{FORMAT}\n{body}".encode()).hexdigest()

"""The code's revision in git: the commit, and what was changed since. None where there is no repository or no git."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]
ROOMS = ("architectures", "bench", "sweeps", "reports")  # a new file of these counts as a change
LARGEST = 1_000_000  # bytes of changes that are kept
PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")  # whatever is configured


class Changes(NamedTuple):
    """What `git apply` would make of a clean checkout of the commit."""

    digest: str  # 12 hex digits of the whole
    size: int  # bytes of the whole
    patch: bytes  # at most LARGEST of them

    @property
    def file(self) -> str:
        """The patch's name in a run folder."""
        return f"dirty-{self.digest}.patch"


@cache
def commit() -> str | None:
    """The commit that is checked out."""
    if _git("ls-files", "--error-unmatch", "bench/system/git.py") is None:
        return None  # installed into somebody else's repository
    head = _git("rev-parse", "HEAD")
    return head.decode().strip() if head else None


@cache
def changes() -> Changes | None:
    """What differs from the commit, new files of the project's rooms included; None if nothing does."""
    if commit() is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="xfusion-bench-") as folder:
            patch = _against_head(Path(folder) / "index")
    except OSError:
        return None
    if not patch:
        return None
    digest = hashlib.sha256(patch).hexdigest()[:12]
    return Changes(digest, len(patch), patch[:LARGEST])


def _against_head(index: Path) -> bytes | None:
    """The differences, with new files named in `index`, a copy: the repository's own is left alone."""
    if real := _git("rev-parse", "--git-path", "index"):
        shutil.copy(PROJECT / os.fsdecode(real).removesuffix("\n"), index)
    rooms = [room for room in ROOMS if (PROJECT / room).is_dir()]
    _git("add", "--intent-to-add", "--", *rooms, GIT_INDEX_FILE=str(index))
    return _git("diff", "--binary", *PLAIN, "HEAD", GIT_INDEX_FILE=str(index))


def _git(*arguments: str, **environment: str) -> bytes | None:
    """What git answers; None if it cannot."""
    # without the optional locks, several processes can ask at once, of a folder that cannot be written too
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **environment}
    try:
        answer = subprocess.run(["git", "-C", PROJECT, *arguments], capture_output=True, env=environment, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None

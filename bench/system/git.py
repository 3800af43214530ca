"""The code's git commit and the changes since. None where there is no repository or no git."""

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
PACKAGES = ("architectures", "bench", "sweeps", "reports")  # a new file of these counts as a change
LARGEST = 1_000_000  # bytes of changes that are kept
PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")  # not git's config


class Changes(NamedTuple):
    """Uncommitted changes, as a patch for `git apply`."""

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
    """Changes since the commit, new files of the packages included; None if there are none."""
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
    """The patch, with new files added to `index`, a copy of the repository's."""
    if real := _git("rev-parse", "--git-path", "index"):
        shutil.copy(PROJECT / os.fsdecode(real).removesuffix("\n"), index)
    packages = [name for name in PACKAGES if (PROJECT / name).is_dir()]
    _git("add", "--intent-to-add", "--", *packages, GIT_INDEX_FILE=str(index))
    return _git("diff", "--binary", *PLAIN, "HEAD", GIT_INDEX_FILE=str(index))


def _git(*arguments: str, **environment: str) -> bytes | None:
    """Output of git; None if it fails."""
    # without the optional locks, several processes can ask at once, of a folder that cannot be written too
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **environment}
    try:
        answer = subprocess.run(["git", "-C", PROJECT, *arguments], capture_output=True, env=environment, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None

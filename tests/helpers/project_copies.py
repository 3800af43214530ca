"""Copies of the project with files dropped in, such as the examples of docs/extending.md, and Python run on them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGES = ("architectures", "bench", "sweeps", "reports")
BLOCK = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(BLOCK.findall((PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")))  # path -> text


def copied(folder: Path, files: dict[str, str], *others: str) -> Path:
    """A copy of the packages and of other folders, with more files in it."""
    for name in (*PACKAGES, *others):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def python(
    path: Path | str, *arguments: str, status: Collection[int] = (0,), cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python on the project, a copy of it, or a path of several folders, the project's last; there or in `cwd`."""
    place = cwd or str(path).rpartition(os.pathsep)[2]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    ran = subprocess.run([sys.executable, *arguments], cwd=place, env=environment, capture_output=True, text=True)
    assert ran.returncode in status, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran

"""Where a number came from: code, packages, machine and command. Recorded with every start of a run, never hashed."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import architectures

PROJECT = Path(__file__).parents[1]
PACKAGES = (
    "torch", "torchvision", "transformers", "diffusers", "lightning", "torchmetrics", "clean-fid", "pycocoevalcap",
    "omegaconf", "safetensors", "tokenizers", "numpy", "scipy", "pillow",
)  # fmt: skip
"""Distributions whose versions can change a number."""


def start_facts(architecture: str, threads: int) -> dict[str, Any]:
    """What is worth knowing of this start of a run."""
    return {
        "time": now(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "code": code_digest(architecture),
        "git": _git("rev-parse", "HEAD"),
        "dirty": _dirty(),
        "packages": package_versions(PACKAGES),
        "python": platform.python_version(),
        "device": gpu() or cpu(),
        "host": socket.gethostname(),
        "threads": threads,
        "cores": os.cpu_count(),
    }


@cache
def code_digest(architecture: str) -> str:
    """12 hex digits of the project's code behind a run: bench/ without its commands, and this architecture alone."""
    others = {f"{name}.py" for name in architectures.catalogue() if name != architecture}
    files = [path for path in (PROJECT / "architectures").glob("*.py") if path.name not in others]
    bench = PROJECT / "bench"
    files += [path for path in bench.rglob("*.py") if path.parent != bench / "commands" and path.name != "__main__.py"]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(PROJECT).as_posix()} {_sha256(path.read_bytes())}\n".encode())
    return digest.hexdigest()[:12]


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def job_id() -> str | None:
    """The job of SLURM's that this process is part of, None outside of one."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def package_versions(names: tuple[str, ...]) -> dict[str, str | None]:
    """Installed version of each distribution, None where it is missing."""
    return {name: _version(name) for name in names}


@cache
def gpu() -> str | None:
    """The first GPU's name by the driver's own tool, None without one."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip().partition("\n")[0] or None if answer.returncode == 0 else None


def cpu() -> str:
    """The processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", PROJECT, *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _dirty() -> str | None:
    """12 hex digits of the uncommitted changes to tracked files, None if there are none."""
    changes = _git("diff", "HEAD")
    return _sha256(changes.encode())[:12] if changes else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Provenance: code, packages, machine and command. Recorded with every start of a run, never hashed."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import architectures
from bench.system import git
from bench.system.git import PROJECT

PACKAGES = (
    "torch", "torchvision", "transformers", "diffusers", "lightning", "torchmetrics", "clean-fid", "pycocoevalcap",
    "omegaconf", "safetensors", "tokenizers", "numpy", "scipy", "pillow",
)  # fmt: skip
"""Distributions whose versions can change a number."""

JOBS = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT", "PBS_JOBID", "LSB_JOBID")
"""Environment variables with a scheduler's job id."""

TUNING = ("OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "ONEDNN_", "ATEN_", "TORCH_", "PYTORCH_", "CUDA_", "CUBLAS_")
"""Prefixes of environment variables that set threads, kernels or devices."""


def start_facts(architecture: str, threads: int) -> dict[str, Any]:
    """Provenance of this start of a run."""
    finders: dict[str, Callable[[], Any]] = {
        "id": lambda: uuid.uuid4().hex[:12],
        "pid": os.getpid,
        "directory": os.getcwd,
        "job": lambda: {name: os.environ[name] for name in JOBS if name in os.environ},
        "patch": _patch,
    }
    return machine_facts(architecture, threads) | {name: _found(find) for name, find in finders.items()}


def machine_facts(architecture: str, threads: int) -> dict[str, Any]:
    """Provenance of a computation: code, packages and machine. A fact that cannot be found is "unknown (...)"."""
    finders: dict[str, Callable[[], Any]] = {
        "time": now,
        "command": lambda: [Path(sys.argv[0]).name, *sys.argv[1:]],
        "code": lambda: code_digest(architecture),
        "git": git.commit,
        "dirty": lambda: (changes := git.changes()) and changes.digest,
        "packages": lambda: package_versions((*PACKAGES, *_distribution(architecture))),
        "python": platform.python_version,
        "device": lambda: gpu() or cpu(),
        "host": socket.gethostname,
        "threads": lambda: threads,
        "cores": os.cpu_count,
        "usable_cores": lambda: len(os.sched_getaffinity(0)),
        "environment": lambda: {name: os.environ[name] for name in sorted(os.environ) if name.startswith(TUNING)},
    }
    return {name: _found(find) for name, find in finders.items()}


@cache
def code_digest(architecture: str) -> str:
    """12 hex digits of a run's code: bench/ without its commands, and of architectures this one and its bases."""
    known = architectures.catalogue()
    own = {path.name for path in known[architecture].sources} if architecture in known else set()
    others = {f"{name}.py" for name, it in known.items() if it.distribution is None} - own
    files = [path for path in (PROJECT / "architectures").glob("*.py") if path.name not in others]
    bench = PROJECT / "bench"
    files += [path for path in bench.rglob("*.py") if path.parent != bench / "commands" and path.name != "__main__.py"]
    return files_digest(files)


def files_digest(files: Iterable[Path]) -> str:
    """12 hex digits of files of this project, wherever it lies."""
    digest = hashlib.sha256()
    for path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(PROJECT).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:12]


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def job_id() -> str | None:
    """SLURM's id of the job that this process is part of, None outside of one."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def package_versions(names: tuple[str, ...]) -> dict[str, str | None]:
    """Installed version of each distribution, None where it is missing."""
    return {name: _version(name) for name in names}


@cache
def gpu() -> str | None:
    """Name of the first GPU by nvidia-smi, None without one."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip().partition("\n")[0] or None if answer.returncode == 0 else None


def cpu() -> str:
    """Model of the processor."""
    return cpu_facts().get("model name") or platform.processor() or platform.machine()


@cache
def cpu_facts() -> dict[str, str]:
    """The first processor's entries in /proc/cpuinfo, {} where there is none."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")
    except OSError:
        return {}
    facts = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in facts}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _distribution(architecture: str) -> tuple[str, ...]:
    """The installed package that the architecture is from, if it is not this project's."""
    described = architectures.catalogue().get(architecture)
    return (described.distribution.partition(" ")[0],) if described and described.distribution else ()


def _patch() -> dict[str, Any] | None:
    """The file in the run folder that holds the uncommitted changes, None if there are none."""
    changes = git.changes()
    if changes is None:
        return None
    said: dict[str, Any] = {"file": changes.file, "bytes": changes.size}
    if len(changes.patch) < changes.size:
        said["note"] = f"too large to keep whole: the file holds the first {len(changes.patch)} bytes"
    return said


def _found(find: Callable[[], Any]) -> Any:
    try:
        return find()
    except Exception as error:  # no run fails for a missing fact
        return f"unknown ({type(error).__name__}: {error})"

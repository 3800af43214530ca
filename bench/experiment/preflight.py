"""Preflight checks of this machine, without importing torch."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.config import part_files
from bench.models import pretrained
from bench.system.errors import UserError
from bench.system.provenance import PROJECT, cpu, gpu, package_versions

GIGABYTE = 1e9
DISK_GB = 2  # a sweep's checkpoints and samples, and some room
MEMORY_GB = 4  # two workers


@dataclass(frozen=True)
class Check:
    """Outcome of one check."""

    name: str
    found: str
    ok: bool = True
    needed: bool = True  # if not ok: nothing works without it
    remedy: str = ""


def checks() -> list[Check]:
    """All checks of `bench doctor`."""
    return [_python(), _java(), *_packages(), *_weights(), _disk(), _memory(), _processor()]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info < (3, 13)
    return Check("Python", f"{version} at {sys.executable}", ok, remedy="make a .venv with Python 3.11 or 3.12")


def _java() -> Check:
    try:
        from bench.evaluation.metrics.parts.ptb import check_java

        check_java()
    except (UserError, ImportError) as error:
        return Check("Java", "missing", False, remedy=f"{error}")
    return Check("Java", shutil.which("java") or "")


def _packages() -> list[Check]:
    """Each required distribution: installed, within the bounds of setup.cfg, and at the version that was tested."""
    try:
        required = [Requirement(text) for text in requires("xfusion-bench") or []]
    except PackageNotFoundError:
        return [Check("packages", "this project is not installed", False, remedy="pip install -e . -c constraints.txt")]
    required = [item for item in required if item.marker is None or item.marker.evaluate({"extra": ""})]
    installed = package_versions(tuple(item.name for item in required))
    tested = _tested_versions()
    found = []
    for item in required:
        version = installed[item.name]
        if version is None or version not in item.specifier:
            remedy = f"pip install '{item}' -c constraints.txt"
            found.append(Check(item.name, version or "missing", False, remedy=remedy))
        else:
            other = tested.get(canonicalize_name(item.name), version)
            said = version if other == version else f"{version} (tested with {other})"
            remedy = f"pip install {item.name}=={other}"
            found.append(Check(item.name, said, other == version, needed=False, remedy=remedy))
    return found


def _tested_versions() -> dict[str, str]:
    path = PROJECT / "constraints.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = [line.partition("==") for line in lines if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name.strip()): version.strip() for name, _, version in pairs}


def _weights() -> list[Check]:
    found = []
    for kind in part_files.KINDS:
        folder = part_files.WEIGHTS / kind
        files = [path for path in folder.rglob("*") if path.is_file()]
        if any(path.suffix == ".safetensors" for path in files):
            megabytes = sum(path.stat().st_size for path in files) / 1e6
            said = f"{megabytes:.1f} MB, digest {pretrained.weights_digest('embedded', kind)}"
            found.append(Check(f"weights: {kind}", said))
        else:
            remedy = f"git checkout -- bench/zoo/weights, or python -m bench zoo build {kind}"
            found.append(Check(f"weights: {kind}", f"missing in {folder}", False, remedy=remedy))
    return found


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / GIGABYTE
    found = f"{free:.0f} GB free here"
    return Check("disk", found, free > DISK_GB, needed=False, remedy="runtime.runs=FOLDER on another disk")


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    return Check("memory", f"{total:.0f} GB", total > MEMORY_GB, needed=False, remedy="use --jobs 1")


def _processor() -> Check:
    cores = len(os.sched_getaffinity(0))
    return Check("processor", f"{gpu() or 'no GPU'}; {cores} core{'s' * (cores > 1)} of {cpu()}")

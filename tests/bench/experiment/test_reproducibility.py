"""Same seed, same machine, same thread count: the same results to the last digit, however the runs were done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from experiments import SMALLER, shared_cache
from project_copies import PROJECT, python

from bench.runs.published import leftovers, published_files

GRID = ["model.architecture=[dual_tower,gated_layer]", "train.i2t_noise=[0,1]"]


def settings(runs: Path) -> list[str]:
    return [*SMALLER, f"runtime.runs={runs}", f"runtime.cache={shared_cache()}"]


def sweep(folder: Path, jobs: int) -> dict[str, dict]:
    """Run the small grid in ``folder``; every run's files by name, without times."""
    folder.mkdir()
    request = ["noise", "smoke", f"launcher.jobs={jobs}", *GRID, *settings(folder / "runs")]
    python(PROJECT, "-m", "sweeps", "run", *request, cwd=folder)
    return files(folder)


def files(folder: Path) -> dict[str, dict]:
    """Every run's files by run, without times."""
    found = {run.name: published_files(run) for run in sorted((folder / "runs").iterdir())}
    assert len(found) == 4
    return found


@pytest.mark.slow
def test_one_worker_or_two(tmp_path):
    assert sweep(tmp_path / "one", 1) == sweep(tmp_path / "two", 2)


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """The small grid, as one of several commands on one folder."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "sweeps", "run", "noise", "smoke", "launcher.jobs=1", *GRID]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([*command, *settings(folder / "runs"), *more], cwd=folder, env=environment, **pipes)


@pytest.mark.slow
def test_four_commands_at_once_do_each_run_once(tmp_path):
    whole = sweep(tmp_path / "whole", 1)
    crowd = [start(tmp_path / "crowd") for _ in range(4)]
    said = [command.communicate(timeout=300)[0].decode() for command in crowd]
    assert [command.returncode for command in crowd] == [0] * 4, "\n".join(said)
    runs = sorted((tmp_path / "crowd" / "runs").iterdir())
    assert [len(json.loads((run / "run.json").read_text(encoding="utf-8"))["starts"]) for run in runs] == [1] * 4
    assert files(tmp_path / "crowd") == whole
    assert [leftovers(run) for run in runs] == [[]] * 4


@pytest.mark.slow
def test_a_worker_that_sleeps_past_its_lease_overwrites_nothing(tmp_path):
    """SIGSTOP in training; a second command takes the run over and finishes; the first wakes up and finds it done."""
    one = ["model.architecture=dual_tower", "train.i2t_noise=0", "train.steps=400", "runtime.lease=3"]
    first = start(tmp_path, *one)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/*/checkpoints/step-*.ckpt")):
        assert first.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)
    (claim,) = tmp_path.glob("runs/*/claims/*.json")
    sleeper = json.loads(claim.read_text(encoding="utf-8"))["pid"]
    os.kill(sleeper, signal.SIGSTOP)
    second = start(tmp_path, *one)
    said = second.communicate(timeout=300)[0].decode()
    assert second.returncode == 0 and "taking it over" in said, said
    run = next((tmp_path / "runs").iterdir())
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    os.kill(sleeper, signal.SIGCONT)
    assert first.wait(timeout=120) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before
    assert leftovers(run) == []

"""Same seed, same machine, same thread count: the same results to the last digit, however the runs were done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from experiments import SMALLER, shared_cache

from bench.config import load
from bench.identity import eval_id, run_folder

GRID = ["model.architecture=[dual_tower,gated_layer]", "train.i2t_noise=[0,1]"]


def settings(runs: Path) -> list[str]:
    return [*SMALLER, f"runtime.runs={runs}", f"runtime.cache={shared_cache()}"]


def sweep(folder: Path, jobs: int) -> dict[str, dict]:
    """Run the small grid in ``folder``; every run's files by name, without times."""
    folder.mkdir()
    command = [sys.executable, "-m", "sweeps", "run", "noise", "smoke", "--jobs", str(jobs), *GRID]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run([*command, *settings(folder / "runs")], cwd=folder, env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()[-3000:]
    found = {}
    for path in (folder / "runs").rglob("evals/**/*"):
        if path.is_file() and path.name != "result.json":
            found[str(path.relative_to(folder))] = path.read_bytes()
    assert len([name for name in found if name.endswith("captions.jsonl")]) == 4
    return found


@pytest.mark.slow
def test_one_worker_or_two(tmp_path):
    assert sweep(tmp_path / "one", 1) == sweep(tmp_path / "two", 2)


@pytest.mark.slow
def test_kill_and_resume(tmp_path):
    """kill -9 in the middle of training; the same command goes on, and ends where an undisturbed run ends."""
    longer = ["train.steps=60", "runtime.checkpoint_every=5"]
    configs = [load("smoke", [*settings(tmp_path / name), *longer]) for name in ("whole", "killed")]
    commands = [
        [sys.executable, "-m", "bench", "train", "smoke", *settings(tmp_path / name), *longer]
        for name in ("whole", "killed")
    ]
    subprocess.run(commands[0], check=True, capture_output=True)
    process = subprocess.Popen(commands[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = run_folder(configs[1])
    deadline = time.monotonic() + 120
    while not list(folder.checkpoints.glob("step-*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert folder.result(eval_id(configs[1]), 60) is None
    subprocess.run(commands[1], check=True, capture_output=True)
    results = [run_folder(config).result(eval_id(config), 60) for config in configs]
    assert results[0]["metrics"] == results[1]["metrics"]
    rows = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in run_folder(config).read_metrics()]
        for config in configs
    ]
    assert rows[0] == rows[1]

"""Real sweeps on a real SLURM of two nodes, with faults: they complete, and give what one machine alone gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import slurm_cluster
from experiments import SMALLER
from slurm_cluster import Cluster, wait_for

from bench.runs.published import landed, strays

PROJECT = Path(__file__).parents[2]
THREE = "train.i2t_noise=[0,0.5,1]"  # times four architectures


@pytest.fixture(scope="module")
def cluster():
    with slurm_cluster.running() as cluster:
        yield cluster


@pytest.fixture
def cached(tmp_path):
    """Settings of small runs that share their latents."""
    return [*SMALLER, f"runtime.cache={tmp_path / 'cache'}"]


def sweep(folder: Path, settings: list[str], **environment: str) -> subprocess.Popen[str]:
    """The sweep of the noise cap as a command in a folder of its own."""
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": f"{PROJECT}"} | environment
    command = [sys.executable, "-m", "sweeps", "run", "noise", "smoke", *settings]
    output = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)


def complete(command: subprocess.Popen[str]) -> str:
    """What a command said, which must have gone well."""
    said, _ = command.communicate(timeout=540)
    assert command.returncode == 0, said
    return said


def assert_same(one: Path, other: Path, count: int) -> None:
    """The run folders of two sweeps hold the same results, to the last bit, and nothing else."""
    names = sorted(path.name for path in (one / "runs").iterdir())
    assert len(names) == count and names == sorted(path.name for path in (other / "runs").iterdir())
    for name in names:
        assert landed(one / "runs" / name) == landed(other / "runs" / name), name
        assert not strays(other / "runs" / name)


class Running:
    """The jobs that run just now: by node, with the process ids of their workers."""

    def __init__(self, cluster: Cluster) -> None:
        listing = cluster.ask("squeue", "-h", "-r", "-t", "running", "-o", "%i %N %A").splitlines()
        self.jobs = [tuple(line.split()) for line in listing]  # (job id, node, its id as a plain number)

    def on(self, node: str) -> list[tuple[str, ...]]:
        return [job for job in self.jobs if job[1] == node]


def worker(cluster: Cluster, plain_id: str) -> int:
    """The process of a job's worker."""
    found = []
    for process in cluster.processes(f"SLURM_JOB_ID={plain_id}"):
        if b"submitit.core._submit" in Path(f"/proc/{process}/cmdline").read_bytes():
            found.append(process)
    return found[0]


def training(folder: Path) -> int:
    """How many runs have trained some steps."""
    return len(list(folder.glob("runs/*/metrics.jsonl")))


@pytest.mark.slow
def test_twelve_runs_through_a_kill_a_cancel_a_preemption_and_the_loss_of_a_node(cluster, cached, tmp_path):
    settings = [*cached, THREE, "train.steps=60"]
    complete(sweep(tmp_path / "local", settings))
    there = tmp_path / "slurm"
    on_slurm = ["launcher.name=slurm", "launcher.every=0.5", "launcher.memory=3G"]
    command = sweep(there, [*settings, *on_slurm], **cluster.environment)
    try:
        wait_for(lambda: training(there) >= 1, 120, "the first steps")
        os.kill(worker(cluster, Running(cluster).jobs[0][2]), signal.SIGKILL)
        wait_for(lambda: training(there) >= 3, 120, "more runs")
        cluster.ask("scancel", Running(cluster).jobs[0][0])
        wait_for(lambda: training(there) >= 5 and Running(cluster).on("n1"), 120, "more runs")
        cluster.ask("sbatch", "-p", "urgent", "-w", "n1", "-c", "2", "-t", "1", "--wrap", "sleep 2", "-o", "/dev/null")
        wait_for(lambda: training(there) >= 7 and Running(cluster).on("n2"), 180, "more runs")
        cluster.kill_node("n2")
        said = complete(command)
    finally:
        command.kill()
        command.wait()
        cluster.start_node("n2")
    assert "12 of 12 runs done" in said and said.count("trying") >= 2, said
    assert_same(tmp_path / "local", there, 12)
    assert not list(there.glob("results/*/jobs/*"))
    runs = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in there.glob("runs/*/run.json")}
    starts = {name: len(run["starts"]) for name, run in runs.items()}
    assert sum(starts.values()) >= 12 + 4, starts  # every fault has hit a run


@pytest.mark.slow
def test_the_time_limit_is_no_end(cluster, cached, tmp_path):
    """A run of more than a minute, in jobs of a minute, whose submitting shell goes away."""
    cluster.wait_for_nodes()
    settings = [*cached, "model.architecture=dual_tower", "train.i2t_noise=0", "train.steps=1500"]
    complete(sweep(tmp_path / "local", settings))
    there = tmp_path / "slurm"
    on_slurm = [
        "launcher.name=slurm",
        "launcher.every=0.5",
        "launcher.memory=3G",
        "launcher.minutes=1",
        "launcher.warning=30",
    ]
    complete(sweep(there, [*settings, *on_slurm, "--detach"], **cluster.environment))
    complete(sweep(there, [*settings, *on_slurm], **cluster.environment))  # looks on
    assert_same(tmp_path / "local", there, 1)
    (run,) = there.glob("runs/*/run.json")
    assert len(json.loads(run.read_text(encoding="utf-8"))["starts"]) > 1

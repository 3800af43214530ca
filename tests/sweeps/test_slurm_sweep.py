"""Real sweeps on a real SLURM of two nodes, with faults: they complete, and give what one machine alone gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from experiments import SMALLER
from slurm_cluster import Cluster, wait_for

from bench.config import user_yaml
from bench.runs.published import leftovers, published_files
from bench.runs.reader import StoredRun

PROJECT = Path(__file__).parents[2]
THREE = "train.i2t_noise=[0,0.5,1]"  # times four architectures
STEPS = 60


@pytest.fixture
def cached(tmp_path):
    """Settings of small runs that share their latents."""
    return [*SMALLER, f"runtime.cache={tmp_path / 'cache'}"]


def sweep(folder: Path, settings: list[str], asked: str = "run", **environment: str) -> subprocess.Popen[str]:
    """The sweep of the noise cap, run or otherwise asked, as a command in a folder of its own."""
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": f"{PROJECT}"} | environment
    command = [sys.executable, "-m", "sweeps", asked, "noise", "smoke", *settings]
    output = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)


def complete(command: subprocess.Popen[str]) -> str:
    """What a command said, which must have gone well."""
    said, _ = command.communicate(timeout=1200)  # a single node of a busy machine may be left
    assert command.returncode == 0, said
    return said


def assert_same(one: Path, other: Path, count: int) -> None:
    """The run folders of two sweeps hold the same results, to the last bit, and nothing else."""
    names = sorted(path.name for path in (one / "runs").iterdir())
    assert len(names) == count and names == sorted(path.name for path in (other / "runs").iterdir())
    for name in names:
        assert published_files(one / "runs" / name) == published_files(other / "runs" / name), name
        assert not leftovers(other / "runs" / name)


@dataclass(frozen=True)
class Start:
    """One start of a run, as run.json tells it."""

    run: Path
    facts: dict[str, Any]

    @property
    def id(self) -> str:
        return self.facts["id"]

    @property
    def job(self) -> str:
        """The name by which scancel stops its task and no other of the array."""
        return "{SLURM_ARRAY_JOB_ID}_{SLURM_ARRAY_TASK_ID}".format(**self.facts["job"])


class Faults:
    """Faults, each of which hits a named start of a run in the middle of its training."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder, self.hit = cluster, folder, list[Start]()

    def strike(self, fault: Callable[[Start], object], node: str = "") -> None:
        """Wait until a run trains (on the node, if one is named), and let the fault hit it."""
        found: list[Start] = []
        wait_for(lambda: found or found.extend(self._training(node)), 180, f"a run that trains {node}")
        fault(found[0])
        self.hit.append(found[0])

    def check(self) -> None:
        """Each start that was hit came to no result, and its run was started once more."""
        for hit in self.hit:
            starts = {start["id"]: start for start in starts_of(hit.run)}
            assert starts[hit.id].get("exit") != "done", hit
            assert list(starts)[-1] != hit.id, hit

    def _training(self, node: str) -> list[Start]:
        """Starts that no fault has hit, whose process is alive, and that have trained a few of their steps."""
        alive = self.cluster.processes(*[f"SLURMD_NODENAME={node}"] * bool(node))
        spared, found = {hit.id for hit in self.hit}, []
        for metrics in self.folder.glob("runs/*/metrics.jsonl"):
            run, rows = metrics.parent, StoredRun(metrics.parent).read_metrics()
            start = Start(run, starts_of(run)[-1])
            begun = metrics.stat().st_mtime_ns > (run / "run.json").stat().st_mtime_ns  # in this start
            early = bool(rows) and rows[-1]["step"] <= STEPS / 3
            if begun and early and start.facts["pid"] in alive and start.id not in spared:
                found.append(start)
        return found


def starts_of(run: Path) -> list[dict[str, Any]]:
    """Every start of a run, the last one last."""
    return json.loads((run / "run.json").read_text(encoding="utf-8"))["starts"]


@pytest.mark.slow
def test_twelve_runs_through_a_kill_a_cancel_a_preemption_and_the_loss_of_a_node(cluster, cached, tmp_path):
    settings = [*cached, THREE, f"train.steps={STEPS}"]
    complete(sweep(tmp_path / "local", settings))
    there = tmp_path / "slurm"
    on_slurm = ["launcher.name=slurm", "launcher.every=0.5", "launcher.memory=3G"]
    urgent = ["sbatch", "-p", "urgent", "-w", "n1", "-c", "2", "-t", "1", "--wrap", "sleep 2", "-o", "/dev/null"]
    command, faults = sweep(there, [*settings, *on_slurm], **cluster.environment), Faults(cluster, there)
    try:
        faults.strike(lambda start: os.kill(start.facts["pid"], signal.SIGKILL))
        faults.strike(lambda start: cluster.ask("scancel", start.job))
        faults.strike(lambda start: cluster.ask(*urgent), node="n1")
        faults.strike(lambda start: cluster.kill_node("n2"), node="n2")
        said = complete(command)
    finally:
        command.kill()
        command.wait()
        cluster.start_node("n2")
    assert "12 of 12 runs done" in said and said.count("trying") >= 2, said
    assert_same(tmp_path / "local", there, 12)
    assert not list(there.glob("results/*/jobs/*"))
    faults.check()
    starts = {path.parent.name: len(starts_of(path.parent)) for path in there.glob("runs/*/run.json")}
    assert sum(starts.values()) >= 12 + len(faults.hit), starts


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
    assert len(starts_of(run.parent)) > 1


@pytest.mark.slow
def test_a_search_on_the_cluster_finds_what_it_finds_on_one_machine(cluster, cached, tmp_path):
    cluster.wait_for_nodes()
    settings = [*cached, "model.architecture=dual_tower", "tune.factors=[0.5,1,2]", "tune.rungs=[0.5,1]"]
    complete(sweep(tmp_path / "local", settings, "tune"))
    on_slurm = ["launcher.name=slurm", "launcher.every=0.5", "launcher.memory=3G"]
    complete(sweep(tmp_path / "slurm", [*settings, *on_slurm], "tune", **cluster.environment))
    found = [tuned_arms(tmp_path / where) for where in ("local", "slurm")]
    assert found[0] == found[1] and [len(rung["candidates"]) for rung in found[0][0]["climbs"][0]["rungs"]] == [3, 2]
    assert_same(tmp_path / "local", tmp_path / "slurm", 5)


def tuned_arms(folder: Path) -> list[dict[str, Any]]:
    """The arms of the one file of tuned rates, without the seconds they took."""
    (path,) = folder.glob("tuned/*.yaml")
    arms = user_yaml.read(path.read_text(encoding="utf-8"))["arms"]
    for arm in arms:
        assert arm["budget"].pop("seconds") > 0
    return arms

"""The slurm launcher on a real SLURM of two nodes, with a worker that only pretends to train."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from experiments import leave_weights, weights_in
from slurm_cluster import Cluster, wait_for

from bench.runs.failures import OUT_OF_MEMORY, REQUEST, Failure
from bench.system.errors import UserError
from sweeps import launchers, plan
from sweeps.jobs import Job, jobs

PROJECT = Path(__file__).parents[2]

STAND_IN = '''
import json, os, sys, time, types
from pathlib import Path

def work(sweep, run_id):
    """Do what the file modes/RUN_ID says, the first time; leave a result the next time."""
    from bench.system import interrupts
    from bench.runs.failures import Failure
    from bench.runs.folder import RunFolder

    content = json.loads(sweep.read_text())
    point = next(point for point in content["points"] if point["run_id"] == run_id)
    folder = RunFolder(sweep.parent / content["runs_root"] / run_id)
    starts, mode = Path("starts", run_id), Path("modes", run_id)
    starts.write_text((starts.read_text() if starts.exists() else "") + f"{os.getpid()} ")
    mode = mode.read_text() if mode.exists() else ""
    with folder.acquire():
        if mode == "fail":
            folder.fail(Failure("bug", "no"))
            return "bug: no"
        if mode == "raise":
            raise AssertionError("not even caught")
        if mode == "gate":
            while not Path("gate").exists():
                time.sleep(0.05)
        if mode == "eat":
            ate = bytearray(400 * 2**20)
            time.sleep(60)
        if mode == "stuck":
            time.sleep(60)
        if mode == "train" and not folder.checkpoint(1).exists():
            with interrupts.delayed():
                while not interrupts.pending():
                    time.sleep(0.05)
                time.sleep(0.5)
                folder.checkpoints.mkdir()
                folder.checkpoint(1).write_text("")
        with folder.attempt() as attempt:
            folder.publish_result(point["eval_id"], point["step"], attempt, {"metrics": {}})

if os.environ.get("SLURM_JOB_ID"):
    import sweeps
    sweeps.worker = sys.modules["sweeps.worker"] = types.ModuleType("sweeps.worker")
    sweeps.worker.work = work
'''


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, cluster):
    """An empty folder with stand-in weights, in which jobs find the stand-in worker."""
    leave_weights(tmp_path)
    (tmp_path / "sitecustomize.py").write_text(STAND_IN, encoding="utf-8")
    for folder in ("starts", "modes"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}")
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield
    cluster.ask("scancel", "-u", str(os.getuid()))
    wait_for(lambda: not cluster.alive(), 20, "the end of all jobs")


class Sweep:
    """A planned sweep of some runs, and what a launcher tells of them."""

    def __init__(self, count: int, *modes: str) -> None:
        noises = ",".join(f"{index / 20}" for index in range(count))
        request = [f"train.i2t_noise=[{noises}]", "model.architecture=dual_tower", *weights_in(Path())]
        self.plan = plan.make("noise", "smoke", request)
        plan.write(self.plan)
        self.file = self.plan.results / "sweep.json"
        self.jobs = jobs(self.plan)
        for job, mode in zip(self.jobs, modes, strict=False):
            Path("modes", job.run_id).write_text(mode, encoding="utf-8")

    def launcher(self, **settings: str):
        kind = launchers.get("slurm")
        given = {"every": "0.3", "memory": "200M", "minutes": "10"} | settings
        return kind(self.file, 1, launchers.options(kind, given))

    def arrays(self) -> list[Path]:
        return sorted((self.plan.results / "jobs").glob("*"))


def until_ended(launcher, count: int, seconds: float = 60.0) -> dict[str, launchers.News]:
    """Poll until so many jobs have ended or are lost; the last news of each by run id."""
    news: dict[str, launchers.News] = {}
    deadline = time.monotonic() + seconds
    while len(news) < count:
        assert time.monotonic() < deadline, f"only {news} within {seconds} s"
        news |= {item.job.run_id: item for item in launcher.poll() if item.kind != "started"}
    return news


def starts(job: Job) -> list[int]:
    """Process ids of a run's workers."""
    file = Path("starts", job.run_id)
    return [int(pid) for pid in file.read_text(encoding="utf-8").split()] if file.exists() else []


def job_ids(cluster: Cluster, sweep: Sweep) -> dict[str, str]:
    """Run id -> SLURM's job id."""
    found = {}
    for line in cluster.ask("squeue", "-h", "-r", "-t", "all", "-o", "%i %j").splitlines():
        job_id, name = line.split()
        file = sweep.plan.results / "jobs" / name / "array.json"
        if file.exists():
            found[json.loads(file.read_text(encoding="utf-8"))["runs"][int(job_id.partition("_")[2] or 0)]] = job_id
    return found


def test_twelve_runs_are_done_once_each_in_arrays_no_larger_than_the_cluster_allows():
    sweep = Sweep(12)  # MaxArraySize is 11
    launcher = sweep.launcher()
    launcher.submit(sweep.jobs)
    arrays = [json.loads((array / "array.json").read_text(encoding="utf-8")) for array in sweep.arrays()]
    assert sorted(len(array["runs"]) for array in arrays) == [1, 11]
    news = until_ended(launcher, 12)
    assert {(item.kind, item.error) for item in news.values()} == {("ended", "")}
    assert all(job.done and len(starts(job)) == 1 for job in sweep.jobs)
    assert not (sweep.plan.results / "jobs").exists()  # nobody needs it any more


def test_ways_to_end_without_a_result(cluster):
    sweep = Sweep(6, "gate", "gate", "eat", "fail", "raise", "")
    killed, cancelled, hungry, failing, raising, fine = sweep.jobs
    launcher = sweep.launcher()
    launcher.submit(sweep.jobs)
    wait_for(lambda: starts(killed) and starts(cancelled), 20, "their start")
    os.kill(starts(killed)[0], signal.SIGKILL)
    cluster.ask("scancel", job_ids(cluster, sweep)[cancelled.run_id])
    news = until_ended(launcher, 6)
    kinds = Counter(item.kind for item in news.values())
    assert kinds == {"lost": 4, "ended": 2} and fine.done
    assert news[failing.run_id].error == "bug: no" and news[failing.run_id].kind == "ended"
    said = {job.run_id: Failure.parse(news[job.run_id].error) for job in (killed, cancelled, hungry, raising)}
    assert "failed" in said[killed.run_id].message and "cancelled" in said[cancelled.run_id].message
    assert said[hungry.run_id].kind == OUT_OF_MEMORY and "launcher.memory" in said[hungry.run_id].message
    assert "not even caught" in said[raising.run_id].message
    Path("gate").touch()
    Path("modes", hungry.run_id).unlink()
    launcher.submit([killed, cancelled, hungry])  # again, as the runner does
    assert {item.kind for item in until_ended(launcher, 3).values()} == {"ended"}
    assert killed.done and cancelled.done and hungry.done


def test_time_limit_and_preemption_leave_a_checkpoint_and_start_again(cluster):
    sweep = Sweep(2, "train", "train")
    at_limit, preempted = sweep.jobs
    launcher = sweep.launcher(cpus="2")  # each fills a node
    launcher.submit(sweep.jobs)
    wait_for(lambda: starts(at_limit) and starts(preempted), 20, "their start")
    ids = job_ids(cluster, sweep)
    cluster.ask("scancel", "--batch", "--signal=USR2", ids[at_limit.run_id])  # as SLURM does ahead of the limit
    wait_for(lambda: cluster.states()[ids[at_limit.run_id]] == "PENDING", 20, "the requeue")
    cluster.ask("sbatch", "-p", "urgent", "-N", "2", "-c", "2", "--wrap", "true", "-o", "/dev/null")
    news = until_ended(launcher, 2)
    assert {(item.kind, item.error) for item in news.values()} == {("ended", "")}
    for job in sweep.jobs:
        assert len(starts(job)) == 2 and job.folder.checkpoint(1).exists() and job.done


@pytest.mark.slow
def test_a_job_that_gives_way_within_its_grace_time_starts_again(cluster):
    sweep = Sweep(1, "train")
    launcher = sweep.launcher(partition="graceful", cpus="2")
    launcher.submit(sweep.jobs)
    wait_for(lambda: starts(sweep.jobs[0]), 20, "its start")
    cluster.ask("sbatch", "-p", "urgent", "-N", "2", "-c", "2", "--wrap", "true", "-o", "/dev/null")
    assert {item.kind for item in until_ended(launcher, 1).values()} == {"ended"}
    assert sweep.jobs[0].done and len(starts(sweep.jobs[0])) == 2


def test_a_run_that_gets_nowhere_before_the_time_limit_fails_in_the_end(cluster):
    sweep = Sweep(1, "stuck")
    job = sweep.jobs[0]
    launcher = sweep.launcher(fruitless="2")
    launcher.submit([job])
    for attempt in (1, 2):
        wait_for(lambda: len(starts(job)) == attempt, 30, "its start")  # noqa: B023 - called at once
        cluster.ask("scancel", "--batch", "--signal=USR2", job_ids(cluster, sweep)[job.run_id])
    news = until_ended(launcher, 1)[job.run_id]
    assert news.kind == "ended" and "launcher.minutes" in news.error
    failure = job.folder.failure()
    assert failure and failure.kind == REQUEST and f"{failure.kind}: {failure.message}" == news.error


SUBMIT = """
import sys, time
sys.path[:0] = {tests!r}
from test_slurm import Sweep
sweep = Sweep(4, "gate", "gate", "gate")
launcher = sweep.launcher()
launcher.submit(sweep.jobs[:3])
print("submitted", flush=True)
time.sleep(60)
"""


def test_the_same_command_finds_the_jobs_of_one_that_was_killed():
    script = SUBMIT.format(tests=[str(PROJECT / "tests" / name) for name in ("sweeps", "helpers")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], f"{PROJECT}"])}
    first = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    assert first.stdout and first.stdout.readline() == "submitted\n"
    first.kill()
    first.wait()
    sweep = Sweep(4, "gate", "gate", "gate")
    launcher = sweep.launcher()
    launcher.submit(sweep.jobs)
    arrays = [json.loads((array / "array.json").read_text(encoding="utf-8"))["runs"] for array in sweep.arrays()]
    assert sorted(len(runs) for runs in arrays) == [1, 3]  # the fourth alone is new
    Path("gate").touch()
    assert {item.kind for item in until_ended(launcher, 4).values()} == {"ended"}
    assert all(job.done and len(starts(job)) == 1 for job in sweep.jobs)


def test_cancel_ends_all_jobs_and_leaves_checkpoints(cluster):
    sweep = Sweep(6, *["train"] * 6)
    launcher = sweep.launcher()
    launcher.submit(sweep.jobs)
    wait_for(lambda: sum(bool(starts(job)) for job in sweep.jobs) == 4, 20, "four starts")
    sweep.launcher().cancel()  # another command's jobs too
    assert not cluster.alive()
    assert sum(job.folder.checkpoint(1).exists() for job in sweep.jobs) == 4
    assert {item.kind for item in until_ended(launcher, 6).values()} == {"lost"}


def test_the_controller_may_be_away_for_a_while(cluster, monkeypatch):
    sweep = Sweep(1, "gate")
    launcher = sweep.launcher()
    launcher.submit(sweep.jobs)
    wait_for(lambda: starts(sweep.jobs[0]), 20, "its start")
    with monkeypatch.context() as patch:
        # squeue fails at once; a controller that is away it waits for
        Path("broken.conf").write_text("Nonsense=1\n", encoding="utf-8")
        patch.setenv("SLURM_CONF", "broken.conf")
        assert not [news for _ in range(3) for news in launcher.poll()]
        with pytest.raises(UserError, match="launcher.name=slurm: "):
            sweep.launcher()
        patch.setattr("sweeps.launchers.slurm.PATIENCE", 0.0)
        with pytest.raises(UserError, match="has not answered"):
            until_ended(launcher, 1)
    cluster.stop_controller()
    Path("gate").touch()
    wait_for(lambda: sweep.jobs[0].done, 20, "the result")
    cluster.start_controller()
    cluster.wait_for_nodes()
    assert {item.kind for item in until_ended(launcher, 1).values()} == {"ended"}


@pytest.mark.parametrize("settings", [{"partition": "nowhere"}, {"additional": "{nonsense: 1}"}, {"memory": "9T"}])
def test_what_slurm_refuses_is_said_in_a_line(settings):
    sweep = Sweep(2)
    with pytest.raises(UserError) as refusal:
        sweep.launcher(**settings).submit(sweep.jobs)
    assert "\n" not in str(refusal.value) and "SLURM takes no job: " in str(refusal.value)
    assert not sweep.arrays()


def test_without_slurm_the_launcher_says_so(monkeypatch):
    sweep = Sweep(1)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        with pytest.raises(UserError, match="no sbatch, squeue, scontrol, scancel here"):
            sweep.launcher()

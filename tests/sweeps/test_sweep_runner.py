"""The sweep goes on whatever one run does: fails, kills its worker, or is held by another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest
from experiments import leave_weights, weights_in
from project_copies import PROJECT, python

from bench.config.load import load
from bench.runs import identity, lease
from bench.runs.failures import LOST_WORKER
from bench.runs.format import FORMAT
from bench.runs.lease import Held
from sweeps import events, plan, report, runner, worker
from sweeps.jobs import jobs
from sweeps.launchers import local, slurm_task

WEIGHTS = weights_in(Path())
FAKE = """
import json, os, sys, time
from pathlib import Path
from bench.runs import identity
from bench.runs.failures import Failure
from sweeps.jobs import configs_of
for line in sys.stdin:
    for config in configs_of(Path(sys.argv[1]), line.strip()):
        folder, ids = identity.run_folder(config), (identity.eval_id(config), config.train.steps)
        mode = json.loads(Path("modes.json").read_text()).get(str(config.train.i2t_noise), "done")
        tries = Path(f"tried-{config.train.i2t_noise}")
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        if mode == "dies" or (mode == "dies once" and tries.read_text() == "x"):
            print("out of luck", file=sys.stderr, flush=True)
            os.kill(os.getpid(), 9)
        if mode == "fails":
            folder.fail(Failure("bug", "ValueError: no"))
            print(json.dumps("bug: ValueError: no"), flush=True)
            break
        with folder.acquire(), folder.attempt() as attempt:
            folder.publish_result(*ids, attempt, {"metrics": {"fid": {"value": 12.345}}})
    else:
        print("null", flush=True)
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder with stand-in weights and a worker that only pretends to train."""
    leave_weights(tmp_path)
    (tmp_path / "fake.py").write_text(FAKE, encoding="utf-8")
    (tmp_path / "modes.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "WORKER", [sys.executable, "fake.py"])
    monkeypatch.setattr(events, "PATIENCE", 0.05)
    monkeypatch.setattr(report.Report, "build", lambda self: Path("built").write_text("x", encoding="utf-8"))


def made(noise: str, *more: str) -> plan.Plan:
    return plan.make("noise", "smoke", [f"train.i2t_noise=[{noise}]", "model.architecture=dual_tower", *WEIGHTS, *more])


def launcher_of(planned: plan.Plan, workers: int) -> local.Local:
    return local.Local(planned.results / "sweep.json", 1, local.LocalOptions(workers))


def run(planned: plan.Plan, workers: int = 1, **how: bool) -> int:
    changed, todo = runner.prepare(planned), runner.to_do(planned)
    if not todo:
        return runner.nothing_to_do(planned, changed)
    return runner.run(planned, todo, launcher_of(planned, workers), **how)


def test_one_failing_and_one_deadly_run_stop_nothing(capsys):
    Path("modes.json").write_text(json.dumps({"0.25": "fails", "0.5": "dies", "0.75": "dies once"}), encoding="utf-8")
    planned = made("0,0.25,0.5,0.75,1")
    assert run(planned, workers=2) == 1
    assert [point.status for point in planned.points] == ["done", "failed", "failed", "done", "done"]
    died = planned.points[2].folder.failure()
    assert died.kind == LOST_WORKER and "SIGKILL" in died.message and "out of luck" in died.details
    assert Path("tried-0.5").read_text(encoding="utf-8") == "x" * events.TRIES
    assert Path("tried-0.75").read_text(encoding="utf-8") == "xx"
    said = capsys.readouterr()
    assert said.out.count(" done in ") == 3 + 1  # three runs, and the last line
    assert "fid 12.3" in said.out
    assert said.err.count("failed: ") == 2 and "bug: ValueError: no" in said.err
    assert Path("built").exists()


def test_fail_fast_stops_at_the_first_failure(capsys):
    Path("modes.json").write_text(json.dumps({"0.0": "fails"}), encoding="utf-8")
    planned = made("0,0.5,1")
    assert run(planned, fail_fast=True) == 1
    assert planned.points[0].status == "failed" and planned.points[2].status == "pending"
    assert "left out (--fail-fast)" in capsys.readouterr().out


def test_what_is_done_is_never_done_again_and_what_failed_is_tried_again(capsys):
    Path("modes.json").write_text(json.dumps({"1.0": "fails"}), encoding="utf-8")
    assert run(made("0,1")) == 1
    Path("modes.json").write_text("{}", encoding="utf-8")
    assert run(made("0,1")) == 0
    assert Path("tried-0.0").read_text(encoding="utf-8") == "x"
    assert Path("tried-1.0").read_text(encoding="utf-8") == "xx"
    capsys.readouterr()
    assert run(made("0,1")) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_sweep_json_tells_workers_and_reports_where_everything_is():
    planned = made("0,1")
    run(planned)
    content = json.loads((planned.results / "sweep.json").read_text(encoding="utf-8"))
    assert content["schema"] == FORMAT and content["name"] == "noise" and content["preset"] == "smoke"
    for point in content["points"]:
        folder = planned.results / content["runs_root"] / point["run_id"]
        assert (folder / "evals" / point["eval_id"] / f"step-{point['step']}" / "result.json").exists()


def test_fresh_runs_and_results_have_folders_of_their_own():
    usual, fresh = plan.make("noise", "smoke", WEIGHTS), plan.make("noise", "smoke", WEIGHTS, "fresh-1")
    assert fresh.results == usual.results.with_name(usual.results.name + "-fresh-1")
    assert fresh.runs == usual.runs / "fresh-1"
    assert [p.folder.run_id for p in fresh.points] == [p.folder.run_id for p in usual.points]
    there = load("smoke", fresh.points[0].overrides)  # what a worker makes of it
    assert identity.run_folder(there).path == fresh.points[0].folder.path


def test_cancelling_stops_the_workers():
    Path("fake.py").write_text("import time\ntime.sleep(60)", encoding="utf-8")
    planned = made("0")
    runner.prepare(planned)
    launcher = launcher_of(planned, 1)
    launcher.submit(jobs(planned))
    assert launcher.poll()[0].kind == "started"
    launcher.cancel()
    assert planned.points[0].status == "pending"
    assert not any(slot.is_alive() for slot in launcher._slots)


HOLD = """
import sys, time
from bench.runs.folder import RunFolder
with RunFolder(sys.argv[1]).acquire(float(sys.argv[2])):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def holding(planned: plan.Plan, lease: float, seconds: float) -> subprocess.Popen[str]:
    """Another process that is at the first run, for so many seconds."""
    command = [sys.executable, "-c", HOLD, str(planned.points[0].folder.path), str(lease), str(seconds)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    return other


def test_a_run_held_elsewhere_is_waited_for_and_taken_over_once_it_is_free(capsys):
    planned = made("0,1")
    with holding(planned, lease=60, seconds=1.5):
        assert run(planned) == 0
    said = capsys.readouterr().out
    assert "is worked on elsewhere" in said and "taking it over" in said
    assert [point.status for point in planned.points] == ["done", "done"]


def test_a_run_held_elsewhere_that_is_done_there_is_not_done_again(capsys):
    planned = made("0,1")
    point = planned.points[0]
    with holding(planned, lease=60, seconds=30) as other:
        waiting = events.Events(launcher_of(planned, 1), jobs(planned)[:1])
        waiting.submit()
        told = iter(waiting)
        assert next(told).kind == "held"
        with point.folder.attempt() as attempt:  # the other process's work
            point.folder.publish_result(point.eval_id, point.step, attempt, {"metrics": {}})
        assert [event.kind for event in told] == ["done"]
        other.kill()
    assert not Path("tried-0.0").exists()


def test_a_worker_tells_apart_done_failed_and_held(monkeypatch):
    experiment = types.ModuleType("bench.experiment.execute")
    monkeypatch.setitem(sys.modules, "bench.experiment.execute", experiment)
    monkeypatch.setattr("bench.experiment.execute", experiment, raising=False)
    planned = made("0")
    runner.prepare(planned)
    job, sweep = jobs(planned)[0], planned.results / "sweep.json"
    experiment.run = lambda config: {}
    assert worker.work(sweep, job.run_id) is None
    experiment.run = raising(Held("host 7"))
    assert worker.work(sweep, job.run_id) == "held: host 7"
    assert job.folder.failure() is None
    experiment.run = raising(RuntimeError("the loss is nan at step 3\nmore"))
    assert worker.work(sweep, job.run_id) == "bug: RuntimeError: the loss is nan at step 3 more"
    assert "Traceback" in job.folder.failure().details


@pytest.mark.parametrize("lives", [True, False])
def test_a_slurm_job_takes_a_run_over_from_a_node_that_is_lost_only(monkeypatch, lives):
    planned = made("0")
    runner.prepare(planned)
    job, sweep = jobs(planned)[0], planned.results / "sweep.json"
    claim = job.folder.lease_files
    claim.mkdir(parents=True)
    lease.take(claim, 1, lease.LeaseOwner("node7", 7, "elsewhere", 0, "41", lease=0.6, since="today"))

    def work(sweep: Path, run_id: str) -> str | None:
        try:
            with job.folder.acquire():
                return None
        except Held as other:
            return f"held: {other}"

    def beat() -> None:
        while not over.wait(0.1):
            os.utime(claim / "00001.json")

    over = threading.Event()
    if lives:
        threading.Thread(target=beat, daemon=True).start()
    monkeypatch.setattr(worker, "work", work)
    answer = slurm_task._work(sweep, job.run_id, job.folder)
    over.set()
    assert answer == ("held: process 7 on node7, job 41, since today" if lives else None)


def raising(error: BaseException):
    def run(config):
        raise error

    return run


WORK = "import sys, pathlib, sweeps.worker as w; print(w.work(pathlib.Path(sys.argv[1]), sys.argv[2]))"


def test_a_worker_refuses_a_run_whose_weights_have_changed(monkeypatch):
    planned = made("0")
    runner.prepare(planned)
    Path("llm/model.safetensors").write_text("others", encoding="utf-8")
    point = planned.points[0]
    said = python(PROJECT, "-c", WORK, str(planned.results / "sweep.json"), point.folder.run_id, cwd=Path())
    assert "wrong request: " in said.stdout and "plan again" in said.stdout


def test_the_last_report_sees_the_last_run(monkeypatch, tmp_path):
    """However close the last run's end and the sweep's end come."""
    landed, seen = [], []
    monkeypatch.setattr(report.Report, "build", lambda self: seen.append(len(landed)))
    for _ in range(200):
        made_report = report.Report(tmp_path)
        made_report.start()
        landed.append("run")
        made_report.refresh()
        made_report.finish()
        assert seen[-1] == len(landed)


def test_a_report_that_takes_long_is_not_built_for_every_run(monkeypatch, tmp_path):
    """Twenty runs that land while the time of the first report is made up for are all in the second, the last."""
    built = []
    monkeypatch.setattr(report.Report, "build", lambda self: built.append(time.sleep(0.05)))
    made_report = report.Report(tmp_path)
    made_report.start()
    for run in range(20):
        made_report.refresh()
        while run == 0 and not built:
            time.sleep(0.01)
    made_report.finish()
    assert len(built) == 2

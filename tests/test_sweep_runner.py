"""The sweep goes on whatever one run does: fails, kills its worker, or is held by another process."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from bench import config as configs
from bench import identity
from bench.files import Held
from sweeps import plan, runner, worker
from sweeps.launchers import local

FAKE = '''
import json, os, sys, time
from pathlib import Path
from bench import config as configs, identity
for line in sys.stdin:
    job = json.loads(line)
    config = configs.load(job["preset"], job["overrides"])
    folder, ids = identity.run_folder(config), (identity.eval_id(config), config.train.steps)
    mode = json.loads(Path("modes.json").read_text()).get(str(config.train.i2t_noise), "done")
    tries = Path(f"tried-{config.train.i2t_noise}")
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    if mode == "dies" or (mode == "dies once" and tries.read_text() == "x"):
        print("out of memory", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    if mode == "held once" and tries.read_text() == "x":
        print(json.dumps({"outcome": "held", "error": "someone"}), flush=True)
        continue
    if mode == "fails":
        folder.fail("ValueError: no")
        print(json.dumps({"outcome": "failed", "error": "ValueError: no"}), flush=True)
        continue
    with folder.claim(), folder.attempt() as attempt:
        folder.land_result(*ids, attempt, {"metrics": {}})
    print(json.dumps({"outcome": "done", "metrics": {"fid": 12.345}}), flush=True)
'''


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder with stand-in weights and a worker that only pretends to train."""
    for kind in ("llm", "vae", "clip", "features"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "model.safetensors").write_text(kind)
    (tmp_path / "fake.py").write_text(FAKE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "WORKER", [sys.executable, "fake.py"])
    monkeypatch.setattr(local, "PATIENCE", 0.01)
    monkeypatch.setattr(runner.Report, "build", lambda self: Path("built").write_text("x"))


def made(noise: str) -> plan.Plan:
    weights = ["model.llm=./llm", "model.vae=./vae", "eval.clip=./clip", "eval.features=./features"]
    return plan.make("noise", "smoke", [f"train.i2t_noise=[{noise}]", "model.architecture=dual_tower", *weights])


def test_one_failing_and_one_deadly_run_stop_nothing(capsys):
    Path("modes.json").write_text(json.dumps({"0.25": "fails", "0.5": "dies", "0.75": "dies once", "1.0": "held once"}))
    planned = made("0,0.25,0.5,0.75,1")
    assert runner.run(planned, jobs=2) == 1
    assert [point.status for point in planned.points] == ["done", "failed", "failed", "done", "done"]
    died = planned.points[2].folder.error_file.read_text()
    assert "SIGKILL" in died and "out of memory" in died
    assert Path("tried-0.5").read_text() == Path("tried-0.75").read_text() == "xx"
    said = capsys.readouterr()
    assert said.out.count(" done in ") == 3 + 1  # three runs, and the last line
    assert "fid 12.3" in said.out
    assert said.err.count("failed: ") == 2 and "ValueError: no" in said.err
    assert Path("built").exists()


def test_what_is_done_is_never_done_again_and_what_failed_is_tried_again(capsys):
    Path("modes.json").write_text(json.dumps({"1.0": "fails"}))
    assert runner.run(made("0,1"), jobs=1) == 1
    Path("modes.json").write_text("{}")
    assert runner.run(made("0,1"), jobs=1) == 0
    assert Path("tried-0.0").read_text() == "x" and Path("tried-1.0").read_text() == "xx"
    capsys.readouterr()
    assert runner.run(made("0,1"), jobs=1) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_sweep_json_tells_reports_where_everything_is():
    Path("modes.json").write_text("{}")
    planned = made("0,1")
    runner.run(planned, jobs=1)
    content = json.loads((planned.results / "sweep.json").read_text())
    assert content["schema"] == 1 and content["name"] == "noise" and content["preset"] == "smoke"
    for point in content["points"]:
        run = planned.results / content["runs_root"] / point["run_id"]
        assert (run / "evals" / point["eval_id"] / f"step-{point['step']}" / "result.json").exists()


def test_fresh_runs_and_results_have_folders_of_their_own():
    weights = ["model.llm=./llm", "model.vae=./vae", "eval.clip=./clip", "eval.features=./features"]
    usual, fresh = plan.make("noise", "smoke", weights), plan.make("noise", "smoke", weights, "fresh-1")
    assert fresh.results == usual.results.with_name(usual.results.name + "-fresh-1")
    assert fresh.runs == usual.runs / "fresh-1"
    assert [p.folder.run_id for p in fresh.points] == [p.folder.run_id for p in usual.points]
    there = configs.load("smoke", fresh.points[0].overrides)  # what a worker makes of it
    assert identity.run_folder(there).path == fresh.points[0].folder.path


def test_closing_the_events_stops_the_workers():
    Path("modes.json").write_text("{}")
    Path("fake.py").write_text("import time\ntime.sleep(60)")
    planned = made("0")
    events = local.launch(planned, planned.points, 1)
    assert next(events).kind == "started"
    events.close()
    assert planned.points[0].status == "pending"


def raising(error: BaseException):
    def run(config):
        raise error

    return run


def test_a_worker_tells_apart_done_failed_and_held(monkeypatch):
    experiment = types.ModuleType("bench.experiment")
    monkeypatch.setitem(sys.modules, "bench.experiment", experiment)
    monkeypatch.setattr("bench.experiment", experiment, raising=False)
    point = made("0").points[0]
    experiment.run = lambda config: {"metrics": {"fid": {"value": 1.5}}}
    assert worker.work("smoke", point.overrides) == {"outcome": "done", "metrics": {"fid": 1.5}}
    experiment.run = raising(Held("host 7"))
    assert worker.work("smoke", point.overrides) == {"outcome": "held", "error": "host 7"}
    experiment.run = raising(RuntimeError("the loss is nan at step 3\nmore"))
    answer = worker.work("smoke", point.overrides)
    assert answer == {"outcome": "failed", "error": "RuntimeError: the loss is nan at step 3"}
    assert "Traceback" in point.folder.error_file.read_text()


def test_the_last_report_sees_the_last_run(monkeypatch, tmp_path):
    """However close the last run's end and the sweep's end come."""
    landed, seen = [], []
    monkeypatch.setattr(runner.Report, "build", lambda self: seen.append(len(landed)))
    for _ in range(200):
        report = runner.Report(tmp_path)
        report.start()
        landed.append("run")
        report.refresh()
        report.finish()
        assert seen[-1] == len(landed)

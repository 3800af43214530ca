"""`plan`, `status`, `why`, `retry` and `clean`: from files alone, and nothing is removed that anybody needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.config.load import load
from bench.runs import identity
from bench.runs.failures import Failure
from bench.system.command_line import exit_status
from sweeps import plan as plans
from sweeps.__main__ import main
from sweeps.estimate import Experience, shape
from sweeps.jobs import jobs
from sweeps.settings_diff import differences, flat

REQUEST = ["noise", "smoke", "model.architecture=[dual_tower,gated_layer]", "train.i2t_noise=[0,1]"]
MEGABYTE = b"x" * 1_000_000


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder, on a machine that has Java."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.evaluation.metrics.parts.ptb.check_java", lambda: None)


def planned(*more: str) -> plans.Plan:
    return plans.make("noise", "smoke", [*REQUEST[2:], *more])


def finish(plan: plans.Plan, index: int, seconds: float = 24.0, score: float = 6.0) -> plans.Point:
    """Leave behind what a finished run leaves."""
    point = plan.points[index]
    config = load(plan.preset, point.overrides)
    known = {"train": identity.train_identity(config), "eval": identity.eval_identity(config)}
    point.folder.create("", {"architecture": point.architecture, "identity": known}, {"host": "here"})
    for step in (6, 12):
        point.folder.checkpoint(step).write_bytes(MEGABYTE)
        point.folder.append_metrics({"step": step, "loss": 1.5, "seconds": seconds * step / 12})
    cost = {"train_seconds": seconds, "score_seconds": score, "train_flops": 2.4e12}
    result = {"metrics": {}, "cost": cost, "eval_identity": known["eval"]}
    with point.folder.acquire(), point.folder.attempt() as attempt:
        point.folder.publish_result(point.eval_id, point.step, attempt, result)
    return point


def test_plan_takes_time_and_disk_from_finished_runs_of_the_same_shape(capsys):
    finish(planned(), 0)
    assert main(["plan", *REQUEST, "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    same, other = (
        next(line for line in lines if line.startswith("pending") and name in line) for name in ("tower", "gated")
    )
    assert same.endswith("i2t_noise=1  30 s, 2 MB")  # another noise cap takes as long
    assert "MB" not in other
    assert "4 runs, 3 to do: 30 s with 1 at a time, 0.002 GB" in lines
    assert lines[-1].strip().startswith("2 of them unlike any run that is done here")


def test_a_run_of_another_schema_is_no_experience_and_no_obstacle(capsys):
    other = finish(planned(), 0).folder.path.with_name("foreign-0123456789")
    (other / "evals").mkdir(parents=True)
    (other / "run.json").write_text('{"schema": 99}', encoding="utf-8")
    assert main(["plan", *REQUEST]) == 0
    assert "by 1 finished run of this shape" in capsys.readouterr().out


def test_a_longer_run_takes_longer_but_is_scored_as_fast():
    finish(planned(), 0)
    point = planned("train.steps=120").points[0]
    assert Experience(Path("runs")).cost(point.shape, point.step).seconds == pytest.approx(240 + 6)


def test_the_shape_is_what_a_step_costs():
    def of(*overrides: str) -> str:
        return shape(identity.train_identity(load("smoke", list(overrides))))

    free = ["seed=3", "train.lr=1e-5", "train.i2t_noise=0.5", "train.steps=99", "train.text_weight=0.3"]
    assert of() == of(*free)
    for one in ("train.batch_size=4", "model.architecture=gated_layer", "train.t2i_fraction=0.5", "runtime.threads=2",
                "data.image_size=64", "model.patch_size=2", "train.precision=float32"):  # fmt: skip
        assert of(one) != of("train.precision=bfloat16"), one


@pytest.mark.parametrize("runs_done", [0, 1])
def test_plan_counts_flops_where_nothing_of_the_kind_is_done(capsys, runs_done):
    if runs_done:
        finish(planned(), 0)
    request = [*REQUEST[:2], "model.architecture=gated_layer", "train.i2t_noise=[0,1]"]
    assert main(["plan", *request, "--count"]) == 0
    said = capsys.readouterr().out
    assert ("rate of finished runs of other shapes" if runs_done else "rate of bare matmuls") in said
    assert "unlike any run" not in said and len(re.findall(r"pending .* s, \d+ MB", said)) == 2


def test_status_tells_what_is_under_way_and_why_runs_failed(capsys):
    plan = planned()
    finish(plan, 0)
    partial, failed = plan.points[1], plan.points[2]
    partial.folder.create("", {}, {})
    partial.folder.append_metrics({"step": 5, "loss": 2.25, "seconds": 10.0})
    failed.folder.fail(Failure("non-finite loss", "the loss is nan at step 3", "Traceback"))
    assert main(["status", *REQUEST]) == 0
    said = capsys.readouterr().out
    assert "1 done, 0 running, 1 partial, 1 failed, 1 pending" in said
    assert "step 5 of 12, loss 2.25" in said
    assert f"non-finite loss: the loss is nan at step 3 ({failed.folder.error_file})" in said
    with partial.folder.acquire():
        main(["status", *REQUEST])
    assert re.search(
        r"running .* step 5 of 12, loss 2.25, 0.2 min of training left, process \d+ on ", capsys.readouterr().out
    )


def test_status_all_has_a_row_for_every_run(capsys):
    main(["status", *REQUEST, "--all"])
    assert len(capsys.readouterr().out.splitlines()) == 1 + 4


def test_when_all_is_done_watching_ends_and_nothing_is_why(capsys):
    plan = planned()
    for index in range(4):
        finish(plan, index)
    assert main(["status", *REQUEST, "--watch"]) == 0
    assert "4 done" in capsys.readouterr().out
    assert main(["why", *REQUEST]) == 0
    assert "all 4 runs are done" in capsys.readouterr().out


def test_why_names_the_keys_data_and_weights_that_differ(capsys):
    plan = planned()
    done = finish(plan, 0)
    assert main(["why", *REQUEST]) == 0
    said = capsys.readouterr().out
    assert f"nearest finished run: {done.folder.run_id}" in said
    assert "train.train.i2t_noise: 1.0 here, 0.0 there" in said
    assert "train.model.architecture: gated_layer here, dual_tower there" in said
    assert main(["why", "noise", "smoke", *REQUEST[2:], "data.train_size=128", "--run", "dual"]) == 0
    said = capsys.readouterr().out
    assert "train.data.train_size: 128 here, 256 there" in said


def test_differences_are_of_values_not_of_how_they_are_written():
    assert differences(flat({"a": {"b": (1, 2)}, "c": 1}), flat({"a": {"b": [1, 2]}, "c": 2})) == {"c": (1, 2)}
    assert differences({"a": 1}, {}) == {"a": (1, "nothing")}


def test_clean_asks_and_removes_only_what_nobody_needs(capsys, monkeypatch):
    plan = planned()
    done = finish(plan, 0)
    (done.folder.path / "attempts" / "dead").mkdir(parents=True)
    (done.folder.path / ".run.json.gone_1-1-abc.draft").write_text("{", encoding="utf-8")
    partial = plan.points[1].folder
    partial.create("", {}, {})
    partial.checkpoint(6).write_bytes(MEGABYTE)
    kept = [done.folder.checkpoint(12), partial.checkpoint(6), done.folder.metrics_file]
    before = sorted(Path("runs").rglob("*"))
    assert exit_status(lambda: main(["clean", *REQUEST])) == 2
    assert "--yes" in capsys.readouterr().err and sorted(Path("runs").rglob("*")) == before
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert main(["clean", *REQUEST]) == 0 and sorted(Path("runs").rglob("*")) == before
    assert main(["clean", *REQUEST, "--yes"]) == 0
    assert all(path.exists() for path in kept) and not done.folder.checkpoint(6).exists()
    assert not (done.folder.path / "attempts").exists() and not list(Path("runs").rglob(".*"))
    assert done.status == "done"
    capsys.readouterr()
    assert main(["clean", *REQUEST, "--yes"]) == 0 and "nothing to remove" in capsys.readouterr().out
    assert main(["clean", *REQUEST, "--checkpoints", "--yes"]) == 0
    assert not done.folder.checkpoint(12).exists() and partial.checkpoint(6).exists() and done.status == "done"


def test_clean_takes_a_clusters_logs_once_all_is_done(capsys):
    plan = planned()
    logs = plan.results / "jobs" / "array" / "log"
    logs.parent.mkdir(parents=True)
    logs.write_text("it ran", encoding="utf-8")
    for index in range(4):
        assert main(["clean", *REQUEST, "--yes"]) == 0 and logs.exists()
        finish(plan, index)
    assert main(["clean", *REQUEST, "--yes"]) == 0 and not logs.parents[1].exists()


def test_clean_leaves_alone_what_a_process_is_at():
    plan = planned()
    done = finish(plan, 0)
    with done.folder.acquire():
        (done.folder.path / "attempts" / "alive").mkdir(parents=True)
        assert main(["clean", *REQUEST, "--yes"]) == 0
        assert (done.folder.path / "attempts" / "alive").exists() and done.folder.checkpoint(6).exists()


def test_retry_takes_failed_runs_only_and_of_one_class_where_asked(capsys, monkeypatch):
    plan = planned()
    for point, kind in zip(plan.points, ("bug", "lost worker", "bug"), strict=False):
        point.folder.fail(Failure(kind, "no"))
    asked = []
    monkeypatch.setattr("sweeps.runner.run", lambda plan, todo, *_: asked.append([job.run_id for job in todo]) or 0)
    assert main(["retry", *REQUEST]) == main(["retry", *REQUEST, "--only", "lost worker"]) == 0
    ids = [job.run_id for job in jobs(plan)]
    assert asked == [ids[:3], ids[1:2]]
    assert "2 failed: bug (read error.txt)" in capsys.readouterr().out
    for point in plan.points:
        point.folder.error_file.unlink(missing_ok=True)
    assert main(["retry", *REQUEST]) == 0 and "nothing to retry" in capsys.readouterr().out


def test_a_launcher_of_another_package_is_found_by_its_entry_point(tmp_path, monkeypatch, capsys):
    """An installed distribution, as pip leaves it; `launcher.name=ray` then runs through it."""
    (tmp_path / "raying.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass RayOptions:\n    address: str = 'auto'\n"
        "class Ray:\n    Options = RayOptions\n    outlives = True\n"
        "    def __init__(self, sweep, threads, options):\n        self.options = options\n"
        "    def submit(self, jobs):\n        print('submitted', len(jobs), 'to', self.options.address)\n",
        encoding="utf-8",
    )
    about = tmp_path / "raying-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: raying\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[xfusion_bench.launchers]\nray = raying:Ray\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["run", *REQUEST, "launcher.name=ray", "launcher.address=here", "--detach"]) == 0
    assert "submitted 4 to here" in capsys.readouterr().out
    assert exit_status(lambda: main(["run", *REQUEST, "launcher.name=ray", "launcher.adress=here"])) == 2
    assert "did you mean 'address'?" in capsys.readouterr().err


def test_detaching_from_jobs_that_end_with_the_command_is_refused(capsys):
    assert exit_status(lambda: main(["run", *REQUEST, "--detach"])) == 2
    assert "--detach" in capsys.readouterr().err

"""RunLoggers show what metrics.jsonl and the results hold, however often a run is interrupted, and never stop it."""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from pathlib import Path

import pytest
from deaths import Killed, killed_in_steps
from experiments import small_config

from bench.__main__ import main
from bench.config.schema import LOGGERS
from bench.experiment import execute
from bench.runs.folder import RunFolder
from bench.runs.identity import eval_id, run_folder
from bench.system.command_line import exit_status
from bench.training import loop
from bench.training.logger_backends import BACKENDS
from bench.training.loggers import RunLoggers


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory) -> tuple[Path, dict[int, dict[str, float]]]:
    """The loggers' folder of a run that was killed twice and resumed, and the truth: names and values by step."""
    folder = tmp_path_factory.mktemp("mirrored")
    names = ",".join(filter(find_spec, LOGGERS))
    config = small_config(folder, f"runtime.loggers=[{names}]", "eval.every=2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "LOG_EVERY", 1)
        taken = killed_in_steps(patch, 2, 5)  # before there is a checkpoint, and in the second start after step 2
        patch.delenv("WANDB_MODE", raising=False)
        patch.setattr("bench.training.logger_backends.MLFLOW_SERVER", None)
        for _ in range(2):
            with pytest.raises(Killed):
                execute.run(config)
        execute.run(config)
    assert taken == [0, 1, 0, 1, 2, 2, 3, 4, 5]
    run = run_folder(config)
    lines = run.metrics_file.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 2 + 4  # the truth has the repeated steps twice
    truth = {row.pop("step"): row for row in run.read_metrics()}
    for result in run.results(eval_id(config)):
        truth[result["step"]] |= {f"eval/{name}": score["value"] for name, score in result["metrics"].items()}
    assert sorted(truth) == [1, 2, 3, 4, 5, 6]
    assert all("eval/fid" in truth[step] for step in (2, 4, 6))
    return run.path / "loggers", truth


def test_csv_equals_the_truth(mirrored):
    pandas = pytest.importorskip("pandas")
    folder, truth = mirrored
    table = pandas.read_csv(folder / "csv" / "metrics.csv")
    found = [{k: v for k, v in row.items() if not math.isnan(v)} for row in table.to_dict("records")]
    assert [row["step"] for row in found] == [1, 2, 2, 3, 4, 4, 5, 6, 6]  # a row of loop, a row of scores
    for row in found:
        step = row.pop("step")
        assert row.items() <= truth[step].items()
    assert sum(map(len, found)) == sum(map(len, truth.values()))  # each once


def test_tensorboard_equals_the_truth(mirrored):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, truth = mirrored
    events = reader.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    found = [
        (event.step, name, event.value) for name in events.Tags()["scalars"] for event in events.Scalars(name)
    ]
    expected = [(step, name, value) for step, row in truth.items() for name, value in row.items()]
    assert sorted(item[:2] for item in found) == sorted(item[:2] for item in expected)  # each once
    values = {item[:2]: item[2] for item in expected}
    assert all(value == pytest.approx(values[step, name], rel=1e-6) for step, name, value in found)  # float32


def wandb_records(content: bytes) -> list[bytes]:
    """The records of a .wandb file: a header of 7 bytes, then blocks of 32 KiB in LevelDB's log format."""
    records, parts, place = [], [], 7
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:  # no header fits: padding
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts.append(content[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            records.append(b"".join(parts))
            parts = []
    return records


def test_wandb_equals_the_truth_and_stays_offline(mirrored):
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    folder, truth = mirrored
    (written,) = (folder / "wandb").rglob("run-*.wandb")
    assert written.parent.name.startswith("offline-run-")
    found: dict[int, dict[str, float]] = {}
    for content in wandb_records(written.read_bytes()):
        items = Record.FromString(content).history.item
        if items:
            row = {(item.key or ".".join(item.nested_key)): json.loads(item.value_json) for item in items}
            known = found.setdefault(row["trainer/global_step"], {})
            numbers = {name: row[name] for name in row if name in truth[6] and not name.startswith("_")}
            assert not known.keys() & numbers.keys()  # each once
            known |= numbers
    assert found == truth


def test_mlflow_equals_the_truth(mirrored):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    folder, truth = mirrored
    (store,) = (folder / "mlflow").iterdir()
    client = MlflowClient(store.absolute().as_uri())
    (tracked,) = client.search_experiments(filter_string="name = 'xfusion-bench'")
    (run,) = client.search_runs([tracked.experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["train/steps"] == "6"
    found = {
        (metric.step, name): metric.value
        for name in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, name)
    }
    assert found == {(step, name): value for step, row in truth.items() for name, value in row.items()}


class Flaky:
    """A logger that fails when asked for the second time, or as early as it can."""

    def __init__(self, at_once: bool) -> None:
        self.calls, self.at_once = 0, at_once

    def log_hyperparams(self, settings):
        if self.at_once:
            raise ConnectionError("no server")

    def log_metrics(self, values, step):
        self.calls += 1
        if self.calls > 1:
            raise OSError(28, "No space left on device")

    def save(self):
        pass


@pytest.mark.parametrize(("at_once", "reason"), [(True, "no server"), (False, "No space left")])
def test_a_mirror_that_fails_is_dropped_with_one_warning(tmp_path, monkeypatch, capsys, at_once, reason):
    flaky = Flaky(at_once)
    monkeypatch.setitem(BACKENDS, "wandb", lambda place, run_id: flaky)
    monkeypatch.setattr("bench.config.validate.find_spec", lambda name: True)
    config = small_config(tmp_path, "runtime.loggers=[wandb,csv]")
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    with RunLoggers(config, folder, "e" * 10) as mirrors:
        for step in range(1, 6):
            row = {"step": step, "loss": 1 / step}
            folder.append_metrics(row)
            mirrors.row(row)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("warning: wandb ") and reason in said
    assert flaky.calls == (0 if at_once else 2)
    lines = (folder.path / "loggers" / "csv" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["loss,step", *(f"{1 / step},{step}" for step in range(1, 6))]


def test_a_training_that_is_only_scored_is_shown_whole(tmp_path):
    """Nothing new is trained, so the rows come from the files."""
    execute.run(small_config(tmp_path))
    config = small_config(tmp_path, "eval.guidance_scale=3", "runtime.loggers=[csv]")
    result = execute.run(config)
    lines = (run_folder(config).path / "loggers" / "csv" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 2 and str(result["metrics"]["fid"]["value"]) in lines[-1]


def test_nothing_is_mirrored_unasked(tmp_path):
    config = small_config(tmp_path)
    assert config.runtime.loggers == []
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    with RunLoggers(config, folder, "e" * 10) as mirrors:
        mirrors.row({"step": 1, "loss": 1.0})
    assert list(folder.path.iterdir()) == []


WRONG = {
    "[tensorbord]": "runtime.loggers: unknown logger 'tensorbord' (did you mean 'tensorboard'?)",
    "[csv,mlflow]": "runtime.loggers: mlflow is not installed (pip install",
    "csv": "runtime.loggers: ",
    "[[csv]]": "runtime.loggers",
}


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_request_is_refused_before_training(value, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bench.config.validate.find_spec", lambda name: None if name == "mlflow" else True)
    words = ["train", "smoke", f"runtime.runs={tmp_path}/runs", f"runtime.loggers={value}"]
    assert exit_status(lambda: main(words)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and WRONG[value] in said
    assert not (tmp_path / "runs").exists()

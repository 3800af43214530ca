"""The regression check on synthetic runs whose bounds are worked out by hand, through the command a user types."""

from __future__ import annotations

import io
import json
import math
import os
import statistics
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from scipy import stats

import architectures
from bench.config.load import load
from bench.runs.failures import Failure
from bench.runs.folder import RunFolder
from bench.runs.identity import eval_identity, train_identity
from bench.system.command_line import exit_status
from bench.system.errors import UserError
from benchmarks import fake_results
from reports.__main__ import main
from reports.regression import baseline as baselines
from reports.regression import checks, measured
from reports.regression.checks import Check
from reports.regression.measured import Run

BLESSED, GATED, FRESH = range(10), range(3), range(100, 103)
FROZEN, TRAINED = "dual_tower", "single_tower"
MACHINE = {"device": "a processor", "python": "3.11.2", "threads": 1, "usable_cores": 2, "packages": {"torch": "2.15"}}
STEPS = 20


def numbers(architecture: str, seed: int) -> dict[str, Any]:
    """What a run measures: a little chance in what depends on it."""
    chance = np.random.default_rng([len(architecture), seed])
    frozen = architecture == FROZEN
    return {
        "fid": 20 * math.exp(0.1 * chance.normal()), "clip_score": 25 + chance.normal(), "fid_ceiling": 1.25,
        "loss_image": 0.9 + 0.01 * chance.normal(), "loss_text": 0.6 + 0.02 * chance.normal(),
        "exam": 0.9 if frozen else 0.3 + 0.05 * chance.normal(),
        "trainable_params": 7 + frozen, "train_flops": 10_000 + int(chance.integers(100)), "t2i_pairs": 40,
        "peak_memory_mb": 500 + chance.normal(), "seconds": 0.1 + 0.05 * frozen,
    }  # fmt: skip


def land(runs: Path, architecture: str, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    """A run folder as training leaves it. Returns what sweep.json says of it."""
    found = numbers(architecture, seed) | changes
    run = RunFolder(runs / f"{architecture}-{seed:010d}")
    point = fake_results.point(run.run_id, architecture, seed, STEPS, 0)
    run.create("", {}, {"code": "c0de"} | MACHINE | {key: changes[key] for key in MACHINE if key in changes})
    if "error" in changes:
        run.fail(Failure("crash", changes["error"]))
        return point
    for step in range(1, STEPS + 1):
        run.append_metrics({"step": step, "loss_image": found["loss_image"], "loss_text": found["loss_text"],
                            "lr": 0.1, "seconds": step * found["seconds"]})  # fmt: skip

    def score(name: str, direction: str, **more: Any) -> dict[str, Any]:
        return fake_results.score(found[name], direction, 8, "", **more)

    fake_results.land(
        run.path, architecture, seed, STEPS,
        {"fid": score("fid", "lower", ceiling=found["fid_ceiling"]), "clip_score": score("clip_score", "higher"),
         "exam": score("exam", "higher", before=0.9)},
        cost={name: found[name] for name in ("trainable_params", "train_flops", "peak_memory_mb")},
        captions=[f"{found['clip_score']}"], seen={"t2i_pairs": found["t2i_pairs"]},
        train_identity={"seed": seed, "train": {"lr": changes.get("lr", 0.1)},
                        "model": {"architecture": architecture, "options": {"of": architecture}, "llm": "abc"}},
        eval_identity={"eval": {"split": "test"}},
    )  # fmt: skip
    return point


def session(tmp_path: Path, name: str, seeds: range, changes: dict[str, dict[str, Any]] | None = None) -> Path:
    """A results folder of both architectures, `changes` by architecture."""
    points = [
        land(tmp_path / name / "runs", architecture, seed, (changes or {}).get(architecture, {}))
        for seed in seeds
        for architecture in (FROZEN, TRAINED)
    ]
    return fake_results.ask(tmp_path / name, points, "architecture", name="regress", preset="gate", runs_root="runs")


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A baseline of ten seeds."""
    place = tmp_path_factory.mktemp("blessed")
    folder, path = session(place, "blessed", BLESSED), place / "regress.json"
    assert main(["bless", str(folder), "--baseline", str(path), "--yes"]) == 0
    return path.read_bytes()


@pytest.fixture
def blessed(baseline: bytes, tmp_path: Path) -> Path:
    """Its file."""
    path = tmp_path / "baselines" / "regress.json"
    path.parent.mkdir()
    path.write_bytes(baseline)
    return path


def gate(blessed: Path, folder: Path) -> int:
    return main(["regress", str(folder), "--baseline", str(blessed)])


def check(blessed: Path, architecture: str, measure: str) -> Check:
    found = baselines.read(blessed)
    assert found
    (only,) = [one for one in found.checks if (one.architecture, one.measure) == (architecture, measure)]
    return only


def test_bounds_are_students_for_the_difference_of_two_means(blessed):
    """3 seeds against 10, two-sided, Bonferroni over: fid, clip score and two losses twice, and one exam."""
    family = 2 * 4 + 1
    assert json.loads(blessed.read_text(encoding="utf-8"))["thresholds"]["checks"] == family
    for architecture in (FROZEN, TRAINED):
        values = [numbers(architecture, seed)["clip_score"] for seed in BLESSED]
        logs = [math.log(numbers(architecture, seed)["fid"]) for seed in BLESSED]
        t = stats.t.ppf(1 - 0.01 / family / 2, df=9)
        reach, mean = t * statistics.stdev(values) * math.sqrt(1 / 3 + 1 / 10), statistics.mean(values)
        found = check(blessed, architecture, "clip_score")
        assert (found.low, found.high) == pytest.approx((mean - reach, mean + reach))
        reach = t * statistics.stdev(logs) * math.sqrt(1 / 3 + 1 / 10)
        found = check(blessed, architecture, "fid")
        assert math.log(found.high) == pytest.approx(statistics.mean(logs) + reach)
        assert math.log(found.low) == pytest.approx(statistics.mean(logs) - reach)
        flops = statistics.mean(numbers(architecture, seed)["train_flops"] for seed in BLESSED)
        found = check(blessed, architecture, "train_flops")
        assert (found.low, found.high) == pytest.approx((0.9 * flops, 1.1 * flops))


def test_false_alarms_are_as_rare_as_promised():
    """4,000 baselines and gates of pure chance: Bonferroni over independent checks errs in almost exactly 1 %."""
    chance, studies, family = np.random.default_rng(0), 4000, 20
    known, new = chance.normal(size=(studies, family, 10)), chance.normal(size=(studies, family, 3))
    reach = checks.reach(1.0, 10, family) * known.std(-1, ddof=1)
    alarms = (np.abs(new.mean(-1) - known.mean(-1)) > reach).any(-1).mean()
    assert 0.005 < alarms < 0.015  # 0.01 +- 3 standard errors


def test_the_same_seeds_and_code_keep_everything_to_the_last_bit(blessed, tmp_path, capsys):
    folder = session(tmp_path, "again", GATED)
    assert gate(blessed, folder) == 0
    said = capsys.readouterr().out
    assert "results of the same seeds: all 6 equal, to the last bit" in said
    assert "Bounds:" in said and "clip" in said.lower()
    assert "All" not in said.splitlines()[0] and "all" in said.splitlines()[0]
    suites = ElementTree.parse(folder / "regress.xml").getroot()
    assert [suite.get("failures") for suite in suites] == ["0", "0"]
    assert len(suites[0]) == int(suites[0].get("tests", 0)) > 10


def test_fresh_seeds_are_judged_by_their_spread(blessed, tmp_path, capsys):
    assert gate(blessed, session(tmp_path, "fresh", FRESH)) == 0
    assert "no seed of these runs is in the baseline" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("architecture", "changes", "measure", "outcome"),
    [
        (FROZEN, {"clip_score": 10.0}, "CLIP score", "worse"),
        (FROZEN, {"fid": 5.0}, "FID", "better"),
        (TRAINED, {"loss_text": 0.9}, "text loss", "worse"),
        (FROZEN, {"exam": 0.9 - 1 / 512}, "change of exact-match QA", "worse"),  # one answer of a frozen model
        (TRAINED, {"fid_ceiling": 1.3}, "ceiling of FID", "changed"),
        (TRAINED, {"trainable_params": 8}, "trainable parameters", "changed"),
        (TRAINED, {"train_flops": 10_050}, "training FLOPs", "changed"),
        (TRAINED, {"t2i_pairs": 39}, "t2i pairs", "changed"),
        (FROZEN, {"peak_memory_mb": 700}, "peak memory (MB)", "worse"),
        (FROZEN, {"seconds": 0.4}, "seconds a step, to the others'", "worse"),
    ],
    ids=str,
)
def test_what_drifts_is_named_everywhere(blessed, tmp_path, capsys, architecture, changes, measure, outcome):
    folder = session(tmp_path, "drifted", GATED, {architecture: changes})
    assert gate(blessed, folder) == 1
    said = capsys.readouterr().out.partition("Bounds:")[0]
    same_code = "different; hardware and versions are the same, and so is the code"
    assert same_code in said or "all 6 equal" in said  # memory and speed are no results
    name = architecture.replace("_", " ")
    (line,) = [line for line in said.splitlines() if line.startswith(name)]
    assert measure in line and outcome in line
    (row,) = [
        line
        for line in (folder / "regress.md").read_text(encoding="utf-8").splitlines()[:12]
        if line.startswith(f"| {name}")
    ]
    assert measure in row and outcome in row
    cases = ElementTree.parse(folder / "regress.xml").iter("testcase")
    failed = [case.attrib for case in cases if case.find("failure") is not None]
    assert failed == [{"classname": f"regress.{architecture}", "name": measure}]


def test_a_machine_that_is_slower_at_all_of_it_is_no_drift(blessed, tmp_path):
    slower = {name: {"seconds": 5 * numbers(name, 0)["seconds"]} for name in (FROZEN, TRAINED)}
    assert gate(blessed, session(tmp_path, "slower", GATED, slower)) == 0


def test_on_another_machine_memory_and_speed_are_not_judged(blessed, tmp_path, capsys):
    other = {"device": "another processor", "seconds": 9.0, "peak_memory_mb": 9000, "clip_score": 25.0}
    folder = session(tmp_path, "elsewhere", GATED, {FROZEN: other, TRAINED: {"device": "another processor"}})
    assert gate(blessed, folder) == 0
    said = capsys.readouterr().out
    assert "3 of 6 different; device: a processor in the baseline, another processor here" in said
    assert said.count("not judged") == 4
    assert len(ElementTree.parse(folder / "regress.xml").getroot().findall(".//skipped")) == 4


def test_an_architecture_without_a_baseline_is_named_and_stops_nothing(blessed, tmp_path, capsys):
    folder = session(tmp_path, "more", GATED)
    content = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    content["points"] += [land(folder / "runs", "linear", seed, {"seconds": 50.0}) for seed in GATED]
    (folder / "sweep.json").write_text(json.dumps(content), encoding="utf-8")
    assert gate(blessed, folder) == 0
    assert "without a baseline yet: linear" in capsys.readouterr().out


def test_a_failed_run_is_an_alarm(blessed, tmp_path, capsys):
    folder = session(tmp_path, "failed", GATED, {FROZEN: {"error": "a frozen weight changed in training"}})
    assert gate(blessed, folder) == 1
    said = capsys.readouterr().out
    assert "3 runs failed" in said and "a frozen weight changed in training" in said
    assert len(ElementTree.parse(folder / "regress.xml").getroot().findall(".//error")) == 3


def test_what_cannot_be_compared_is_refused_in_a_line(blessed, tmp_path, capsys):
    def refused(arguments: list[str], *words: str) -> None:
        assert exit_status(lambda: main(arguments)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert all(word in line for word in words), line

    good = session(tmp_path, "good", GATED)
    refused(["regress", str(good), "--baseline", str(tmp_path / "none.json")], "no baseline", "make bless")
    refused(["regress", str(good), "--baseline", str(good / "sweep.json")], "no baseline")
    other = session(tmp_path, "other", GATED, {name: {"lr": 0.2} for name in (FROZEN, TRAINED)})
    refused(["regress", str(other), "--baseline", str(blessed)], "train.lr: 0.1 in the baseline, 0.2 here")
    mixed = session(tmp_path, "mixed", GATED, {FROZEN: {"lr": 0.2}})
    refused(["regress", str(mixed), "--baseline", str(blessed)], "differ in settings (train.lr)")
    few = session(tmp_path, "few", range(2))
    refused(["regress", str(few), "--baseline", str(blessed)], "3 seeds, these runs have 2")
    content = json.loads((good / "sweep.json").read_text(encoding="utf-8"))
    alone = [point for point in content["points"] if point["run_id"].startswith(FROZEN)]
    (good / "sweep.json").write_text(json.dumps(content | {"points": alone}), encoding="utf-8")
    refused(["regress", str(good), "--baseline", str(blessed)], f"lack {TRAINED}")
    pending = [*content["points"], content["points"][0] | {"run_id": f"{FROZEN}-77"}]
    (good / "sweep.json").write_text(json.dumps(content | {"points": pending}), encoding="utf-8")
    refused(["regress", str(good), "--baseline", str(blessed)], "6 done, 1 pending", f"{FROZEN}-77 pending")
    assert not [*tmp_path.glob("*/regress.md"), *tmp_path.glob("*/regress.xml")]


def test_a_result_changed_by_hand_is_refused(blessed, tmp_path):
    folder = session(tmp_path, "edited", GATED)
    (path,) = folder.glob(f"runs/{FROZEN}-{1:010d}/evals/e0/*/result.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"t2i_pairs": 40', '"t2i_pairs": 41'), encoding="utf-8")
    with pytest.raises(UserError, match="1 changed.*changed after it was published"):
        gate(blessed, folder)


def test_only_bless_moves_the_baseline_and_it_shows_the_difference_first(blessed, tmp_path, capsys, monkeypatch):
    before = blessed.read_bytes()
    better = {name: {"loss_text": 0.5 + 0.01 * place} for place, name in enumerate((FROZEN, TRAINED))}
    new = ["bless", str(session(tmp_path, "new", BLESSED, better)), "--baseline", str(blessed)]
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UserError, match="--yes"):
        main(new)
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if line.startswith("dual tower") and "text loss" in line]
    old = check(blessed, FROZEN, "loss_text")
    assert f"{old.mean:.4g}" in line and "0.5" in line.split()
    assert blessed.read_bytes() == before
    assert main([*new, "--yes"]) == 0
    assert check(blessed, FROZEN, "loss_text").mean == 0.5
    assert os.listdir(blessed.parent) == [blessed.name]
    assert main([*new, "--yes"]) == 0
    assert "no number changes" in capsys.readouterr().out


def test_few_seeds_or_failed_runs_are_not_blessed(tmp_path):
    path = tmp_path / "regress.json"
    with pytest.raises(UserError, match="10 seeds or more.* have 9"):
        main(["bless", str(session(tmp_path, "nine", range(9))), "--baseline", str(path), "--yes"])
    failing = session(tmp_path, "failing", BLESSED, {FROZEN: {"error": "boom"}})
    with pytest.raises(UserError, match="10 runs failed"):
        main(["bless", str(failing), "--baseline", str(path), "--yes"])
    assert not path.exists()


def test_speeds_are_of_the_fastest_run_and_relative_to_the_others():
    def run(name: str, seconds: float) -> Run:
        return Run(name, 0, {"step_seconds": seconds}, "")

    found = checks.relative_speeds([run("a", 1.0), run("a", 9.0), run("b", 4.0), run("c", 9.0)])
    assert found == pytest.approx({"a": 1 / 6, "b": 4 / 3, "c": 9 / 2})


def test_the_committed_baseline_is_of_this_preset_these_weights_and_every_architecture():
    """Otherwise: `make bless`."""
    known = baselines.read(baselines.default_path("regress"))
    assert known is not None
    assert set(known.architectures) == set(architectures.catalogue())
    assert {run.seed for run in known.runs} >= set(GATED)
    for name in known.architectures:
        config = load("gate", [f"model.architecture={name}"])
        result = {"train_identity": train_identity(config), "eval_identity": eval_identity(config)}
        said = json.loads(json.dumps(result))
        assert measured._settings(said) == known.settings
        assert said["train_identity"]["model"]["options"] == known.options[name]


@pytest.mark.parametrize("name", ["github-actions", "gitlab-ci"])
def test_the_ci_examples_run_the_gate_and_show_what_it_writes(name):
    text = (Path(measured.__file__).parent / "ci" / f"{name}.yml").read_text(encoding="utf-8")
    said = json.dumps(yaml.safe_load(text))
    assert "make regress JOBS=2" in said and "results/regress-gate-*/regress." in said
    assert "regress.md" in said and ("regress.xml" in said or "regress.*" in said)

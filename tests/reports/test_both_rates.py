"""A sweep with tuned rates: its report has rates, means and verdicts at the common rates and at each arm's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_up_study import SHOWN, row

from bench.system.errors import UserError
from benchmarks import fake_results
from reports.build import build
from reports.stored.runs import read_sweep
from reports.stored.settings import finished

pytestmark = pytest.mark.usefixtures("no_figure")
COMMON, OWN = 0.006, {"dual_tower": 0.006, "gated_layer": 0.048}
FID = {("dual_tower", COMMON): 10.0, ("gated_layer", COMMON): 20.0, ("gated_layer", 0.048): 5.0}
CLAIM = """\
text: The dual tower makes better images than the gated layer.
family: mine
sweep: architecture
comparisons:
  - runs: {model.architecture: dual_tower}
    are: better
    than: [{model.architecture: gated_layer}]
    metrics: [fid]
"""


def land(runs: Path, architecture: str, rate: float, seed: int) -> dict:
    fid = {"weights": "embedded:features:3fa9c1d2e4b5", "ceiling": 1.2}
    metrics = {"fid": fake_results.score(FID[architecture, rate] + 0.1 * seed, "lower", 512, **fid),
               "cider": fake_results.score(3.0 + 0.1 * seed, "higher", 256)}  # fmt: skip
    name = f"{architecture}-{seed}{round(1e6 * rate):09d}"
    return fake_results.land(runs / name, architecture, seed, 100, metrics, train={"lr": rate})


def study(root: Path, twins: bool = True) -> Path:
    points = []
    for architecture, rate in OWN.items():
        for seed in range(3):
            point = land(root / "runs", architecture, rate, seed)
            twin = f"{architecture}-{seed}{round(1e6 * COMMON):09d}"
            if twins and rate != COMMON:
                assert land(root / "runs", architecture, COMMON, seed)["run_id"] == twin
            points.append(point | {"common": twin, "overrides": [*point["overrides"], f"train.lr={rate}"]})
    arms = [
        {"settings": {"model.architecture": name}, "chosen": {"train.lr": rate}, "common": {"train.lr": COMMON},
         "at_edge": ["train.lr"] * (rate == 0.048),
         "budget": {"scored": 13, "runs": 12, "steps": 6900, "seconds": 81.4}}
        for name, rate in OWN.items()
    ]  # fmt: skip
    (root / "claims.yaml").write_text(CLAIM, encoding="utf-8")
    return fake_results.ask(root / "results" / "mine", points, "architecture", SHOWN, tuned={"file": "t", "arms": arms})


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2]


def test_means_and_verdicts_stand_side_by_side(tmp_path: Path) -> None:
    folder = study(tmp_path)
    build(folder, tmp_path / "claims.yaml")
    text = (folder / "tuned.md").read_text(encoding="utf-8")
    assert row(section(text, "Rates"), "gated layer") == [
        "gated layer", "lr", "0.006", "0.048", "8", "13", "12", "6,900", "81"]  # fmt: skip
    means = section(text, "Means over seeds")
    assert row(means, "dual tower")[:4] == ["dual tower", "3", "its own is the common", "10.1 ± 0.1"]
    assert row(means, "gated layer", "3", "common")[3] == "20.1 ± 0.1"
    assert row(means, "gated layer", "3", "its own")[3] == "5.1 ± 0.1"
    claim = "The dual tower makes better images than the gated layer."
    assert row(section(text, "Verdicts"), claim) == [claim, "supported", "contradicted"]
    assert "At the edge of the grid, so a better rate may lie outside: gated layer (widen" in text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'id="tuned"' in page and "its own is the common" in page and 'href="#tuned"' in page


def test_runs_at_the_common_rates_that_are_missing_are_said_and_nothing_is_made_up(tmp_path: Path) -> None:
    folder = study(tmp_path, twins=False)
    build(folder, tmp_path / "claims.yaml")
    text = (folder / "tuned.md").read_text(encoding="utf-8")
    assert "3 of 6 runs at the common rates are missing: the same command without --tuned makes them" in text
    assert row(section(text, "Means over seeds"), "gated layer", "0 of 3", "common")[3] == "–"
    claim = "The dual tower makes better images than the gated layer."
    assert row(section(text, "Verdicts"), claim) == [claim, "not judged", "contradicted"]


def test_a_sweep_without_tuned_rates_says_nothing_of_them(tmp_path: Path) -> None:
    point = land(tmp_path / "runs", "dual_tower", COMMON, 0)
    folder = fake_results.ask(tmp_path / "results" / "mine", [point], "architecture", SHOWN)
    assert "tuned.md" not in {path.name for path in build(folder)}
    assert 'id="tuned"' not in (folder / "report.html").read_text(encoding="utf-8")


def test_the_common_runs_are_those_that_sweep_json_names(tmp_path: Path) -> None:
    sweep = read_sweep(study(tmp_path))
    assert sweep.common is not None and sweep.common.common is None
    assert {run.settings["train.lr"] for run in finished(sweep.common.points)} == {COMMON}
    assert {run.settings["train.lr"] for run in finished(sweep.points)} == set(OWN.values())


@pytest.mark.parametrize(
    "tuned",
    [[], {"file": "t"}, {"file": "t", "arms": [{}]}, {"file": "t", "arms": [1]},
     {"file": "t", "arms": [{"settings": {}, "chosen": {"a": 1}, "common": {}, "budget": {}, "at_edge": []}]},
     {"file": "t", "arms": [{"settings": {}, "chosen": {"a": "x"}, "common": {"a": 1}, "budget": {}, "at_edge": []}]}],
)  # fmt: skip
def test_what_nobody_writes_is_refused(tmp_path: Path, tuned: object) -> None:
    path = study(tmp_path) / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"tuned": tuned}), encoding="utf-8")
    with pytest.raises(UserError, match="'tuned' must hold"):
        build(path.parent)

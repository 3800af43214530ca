"""Controls in reports: beside their architecture, grey, never the best, and in no claim that does not name them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from bench.models.controls import CONTROLS, controls_of
from benchmarks import fake_results
from reports.build import build
from reports.page import winners
from reports.stored.frames import scores_frame
from reports.stored.runs import read_sweep
from reports.tables.summary import summarise
from reports.verdicts import hypotheses
from reports.verdicts.judging import judged

SEEDS = range(4)
ARMS = {  # what a run is asked for with: its CIDEr, the better the higher
    ("dual_tower", ""): 4.0, ("dual_tower", "model.control=random_language_model"): 9.0,
    ("dual_tower", "train.i2t_passive=true"): 2.0, ("single_tower", ""): 3.0,
}  # fmt: skip
CLAIM = """
text: A claim.
sweep: controls
comparisons:
  - {{runs: {runs}, are: better, than: [{than}], metrics: [cider]}}
"""


def land(runs: Path, architecture: str, control: str, seed: int, value: float) -> dict:
    key, _, said = control.partition("=")
    metrics = {"cider": fake_results.score(value + 0.01 * seed), "exam": fake_results.score(0.9, before=1.0)}
    metrics["exam"]["before"] = 0.01 if "random" in control else 1.0
    name = f"{architecture}-{len(control)}{seed}"
    train = {"i2t_passive": True} if key.startswith("train.") else {}
    model = {"architecture": architecture} | ({"control": said} if key == "model.control" else {})
    settings = fake_results.TRAIN | {"steps": 9} | train
    point = fake_results.land(runs / name, architecture, seed, 9, metrics, train=train,
                              train_identity={"train": settings, "model": model})  # fmt: skip
    return asked(point, control)


def asked(point: dict, control: str) -> dict:
    none = ["model.control=none", "train.i2t_passive=false"]
    return point | {"overrides": [*point["overrides"], *none, *([control] if control else [])]}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four arms of four seeds; a fifth, that is still to be run."""
    folder = tmp_path_factory.mktemp("controls")
    points = [land(folder / "runs", *arm, seed, value) for seed in SEEDS for arm, value in ARMS.items()]
    pending = fake_results.point("single_tower-pending", "single_tower", 0, 9, 0)
    points.append(asked(pending, "model.control=random_language_model"))
    made = fake_results.ask(folder / "results" / "controls", points, "architecture", ["cider", "exam"])
    build(made)
    return made


def rows(text: str) -> dict[str, list[str]]:
    """Cells of the Markdown table of means by the first of them."""
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for line in lines if (cells := [cell.strip() for cell in line.strip("|").split("|")])}


def test_a_control_is_a_row_of_its_own_and_never_the_best(results):
    text = (results / "table.md").read_text(encoding="utf-8")
    found = rows(text)
    assert found["*dual tower, random LLM*"][1].startswith("*9.0") and "**" not in found["*dual tower, random LLM*"][1]
    assert found["*dual tower, passive i2t*"][1].startswith("*2.0") and found["single tower"][1].startswith("3.0")
    assert found["dual tower"][1].startswith("**4.0")
    assert found["*single tower, random LLM*"][0] == "*0 of 1*"
    assert "single_tower, random LLM seed=0 pending" in text
    (before,) = (cells for name, cells in found.items() if "before training" in name)
    assert before[-1] == "*1.000*"  # the real language model's alone
    for said in (CONTROLS["random_language_model"].rules_out, "does not come from learning i2t"):
        assert said in text
    assert "capacity only" not in text


def test_latex_and_the_page_are_grey_there(results):
    tex = (results / "table.tex").read_text(encoding="utf-8")
    assert "xcolor" in tex and r"\textcolor{gray}{dual tower, random LLM}" in tex
    assert r"\textcolor{gray}{dual tower}" not in tex and r"\textbf{4.0" in tex
    page = (results / "report.html").read_text(encoding="utf-8")
    means = page.partition('<section id="means">')[2].partition("</section>")[0]
    grey = re.findall(r'<tr class="control"><td>([^<]*)<', means)
    assert grey == ["dual tower, random LLM", "dual tower, passive i2t", "single tower, random LLM"]
    assert "What each control rules out" in means and CONTROLS["random_language_model"].title in means
    won = page.partition('<section id="winners">')[2].partition("</section>")[0]
    assert "dual tower" in won and "random" not in won


def test_winners_are_among_the_architectures_as_they_are(results):
    sweep = read_sweep(results)
    contest, _ = winners.contests(sweep, summarise(scores_frame(sweep)))
    assert contest.best.who == ["dual_tower"] and contest.best.lead.endswith("over single tower")


def test_runs_csv_says_which_control(results):
    runs = pd.read_csv(results / "runs.csv")
    assert set(runs["architecture"]) == {
        "dual_tower", "dual_tower, random LLM", "dual_tower, passive i2t", "single_tower", "single_tower, random LLM"
    }  # fmt: skip
    controlled = runs[runs["architecture"] == "dual_tower, random LLM"]
    assert set(controlled["control"]) == {"random_language_model"} and not controlled["i2t_passive"].any()


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome", "means"),
    [
        ("{model.architecture: dual_tower}", "{model.architecture: single_tower}", "supported", (4.015, 3.015)),
        (
            "{model.architecture: dual_tower, model.control: none}",
            "{model.architecture: dual_tower, model.control: random_language_model}",
            "contradicted",
            (4.015, 9.015),
        ),
        (
            "{model.architecture: dual_tower}",
            "{model.architecture: dual_tower, train.i2t_passive: true}",
            "supported",
            (4.015, 2.015),
        ),
    ],
)
def test_a_claim_is_about_controls_only_where_it_names_them(results, tmp_path, ours, theirs, outcome, means):
    file = tmp_path / "own.yaml"
    file.write_text(CLAIM.format(runs=ours, than=theirs), encoding="utf-8")
    sweep = read_sweep(results)
    (verdict,) = (one for one in judged(sweep, hypotheses.read(file, sweep)) if one.claim.name == "own")
    (finding,) = verdict.findings
    assert finding.pairs and finding.pairs.means == pytest.approx(means) and verdict.outcome == outcome
    if "random" in theirs:
        assert "control random LLM" in finding.question


def test_controls_are_read_from_settings_by_key_or_column():
    assert not controls_of({"model.control": "none", "train.i2t_passive": False, "i2t_noise": 1})
    found = controls_of({"control": "capacity_only", "train.t2i_passive": True})
    assert [one.title for one in found.values()] == ["capacity only", "passive t2i"]
    assert controls_of({"control": "of_another_version"})["control"].title == "of another version"

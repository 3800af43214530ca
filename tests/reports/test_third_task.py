"""A task and a metric that this version knows nothing of: what results declare of them is all that reports need."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from made_up_study import row
from PIL import Image

from benchmarks import fake_results
from benchmarks.fake_results import score
from reports.build import build
from reports.figures import figure
from reports.figures.panels import plot_style
from reports.page.charts import metrics as charts
from reports.paper import curves
from reports.paper.definitions import Definition
from reports.paper.groups import largest
from reports.regression import checks, measured
from reports.regression import text as regression_text
from reports.stored.frames import scores_frame
from reports.stored.runs import read_sweep
from reports.stored.settings import finished
from reports.tables.intervals import with_intervals
from reports.tables.summary import summarise
from reports.verdicts import hypotheses
from reports.verdicts.judging import judged

EDIT = {"title": "image editing", "noun": "images", "layout": ["image", "text", "image"], "output": "image",
        "share": 1, "samples": 64}  # fmt: skip
TOY = {"title": "edit distance", "task": "edit", "meaning": "image editing: pixels that should not have changed",
       "headline": True, "table": True, "unit": "share of pixels"}  # fmt: skip
TWO, NOISES = ("dual_tower", "gated_layer"), (0.0, 0.5)


def axes(noise: float) -> dict:
    shares = {"t2i_fraction": ("share of text-to-image samples", 0.5), "i2t_fraction": ("share of captions", 0.25),
              "edit_fraction": ("share of edits", 0.25)}  # fmt: skip
    cap = {"edit_noise": {"key": "train.edit_noise", "title": "noise cap on edited images", "unit": "%",
                          "value": noise}}  # fmt: skip
    return cap | {name: {"key": f"train.{name}", "title": title, "unit": "%", "value": value}
                  for name, (title, value) in shares.items()}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two architectures, two noises and two seeds: each seed adds 0.01 and noise 0.3 to the toy metric."""
    root, points = tmp_path_factory.mktemp("third"), []
    for seed in range(2):
        for place, name in enumerate(TWO):
            for noise in NOISES:
                value = 0.1 + 0.01 * seed + 0.3 * noise + 0.2 * place
                items = [value - 0.05, value + 0.05]
                points.append(fake_results.land(
                    root / "runs" / f"{name}-{seed}{int(10 * noise)}", name, seed, 100,
                    {"cider": score(5.0), "edit_distance": score(value, "lower", 2, **TOY)},
                    tasks={"edit": EDIT}, axes=axes(noise), items={"edit_distance": items},
                    seen={"edit_pairs": 800, "edit_tokens": 16000, "edit_mean_noise": noise / 2},
                    images={kind: [Image.new("RGB", (8, 8), "red")] for kind in ("samples", "real")},
                    prompts=["make it blue"], captions=["a red square"],
                ))  # fmt: skip
    folder = fake_results.ask(root / "results" / "edits", points, "edit_noise", ["edit_distance"])
    build(folder)
    return folder


def test_it_is_tabulated(results: Path) -> None:
    text = (results / "table.md").read_text(encoding="utf-8")
    head = row(text, "noise cap on edited images")
    assert head[-1].startswith("edit distance ↓<br>share of pixels<br>N = 2") and len(head) == 5
    assert row(text, "0 %", "dual tower")[-1] == "**0.105 ± 0.007**"
    assert row(text, "50 %", "gated layer")[-1] == "0.455 ± 0.007"
    runs = pd.read_csv(results / "runs.csv")
    assert list(runs.columns[:8]) == ["run_id", "eval_id", "architecture", "edit_noise", "t2i_fraction", "i2t_fraction",
                                      "seed", "step"]  # fmt: skip
    assert {"cider", "edit_distance"} < set(runs) and "edit_fraction" not in runs  # it follows from the others'
    assert list(runs["edit_noise"]) == [0.0, 0.5] * 4


def test_it_is_plotted(results: Path) -> None:
    sweep = read_sweep(results)
    scores = scores_frame(sweep)
    summary = with_intervals(summarise(scores), sweep, scores)
    assert set(figure.draw(sweep, scores, summary)) == {"figure.png", "figure.svg", "figure.pdf"}
    (chart,) = charts.draw(sweep, scores, summary)
    assert chart.title == "edit distance\N{NO-BREAK SPACE}↓"
    assert "noise cap on edited images (%)" in json.dumps(chart.spec)
    with Image.open(results / "samples.png") as page:  # two tasks generate images: a grid each
        reds = {y for y in range(page.height) for x in (480, 660, 840) if page.getpixel((x, y)) == (255, 0, 0)}
        assert len(reds) == 2 * 160


def test_it_is_on_the_page(results: Path) -> None:
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "image editing: a sequence of image, text, image; the last image is generated" in page
    assert "image editing: pixels that should not have changed" in page
    assert "64 images, 64 captions, 64 images generated" in page
    samples = page.partition('<section id="samples">')[2].partition("</section>")[0]
    assert "<b>Prompt, image editing:</b> make it blue" in samples and "<b>Prompt, text-to-image:</b>" in samples
    assert samples.count("<small>image editing</small>") == 8 and samples.count("<q>a red square</q>") == 8
    assert page.count("edit distance") > 5 and "worse by 0.150" in page  # along the axis


def test_curves_are_drawn_against_its_tokens_and_over_its_setting(results: Path) -> None:
    panels = ({"metric": "edit_distance", "against": "edit_tokens"},)
    definition = Definition("edits", "Edits", "", kind="curves", by="train.edit_noise", panels=panels)
    runs = finished(read_sweep(results).points)
    only = {"model.architecture": "dual_tower"}
    group = largest(definition, runs, only)
    frame = curves.along(definition, group.runs)
    assert list(frame["by"]) == [0.0, 0.5] and set(frame["edit_tokens"]) == {16000}
    with plot_style():
        drawn = curves.draw(definition, group.runs, frame)
    assert drawn is not None
    assert drawn.axes[0].get_xlabel() == "tokens of image editing pairs"
    legend = drawn.legends[0]
    assert legend.get_title().get_text() == "noise cap on edited images"
    assert [text.get_text() for text in legend.get_texts()] == ["0 %", "50 %"]
    shares = Definition("shares", "Shares", "", kind="curves", by="train.t2i_fraction", panels=panels)
    assert not largest(shares, runs, only).runs  # one share alone


def test_claims_are_judged_by_it(results: Path, tmp_path: Path) -> None:
    claim = {"text": "It edits.", "sweep": "edits", "equal": "edit_samples", "comparisons": [
        {"runs": {"model.architecture": "dual_tower"}, "are": "better", "metrics": ["edit_distance"],
         "than": [{"model.architecture": "gated_layer"}]}]}  # fmt: skip
    (tmp_path / "mine.yaml").write_text(json.dumps(claim), encoding="utf-8")
    sweep = read_sweep(results)
    clean = [point for point in sweep.points if point.settings["edit_noise"] == 0]
    found = judged(replace(sweep, points=clean), hypotheses.read(tmp_path / "mine.yaml", sweep))[-1]
    (finding,) = found.findings
    assert finding.pairs and finding.pairs.title == "edit distance"
    assert finding.pairs.differences.effect == pytest.approx(0.2) and finding.outcome == "supported"


def test_the_regression_check_measures_it(results: Path) -> None:
    sweep = read_sweep(results)
    run = sweep.points[0]
    (run.run / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": step, "loss_pixels": 0.5, "lr": 0.1, "seconds": step}) + "\n" for step in (1, 2)),
        encoding="utf-8",
    )
    values = measured._values(run.result, measured.StoredRun(run.run))
    assert values["edit_distance"] == pytest.approx(0.1) and values["edit_mean_noise"] == 0
    assert values["loss_pixels"] == 0.5 and values["edit_pairs"] == 800
    assert checks.better("edit_distance", sweep.metrics) == "lower" == checks.better("loss_pixels", sweep.metrics)
    names = {"edit_distance": "edit distance", "loss_pixels": "pixels loss", "edit_tokens": "edit tokens"}
    assert {measure: regression_text.name(measure, sweep.metrics) for measure in names} == names

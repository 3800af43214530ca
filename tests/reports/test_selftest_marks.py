"""Tables of runs whose metrics were put to the self-test: what failed is struck out, grey, ranks nothing, says why."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from made_up_study import FOUR, ask, finished, grid, land, row, scores

from bench.evaluation.selftest import verdict
from benchmarks import fake_results
from reports.build import build
from reports.figures import figure
from reports.stored.frames import scores_frame
from reports.stored.runs import read_sweep
from reports.stored.selftest_marks import FAILED
from reports.tables.summary import summarise


def measured_by(results: Path, name: str, where: str = "*") -> Path:
    """The folder of a report's runs, those like `where` sealed anew with what measured them."""
    runs = results.parents[1] / "runs"
    for path in runs.glob(f"{where}/evals/*/*/result.json"):
        fake_results.reseal(path.parent, measure_id=name)
    return runs


@pytest.fixture
def results(tmp_path, no_figure) -> Path:
    return finished(tmp_path, grid(FOUR, [0], 2))


def test_a_metric_that_failed_is_struck_out_and_does_not_rank(results):
    runs = measured_by(results, "abc")
    verdict.keep(runs, "abc", {"measure_id": "abc", "failed": {"fid": "blur; noise"}})
    build(results)
    text, tex = ((results / name).read_text(encoding="utf-8") for name in ("table.md", "table.tex"))
    cells = [row(text, "0 %", name.replace("_", " ")) for name in FOUR]
    assert all(line[3].startswith("~~") and line[3].endswith("~~") for line in cells)
    assert not any("~~" in cell for line in cells for cell in [*line[:3], *line[4:]])
    assert "- FID: failed its self-test (blur; noise) and does not rank." in text and "- Struck out:" in text
    assert tex.count(r"\textcolor{gray}{") == 2 * len(FOUR) and "xcolor" in tex  # the mean, its interval over seeds
    assert "FID: failed its self-test (blur; noise)" in tex
    table = pd.read_csv(results / "table.csv")
    assert not table[table["metric"] == "fid"]["best"].any() and table[table["metric"] == "exam"]["best"].any()


def test_a_metric_that_failed_is_grey_in_figures(results, monkeypatch):
    runs, drawn = measured_by(results, "abc"), []
    verdict.keep(runs, "abc", {"measure_id": "abc", "failed": {"fid": "blur"}})
    sweep = read_sweep(results)
    scores = scores_frame(sweep)
    monkeypatch.undo()  # of no_figure
    monkeypatch.setattr("reports.figures.figure.rendered", lambda figure, kind: drawn.append(figure) or b"")
    figure.draw(sweep, scores, summarise(scores))
    shown = [panel for panel in drawn[0].axes if panel.get_visible()]
    said = {panel.get_title(loc="left"): [text.get_text() for text in panel.texts] for panel in shown}
    greyed = {title for title, texts in said.items() if FAILED in texts}
    assert greyed == {"FID ↓"} and len(said) == 4


def test_a_metric_that_failed_is_grey_on_the_page(results):
    runs = measured_by(results, "abc")
    verdict.keep(runs, "abc", {"measure_id": "abc", "failed": {"fid": "blur"}})
    build(results)
    page = (results / "report.html").read_text(encoding="utf-8")
    charts = re.findall(r'<figure( class="failed")?><figcaption><b>(\w+)[^<]*</b><small>([^<]*)', page)
    assert {name for failed, name, _ in charts if failed} == {"FID"} == {n for _, n, said in charts if FAILED in said}
    assert {name for failed, name, _ in charts if not failed} >= {"CLIP", "CIDEr", "exact"}
    struck = re.findall(r"<s>([^<]*)</s>", page)
    assert struck[0] == "FID" and len(struck) == 1 + 2 * len(FOUR)  # the head, means and their intervals over seeds
    assert f"no winner: not ranked: the metric {FAILED}" in page


def test_numbers_in_place_of_a_metric_that_failed_say_whose_they_are(tmp_path, no_figure):
    points = grid(["dual_tower"], [0, 1], 2)
    for name, noise, seed in points:
        kid = fake_results.score(0.5 + noise / 4 + seed, "lower", 512)
        land(tmp_path / "runs", name, noise, seed, scores(name, noise, seed) | {"kid": kid})
    results = ask(tmp_path / "results" / "noise", points)
    verdict.keep(measured_by(results, "abc"), "abc", {"measure_id": "abc", "failed": {"fid": "blur"}})
    build(results)
    row = re.search(
        r'<th scope="row"><s>FID ?.*?</tr>', (results / "report.html").read_text(encoding="utf-8"), re.DOTALL
    )
    assert row and "<b>KID 1.00 → 1.25</b>" in row[0]


def test_metrics_that_passed_are_as_before_and_said_to_be_tested(results):
    build(results)
    before = (results / "table.md").read_text(encoding="utf-8")
    verdict.keep(measured_by(results, "abc"), "abc", {"measure_id": "abc", "failed": {}})
    build(results)
    after = (results / "table.md").read_text(encoding="utf-8")
    added = set(after.splitlines()) - set(before.splitlines())
    assert added == {"- Metrics were put to the self-test; those that failed are named here."}


def test_a_verdict_on_other_weights_or_versions_is_not_believed(results):
    runs = measured_by(results, "abc")
    build(results)
    before = (results / "table.md").read_text(encoding="utf-8")
    verdict.keep(runs, "def", {"measure_id": "def", "failed": {"fid": "blur"}})
    verdict.keep(runs, "abc", {"measure_id": "def", "failed": {"fid": "blur"}})  # renamed by hand
    build(results)
    assert (results / "table.md").read_text(encoding="utf-8") == before


def test_runs_that_were_measured_otherwise_are_counted(results):
    runs = measured_by(results, "abc")
    verdict.keep(runs, "abc", {"measure_id": "abc", "failed": {"fid": "blur"}})
    measured_by(results, "old", "gated_layer-0*")
    build(results)
    text = (results / "table.md").read_text(encoding="utf-8")
    assert "(1 of 8 runs were measured otherwise)" in text and "does not rank (in 7 runs)" in text

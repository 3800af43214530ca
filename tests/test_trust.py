"""Tables of runs whose metrics were put to the self-test: what failed is struck out, grey, ranks nothing, says why."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from test_reports import FOUR, finished, grid, no_figure, row  # noqa: F401 - no_figure is a fixture

from bench import results as sealed
from bench.selftest import verdict
from reports.build import build


def measured_by(results: Path, name: str, where: str = "*") -> Path:
    """The folder of a report's runs, those like `where` sealed anew with what measured them."""
    runs = results.parents[1] / "runs"
    for path in runs.glob(f"{where}/evals/*/*/result.json"):
        content = json.loads(path.read_text()) | {"measure_id": name}
        path.unlink()
        sealed.write(path.parent, {key: value for key, value in content.items() if key not in ("files", "seal")})
    return runs


@pytest.fixture
def results(tmp_path, no_figure) -> Path:  # noqa: F811
    return finished(tmp_path, grid(FOUR, [0], 2))


def test_a_metric_that_failed_is_struck_out_and_does_not_rank(results):
    runs = measured_by(results, "abc")
    verdict.keep(runs, "abc", {"measure_id": "abc", "failed": {"fid": "blur; noise"}})
    build(results)
    text, tex = ((results / name).read_text() for name in ("table.md", "table.tex"))
    cells = [row(text, "0 %", name.replace("_", " ")) for name in FOUR]
    assert all(line[3].startswith("~~") and line[3].endswith("~~") for line in cells)
    assert not any("~~" in cell for line in cells for cell in [*line[:3], *line[4:]])
    assert "- FID: failed its self-test (blur; noise) and does not rank." in text and "- Struck out:" in text
    assert tex.count(r"\textcolor{gray}{") == 2 * len(FOUR) and "xcolor" in tex  # the mean, its interval over seeds
    assert "FID: failed its self-test (blur; noise)" in tex
    table = pd.read_csv(results / "table.csv")
    assert not table[table["metric"] == "fid"]["best"].any() and table[table["metric"] == "exam_after"]["best"].any()


def test_metrics_that_passed_are_as_before_and_said_to_be_tested(results):
    build(results)
    before = (results / "table.md").read_text()
    verdict.keep(measured_by(results, "abc"), "abc", {"measure_id": "abc", "failed": {}})
    build(results)
    after = (results / "table.md").read_text()
    added = set(after.splitlines()) - set(before.splitlines())
    assert added == {"- Metrics were put to the self-test; those that failed are named here."}


def test_a_verdict_on_other_weights_or_versions_is_not_believed(results):
    runs = measured_by(results, "abc")
    build(results)
    before = (results / "table.md").read_text()
    verdict.keep(runs, "def", {"measure_id": "def", "failed": {"fid": "blur"}})
    verdict.keep(runs, "abc", {"measure_id": "def", "failed": {"fid": "blur"}})  # renamed by hand
    build(results)
    assert (results / "table.md").read_text() == before


def test_runs_that_were_measured_otherwise_are_counted(results):
    runs = measured_by(results, "abc")
    verdict.keep(runs, "abc", {"measure_id": "abc", "failed": {"fid": "blur"}})
    measured_by(results, "old", "gated_layer-0*")
    build(results)
    text = (results / "table.md").read_text()
    assert "(1 of 8 runs were measured otherwise)" in text and "does not rank (in 7 runs)" in text

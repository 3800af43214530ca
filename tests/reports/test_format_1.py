"""Runs that an earlier version left, in format 1: read as they are, with the same numbers under the names of today."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench.runs import format_1
from bench.system.errors import UserError
from reports.build import build
from reports.paper import gallery
from reports.stored.runs import Sweep, read_sweep
from reports.stored.settings import finished
from reports.tables.intervals import per_item

STORED = Path(__file__).with_name("format_1")
RUN, EVAL, STEP = "dual_tower-f6fd12e66f", "656ed4f8c7", 4
RESULT = json.loads((STORED / RUN / "evals" / EVAL / f"step-{STEP}" / "result.json").read_text(encoding="utf-8"))


def ask(folder: Path, schema: int = 1, y: tuple[str, ...] = ("fid", "cider", "exam_after")) -> Path:
    """A results folder as that version left it, of a copy of its runs."""
    shutil.copytree(STORED, folder / "runs", dirs_exist_ok=True)
    overrides = ["seed=0", "model.architecture=dual_tower", "train.i2t_noise=0"]
    point = {"run_id": RUN, "eval_id": EVAL, "step": STEP, "overrides": overrides}
    content = {"schema": schema, "name": "noise", "preset": "smoke", "question": "?", "source": "",
               "plot": {"x": "i2t_noise", "y": list(y)}, "runs_root": "../../runs", "points": [point]}  # fmt: skip
    (folder / "results" / "noise").mkdir(parents=True, exist_ok=True)
    (folder / "results" / "noise" / "sweep.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "results" / "noise"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = ask(tmp_path_factory.mktemp("old"))
    build(folder)
    return folder


@pytest.fixture(scope="module")
def sweep(results: Path) -> Sweep:
    return read_sweep(results)


def test_it_is_small_and_a_result_of_format_1() -> None:
    assert RESULT["schema"] == 1 and not {"tasks", "axes"} & RESULT.keys()
    assert sum(path.stat().st_size for path in STORED.rglob("*") if path.is_file()) < 150_000


def test_every_number_is_the_same_under_the_names_of_today(sweep: Sweep) -> None:
    (point,) = sweep.points
    assert point.status == "done" and point.format == 1
    read = point.result["metrics"]
    found = {(name, level): score[level] for name, score in read.items() for level in ("value", "before")
             if score[level] is not None}  # fmt: skip
    today = {"exam_after": ("exam", "value"), "exam_before": ("exam", "before"),
             "perplexity_after": ("perplexity", "value"), "perplexity_before": ("perplexity", "before")}  # fmt: skip
    assert found == {today.get(name, (name, "value")): score["value"] for name, score in RESULT["metrics"].items()}
    for name, score in read.items():
        old = RESULT["metrics"][f"{name}_after" if name in ("exam", "perplexity") else name]
        assert {key: score[key] for key in old} == old
    assert list(read) == [name for name in format_1.METRICS if name in read] and len(read) == 21


def test_nothing_but_names_is_lost(sweep: Sweep) -> None:
    read = sweep.points[0].result
    for key in RESULT.keys() - {"metrics", "seen", "i2t_noise", "t2i_fraction"}:
        assert read[key] == RESULT[key]
    assert [axis["value"] for axis in read["axes"].values()] == [0.0, 0.6667, 0.3333]
    assert [(task["share"], task["samples"]) for task in read["tasks"].values()] == [(2, 6), (1, 6)]
    assert read["seen"]["i2t_mean_noise"] == RESULT["seen"]["i2t_noise"]
    assert read["seen"]["t2i_pairs"] == RESULT["seen"]["t2i_pairs"] and "i2t_noise" not in read["seen"]
    (run,) = finished(sweep.points)
    assert (run.settings["train.t2i_fraction"], run.settings["train.i2t_noise"]) == (0.6667, 0.0)


def test_values_of_items_have_the_names_of_today(sweep: Sweep) -> None:
    stored = json.loads((STORED / RUN / "evals" / EVAL / f"step-{STEP}" / "per_item.json").read_text(encoding="utf-8"))
    items = per_item(sweep.points[0])
    assert items["exam"].tolist() == stored["exam_after"] and items["exam_before"].tolist() == stored["exam_before"]
    assert items["cider"].tolist() == stored["cider"] and len(items) == len(stored)


def test_it_is_tabulated_drawn_and_shown(results: Path) -> None:
    runs = pd.read_csv(results / "runs.csv")
    columns = ["run_id", "eval_id", "architecture", "i2t_noise", "t2i_fraction", "seed", "step", "status", "n_images",
               "n_captions", "fid", "kid", "clip_score", "cider", "image_attributes", "caption_attributes", "exam",
               "exam_before", "perplexity", "perplexity_before", "trainable_params", "total_params", "train_flops",
               "train_seconds", "peak_memory_mb"]  # fmt: skip
    assert list(runs.columns[: len(columns)]) == columns
    assert runs.loc[0, "exam_before"] == RESULT["metrics"]["exam_before"]["value"]
    text = (results / "table.md").read_text(encoding="utf-8")
    assert "| *language model before training* |" in text and "exact-match QA ↑" in text
    assert {"figure.png", "samples.png", "samples.md"} <= {path.name for path in results.iterdir()}
    page = (results / "report.html").read_text(encoding="utf-8")
    gallery_part = page.partition('<section id="samples">')[2].partition("</section>")[0]
    assert gallery_part.count("<img") == 2 * 6 and gallery_part.count("<q>") == 6
    asked = (STORED / RUN / "evals" / EVAL / f"step-{STEP}" / "prompts.jsonl").read_text(encoding="utf-8")
    assert json.loads(asked.splitlines()[0])["prompt"] in gallery_part


def test_the_papers_figures_find_it(tmp_path: Path) -> None:
    ask(tmp_path)
    written = gallery.build(tmp_path / "runs", tmp_path / "figures", {})
    frame = pd.read_parquet(next(path for path in written if path.suffix == ".parquet"))
    assert frame.loc[0, "seen.i2t_mean_noise"] == 0 and frame.loc[0, "train.i2t_fraction"] == 0.3333


def test_a_name_of_then_in_a_sweep_of_today_is_refused_with_the_name_of_today(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"plot.y: unknown metric 'exam_after' \(did you mean 'exam'\?\)"):
        read_sweep(ask(tmp_path, schema=2))


def test_a_result_of_format_1_that_was_edited_is_not_believed(tmp_path: Path) -> None:
    folder = ask(tmp_path)
    path = tmp_path / "runs" / RUN / "evals" / EVAL / f"step-{STEP}" / "result.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"n_images": 6', '"n_images": 7'), encoding="utf-8")
    assert read_sweep(folder).points[0].status == "changed"

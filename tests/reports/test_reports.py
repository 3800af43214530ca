"""Reports from synthetic run folders whose numbers are worked out by hand, through the command a user types."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from deaths import child, dying
from made_up_study import FEATURES, FOUR, STEPS, ask, fid_of, finished, grid, land, row, scores
from PIL import Image
from project_copies import PROJECT, python
from scipy import stats

from bench.runs.failures import Failure
from bench.runs.folder import RunFolder
from bench.runs.reader import StoredRun
from bench.system.errors import UserError
from reports.build import build
from reports.redraw import redraw
from reports.style.colours import KNOWN, styles
from reports.tables.table import decimals

NOISES = [0, 0.25, 0.5, 0.75, 1]
COLUMNS = [
    "run_id", "eval_id", "architecture", "i2t_noise", "t2i_fraction", "seed", "step", "status", "n_images",
    "n_captions", "fid", "clip_score", "cider", "caption_attributes", "exam", "exam_before", "trainable_params",
    "total_params", "train_flops", "train_seconds", "peak_memory_mb",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of four architectures, five noises and three seeds."""
    results = finished(tmp_path_factory.mktemp("whole"), grid(FOUR, NOISES, 3))
    assert {path.name for path in build(results)} == {
        "runs.csv", "table.csv", "table.md", "table.tex", "figure.png", "figure.pdf", "figure.svg", "samples.png",
        "samples.md", "verdicts.md", "verdicts.json", "report.html"}
    return results


def test_runs_csv_has_a_row_a_run_and_the_columns_others_rely_on(whole: Path) -> None:
    runs = pd.read_csv(whole / "runs.csv")
    assert list(runs.columns[: len(COLUMNS)]) == COLUMNS
    assert len(runs) == 60 and set(runs["status"]) == {"done"} and set(runs["fid_weights"]) == {FEATURES}
    for run in runs.itertuples():
        assert run.fid == fid_of(run.architecture, run.i2t_noise, run.seed)
    assert set(runs["peak_memory_mb"]) == {400.0} and "image_colour" in runs


def test_table_csv_holds_means_at_full_precision(whole: Path) -> None:
    table = pd.read_csv(whole / "table.csv").set_index(["metric", "architecture", "i2t_noise"])
    for architecture in FOUR:
        for noise in NOISES:
            values = [fid_of(architecture, noise, seed) for seed in range(3)]
            found = table.loc[("fid", architecture, noise)]
            assert found["mean"] == pytest.approx(sum(values) / 3, rel=1e-14)
            assert found["sd"] == pytest.approx(statistics.stdev(values), rel=1e-12)
            assert (found["min"], found["max"], found["seeds"]) == (min(values), max(values), "0 1 2")
    found = table.loc[("cider", "dual_tower", 0.5)]
    assert found["mean"] == pytest.approx(4.2)
    assert (found["chance"], found["n"], found["direction"]) == (0.8, 256, "higher")


def test_intervals_over_seeds_and_items_stand_apart(whole: Path) -> None:
    """Against scipy's own of a t-test; FID is of a whole set, whatever lies beside it."""
    table = pd.read_csv(whole / "table.csv").set_index(["metric", "architecture", "i2t_noise"])
    for metric, values in {
        "fid": [fid_of("dual_tower", 0.5, seed) for seed in range(3)],
        "cider": [4 + seed / 5 for seed in range(3)],
    }.items():
        found, truth = table.loc[(metric, "dual_tower", 0.5)], stats.ttest_1samp(values, 0).confidence_interval()
        assert [found["seeds_low"], found["seeds_high"]] == pytest.approx([truth.low, truth.high], rel=1e-12)
    truth = stats.ttest_1samp([4.2 + step for step in STEPS], 0).confidence_interval()
    assert [found["items_low"], found["items_high"]] == pytest.approx([truth.low, truth.high], rel=1e-12)
    assert table.loc["fid", ["items_low", "items_high"]].isna().all(axis=None)
    lines = (whole / "table.md").read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith("| 50 % | dual tower | 3 |")]
    assert [line.split(" | ")[3] for line in shown[1:]] == ["over seeds", "over items"]
    assert f"{truth.low:.2f} to {truth.high:.2f}" in shown[2] and "3.70 to 4.70" in shown[1]
    assert f"\\scriptsize {truth.low:.2f} to {truth.high:.2f}" in (whole / "table.tex").read_text(encoding="utf-8")


def test_table_md_says_what_a_number_needs(whole: Path) -> None:
    text = (whole / "table.md").read_text(encoding="utf-8")
    head = row(text, "noise cap")
    assert head[3] == "FID ↓<br>squared distance of features<br>N = 512<br>embedded features 3fa9c1"
    assert head[5] == "CIDEr ↑<br>CIDEr-D x 10<br>N = 256<br>no network"
    mean = sum(fid_of("gated_layer", 0.5, seed) for seed in range(3)) / 3
    assert row(text, "50 %", "gated layer")[2:4] == ["3", f"{mean:.1f} ± 1.5"]
    assert row(text, "*chance*")[5] == "*0.80*" and row(text, "*ceiling*")[3] == "*1.2*"
    assert row(text, "*language model before training*")[-1] == "*1.000*"
    assert "missing" not in text and "Does noise hurt?" in text


def test_the_best_of_a_block_is_bold_and_ties_of_all_are_not(whole: Path) -> None:
    text = (whole / "table.md").read_text(encoding="utf-8")
    for noise in ("0 %", "100 %"):
        fids = {name: row(text, noise, name.replace("_", " "))[3] for name in FOUR}
        best = min(FOUR, key=lambda name: fid_of(name, 0, 0))
        assert [name for name, cell in fids.items() if cell.startswith("**")] == [best]
        rows = [row(text, noise, name.replace("_", " ")) for name in FOUR]
        assert not any(cells[4].startswith("**") for cells in rows)  # all CLIP scores are equal
        assert sum(cells[-1].startswith("**") for cells in rows) == 3  # the exam: all but the single tower


def test_fid_of_too_few_images_is_not_ranked(tmp_path: Path, no_figure: None) -> None:
    results = finished(tmp_path, grid(FOUR, [0], 1), note="N < 2d: biased, does not rank")
    build(results)
    text = (results / "table.md").read_text(encoding="utf-8")
    assert all("**" not in row(text, "0 %", name.replace("_", " "))[3] for name in FOUR)
    assert "- FID: N < 2d: biased, does not rank." in text and "±" not in text.splitlines()[10]


def test_latex_is_balanced_and_escaped(whole: Path) -> None:
    text = (whole / "table.tex").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count(" & ") for line in rows} == {7} and text.count(r"\midrule") == 6
    assert r"100 \% & dual tower" in text and r"$\downarrow$" in text and r"\textbf{" in text
    assert not any(c in text for c in "±↓↑–") and text.count("{") == text.count("}")


def test_another_process_writes_the_same_bytes_and_loads_no_torch(whole: Path) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    code = f"import sys, pathlib, reports.build; reports.build.build(pathlib.Path({str(whole)!r}));"
    assert python(PROJECT, "-c", f"{code} print('torch' in sys.modules)").stdout == "False\n"
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before


@pytest.mark.parametrize("call", [1, 4, 8])
def test_a_report_killed_at_any_file_is_whole_after_the_next(whole: Path, call: int) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir()}

    def killed() -> None:
        dying(os, "replace", call)
        build(whole)

    assert child(killed) == -signal.SIGKILL
    assert len(list(whole.glob(".*"))) == 1  # the draft it was about to name
    assert {path.name: path.read_bytes() for path in whole.iterdir() if path.name[0] != "."} == before
    build(whole)
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before


def test_figure_and_samples_are_pictures_of_a_size_to_read(whole: Path) -> None:
    with Image.open(whole / "figure.png") as figure:
        assert figure.size[0] == 3 * 3.5 * 200 and round(figure.info["dpi"][0]) == 200
    pdf = (whole / "figure.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and b"CreationDate" not in pdf
    text = (whole / "samples.md").read_text(encoding="utf-8")
    assert r"| test-3 | a red star | dual_tower saw \| 3 |" in text and "test-8" not in text
    with Image.open(whole / "samples.png") as samples:
        assert samples.size[0] > 2 * 5 * 160 and samples.size[1] > 8 * 160
        colours = {colour for _, colour in samples.convert("RGB").getcolors(1 << 24)}
        assert {(25 * index, green, 0) for index in range(8) for green in (90, 200)} <= colours  # real ones beside


def test_an_unfinished_sweep_names_what_is_missing(tmp_path: Path, no_figure: None) -> None:
    points = grid(["dual_tower", "gated_layer"], [0, 1], 2)
    results = ask(tmp_path / "results" / "noise", points)
    build(results)  # nothing is done yet
    assert set(pd.read_csv(results / "runs.csv")["status"]) == {"pending"}
    for point in points[:3]:
        land(tmp_path / "runs", *point, scores(*point))
    failure = Failure("non-finite loss", "loss is nan at step 3", "Traceback")
    RunFolder(tmp_path / "runs" / "gated_layer-0000000100").fail(failure)
    build(results)
    runs = pd.read_csv(results / "runs.csv").set_index(["architecture", "i2t_noise", "seed"])
    assert runs.loc[("gated_layer", 1.0, 0), "status"] == "failed" and pd.isna(runs.loc[("gated_layer", 1.0, 0), "fid"])
    text = (results / "table.md").read_text(encoding="utf-8")
    assert "5 of 8 runs are missing" in text
    assert "i2t_noise=1 seed=0 failed: non-finite loss: loss is nan at step 3" in text
    assert row(text, "0 %", "dual tower")[2:4] == ["1 of 2", f"**{fid_of('dual_tower', 0, 0):.1f}**"]
    assert row(text, "100 %", "gated layer")[3:] == ["–"] * 5
    assert "**" not in row(text, "100 %", "dual tower")[3]  # nothing to compare it with


def test_what_may_not_be_believed_is_named_and_left_out(tmp_path: Path, no_figure: None) -> None:
    """Two schemas, edits by hand of each file that is read, a result without a seal, one half-finished."""
    points = grid(["dual_tower", "gated_layer"], [0], 6)
    results = finished(tmp_path, points)
    folders = {point: tmp_path / "runs" / f"{point[0]}-{point[2]}000000000" for point in points}
    landed = {point: folder / "evals" / "e0" / "step-100" for point, folder in folders.items()}

    def edit(path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    edit(landed["dual_tower", 0, 0] / "result.json", str(fid_of("dual_tower", 0, 0)), "0.1")
    edit(landed["dual_tower", 0, 1] / "i2t" / "captions.jsonl", "saw", "drew")
    edit(folders["dual_tower", 0, 2] / "run.json", '"schema": 2', '"schema": 99')
    edit(landed["dual_tower", 0, 3] / "result.json", '"schema": 2', '"schema": 99')
    unsealed = json.loads((landed["gated_layer", 0, 0] / "result.json").read_text(encoding="utf-8"))
    del unsealed["seal"]
    (landed["gated_layer", 0, 0] / "result.json").write_text(json.dumps(unsealed), encoding="utf-8")
    (landed["gated_layer", 0, 1] / "t2i" / "prompts.jsonl").unlink()
    (landed["gated_layer", 0, 2] / "result.json").write_text('{"schema": 2, "metr', encoding="utf-8")
    shutil.rmtree(landed["gated_layer", 0, 3])
    (folders["gated_layer", 0, 3] / "metrics.jsonl").write_text('{"step": 50}\n', encoding="utf-8")
    build(results)

    runs = pd.read_csv(results / "runs.csv").set_index(["architecture", "seed"])
    believed = {("dual_tower", 4), ("dual_tower", 5), ("gated_layer", 4), ("gated_layer", 5)}
    assert set(runs.index[runs["fid"].notna()]) == believed == set(runs.index[runs["status"] == "done"])
    counts = runs["status"].value_counts()
    assert (counts["changed"], counts["unreadable"], counts["partial"]) == (4, 3, 1)
    text = (results / "table.md").read_text(encoding="utf-8")
    assert row(text, "0 %", "dual tower")[2:4] == ["2 of 6", f"**{fid_of('dual_tower', 0, 4.5):.1f} ± 1.1**"]
    assert "1 of 12 runs are missing: gated_layer i2t_noise=0 seed=3 partial" in text
    for said in ("7 of 12 runs are left out", "seed=0 changed: result.json was changed after it was published",
                 "seed=1 changed: i2t/captions.jsonl was changed", "has format 99, this version reads 1 and 2",
                 "result.json has no checksum", "t2i/prompts.jsonl was changed", "is not a file of xfusion-bench"):
        assert said in text
    listed = (results / "report.html").read_text(encoding="utf-8").partition("<h3>Not included</h3>")[2]
    assert "8 of 12 runs" in listed and "result.json was changed after it was published" in listed.partition("</ul>")[0]


def test_a_picture_that_was_changed_is_not_shown(tmp_path: Path, no_figure: None) -> None:
    points = grid(["dual_tower", "gated_layer"], [0], 1)
    results = finished(tmp_path, points)
    build(results)
    before = (results / "samples.png").read_bytes()
    samples = next((tmp_path / "runs").glob("dual_tower-*")) / "evals" / "e0" / "step-100" / "t2i" / "samples"
    Image.new("RGB", (32, 32), "red").save(samples / "00003.png")
    build(results)
    assert (results / "samples.png").read_bytes() != before
    with Image.open(results / "samples.png") as shown:
        assert (255, 0, 0) not in {colour for _, colour in shown.getcolors(1 << 24)}


def test_numbers_by_different_weights_never_share_a_column(tmp_path: Path, no_figure: None) -> None:
    points = grid(["dual_tower", "gated_layer"], [0], 1)
    land(tmp_path / "runs", *points[0], scores(*points[0]))
    land(tmp_path / "runs", *points[1], scores(*points[1], weights="inception:features:99999999"))
    results = ask(tmp_path / "results" / "noise", points)
    build(results)
    runs = pd.read_csv(results / "runs.csv").set_index("architecture")
    assert runs["fid"].isna().all() and "fid_weights" not in runs
    assert runs.loc["dual_tower", f"fid [{FEATURES}]"] == fid_of("dual_tower", 0, 0)
    assert pd.isna(runs.loc["dual_tower", "fid [inception:features:99999999]"])
    text = (results / "table.md").read_text(encoding="utf-8")
    assert "embedded features 3fa9c1" in text and "inception features 999999" in text
    assert row(text, "0 %", "dual tower")[4] == "–" and row(text, "0 %", "gated layer")[3] == "–"
    assert "**" not in row(text, "0 %", "dual tower")[3]


def test_different_code_is_flagged(tmp_path: Path, no_figure: None) -> None:
    points = grid(["dual_tower"], [0, 1], 1)
    for point, code in zip(points, ("0ld", "new"), strict=True):
        land(tmp_path / "runs", *point, scores(*point), code)
    results = ask(tmp_path / "results" / "noise", points)
    build(results)
    assert "The code changed between runs of dual_tower" in (results / "table.md").read_text(encoding="utf-8")
    assert list(pd.read_csv(results / "runs.csv")["code"]) == ["0ld", "new"]


def test_architectures_side_by_side(tmp_path: Path) -> None:
    points = grid([*FOUR, "fifth_way"], [0], 3)
    results = finished(tmp_path, points)
    ask(results, points, x="architecture")
    build(results)
    text = (results / "table.md").read_text(encoding="utf-8")
    assert row(text, "architecture")[:2] == ["architecture", "seeds"] and row(text, "fifth way")[1] == "3"
    assert (results / "figure.png").exists() and sum("**" in line for line in text.splitlines() if "± 1.5" in line) > 0
    assert "x" not in pd.read_csv(results / "table.csv")


def test_a_sweep_without_a_finished_run_has_no_figure(tmp_path: Path) -> None:
    results = ask(tmp_path / "results" / "noise", grid(FOUR, NOISES, 1))
    assert {path.suffix for path in build(results)} == {".csv", ".md", ".tex", ".json", ".html"}
    assert "20 of 20 runs are missing" in (results / "table.md").read_text(encoding="utf-8")
    assert "No run is done yet" in (results / "report.html").read_text(encoding="utf-8")


def test_every_architecture_has_its_own_lasting_style() -> None:
    chosen = styles([*FOUR, "fifth_way", "sixth_way", "x_fuse"])
    assert len(set(chosen.values())) == 7 and all(chosen[name] == KNOWN[name] for name in FOUR)
    assert styles(["fifth_way"])["fifth_way"] == chosen["fifth_way"]


@pytest.mark.parametrize(("largest", "places"), [(0.98, 3), (0.031, 4), (5.9, 2), (52, 1), (1.0, 3), (1190, 1), (0, 3)])
def test_decimals_follow_the_largest_value(largest: float, places: int) -> None:
    assert decimals(pd.Series([0.0, largest])) == places


def test_folders_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sweep.json"):
        build(tmp_path)
    (tmp_path / "sweep.json").write_text('{"schema": 99}', encoding="utf-8")
    with pytest.raises(UserError, match="format 99"):
        build(tmp_path)
    (tmp_path / "sweep.json").write_text("not json", encoding="utf-8")
    with pytest.raises(UserError, match="not a file of xfusion-bench"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]


def test_a_root_of_runs_that_no_folder_can_have_is_refused(tmp_path: Path) -> None:
    results = ask(tmp_path / "results" / "noise", [("dual_tower", 0, 0)])
    file = results / "sweep.json"
    file.write_text(
        json.dumps(json.loads(file.read_text(encoding="utf-8")) | {"runs_root": "runs\0"}), encoding="utf-8"
    )
    with pytest.raises(UserError, match="'runs_root' must be"):
        build(results)


def test_all_drawings_read_each_result_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_figure: None) -> None:
    points = grid(FOUR, [0, 0.5], 2)
    finished(tmp_path, points)
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    read: Counter[str] = Counter()
    result = StoredRun.result

    def counted(run: StoredRun, eval_id: str, step: int) -> dict | None:
        read[run.run_id] += 1
        return result(run, eval_id, step)

    monkeypatch.setattr(StoredRun, "result", counted)
    written = list(redraw(tmp_path / "results", tmp_path / "elsewhere" / "runs", []))
    assert {path.parent.name for path in written} == {"noise", "figures"}
    assert len(read) == len(points) and set(read.values()) == {1}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    results = finished(tmp_path, grid(["dual_tower"], [0], 1))
    results.chmod(0o500)
    with pytest.raises(UserError, match="cannot write"):
        build(results)

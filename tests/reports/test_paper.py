"""The paper's figures from whatever runs are stored: what belongs together, what is left out, what they say."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_study import FOUR
from PIL import Image
from project_copies import PROJECT, python

from bench.system.errors import UserError
from benchmarks import fake_results
from reports.paper import definitions
from reports.paper.costs import front
from reports.redraw import redraw, settings


def land(
    runs: Path, architecture: str, seed: int, step: int, folder: str = "", split: str = "test", **train: float
) -> None:
    """An evaluation whose numbers say where they come from: FID 1000 / step, CIDEr the share of the steps."""
    settings = {"steps": 400, "batch_size": 4, "i2t_noise": 0, "t2i_fraction": 0.6667} | train
    values = {"fid": 1000 / step + seed, "clip_score": 20 + step / 100, "image_attributes": step / 400,
              "cider": step / 400, "caption_attributes": step / 400, "exam": 1.0}
    fake_results.land(
        runs / (folder or f"{architecture}-{seed}{abs(hash(str(train))) % 999983}"), architecture, seed, step,
        {name: fake_results.score(value, "lower" if name == "fid" else "higher") for name, value in values.items()},
        train=settings, cost={"train_flops": 1e9 * step, "train_seconds": step / 10},
        images={where: [Image.new("RGB", (8, 8), "red")] for where in ("samples", "real")},
        settings={"eval": {"split": split}}, prompts=["a star"], captions=["a red star"], references=["a star"],
    )  # fmt: skip


def study(root: Path) -> Path:
    """Four architectures of two seeds, evaluated twice along training; two noises and two ratios of one."""
    for name in FOUR:
        for seed in (0, 1):
            for step in (200, 400):
                land(root / "runs", name, seed, step)
    for step in (200, 400):
        land(root / "runs", "dual_tower", 0, step, i2t_noise=1)
        land(root / "runs", "dual_tower", 0, step, t2i_fraction=0.5)
    return root


def draw(root: Path, *only: str) -> dict[str, bytes]:
    written = list(redraw(root / "results", root / "runs", list(only)))
    return {path.name: path.read_bytes() for path in written if path.parent.name == "figures"}


def table(files: dict[str, bytes], name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(files[name]))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return draw(study(tmp_path_factory.mktemp("study")))


def test_curves_are_means_over_seeds_along_training(drawn: dict[str, bytes]) -> None:
    noise = table(drawn, "noise.csv").set_index(["metric", "by", "step"])
    assert noise.loc[("fid", 0.0, 200), ["mean", "min", "max", "seeds"]].tolist() == [5.5, 5, 6, 2]
    assert noise.loc[("fid", 1.0, 400), ["mean", "seeds"]].tolist() == [2.5, 1]
    assert set(noise.index.get_level_values("by")) == {0.0, 1.0}
    ratio = table(drawn, "ratio.csv")
    assert ratio["t2i_tokens"].tolist() == pytest.approx(list(ratio["step"] * 4 * ratio["by"] * 20))
    assert set(ratio["by"]) == {0.5, 0.6667}
    time = table(drawn, "time-to-quality.csv")
    assert set(time["by"]) == set(FOUR) and (time["train_seconds"] == time["step"] / 10).all()


def test_the_table_has_the_last_step_and_the_papers_numbers(drawn: dict[str, bytes]) -> None:
    rows = table(drawn, "architectures.csv").set_index(["metric", "architecture"])
    assert (rows.loc["fid", "mean"] == 3.0).all() and (rows["seeds"] == "0 1").all()
    text = drawn["architectures.md"].decode()
    assert "| *dual tower, the paper's* |  | *MMLU 32.2* |" in text or "FID 14.2" in text
    assert "not comparable" in text and "-25.7 %" in text
    assert b"FID 19.1" in drawn["architectures.tex"]


def test_every_definition_is_drawn_or_says_what_would_make_it(drawn: dict[str, bytes]) -> None:
    index = drawn["index.md"].decode()
    for definition in definitions.read():
        assert f"## {definition.title}" in index
        assert (definition.needs or definition.command) in index
        assert bool(definition.kind) != bool(definition.needs)
        assert definition.needs or any(name.startswith(f"{definition.name}.") for name in drawn), definition.name
    for name in ("noise", "cost", "time-to-quality"):
        with Image.open(io.BytesIO(drawn[f"{name}.png"])) as picture:
            assert picture.size[0] > 1000
        assert drawn[f"{name}.svg"].startswith(b"<?xml") and drawn[f"{name}.pdf"].startswith(b"%PDF")


def test_runs_that_differ_otherwise_are_not_mixed_and_are_named(tmp_path: Path) -> None:
    study(tmp_path)
    for name, seed in (("dual_tower", 0), ("dual_tower", 1), ("gated_layer", 0)):
        land(tmp_path / "runs", name, seed, 800, steps=800)
    files = draw(tmp_path)
    assert set(table(files, "architectures.csv")["seeds"]) == {"0 1"}
    assert "left out: runs with train.steps=800 (3 evaluations)" in files["index.md"].decode()
    chosen = table(draw(tmp_path, "train.steps=800"), "time-to-quality.csv")
    assert set(chosen["by"]) == {"dual_tower", "gated_layer"} and set(chosen["step"]) == {800}


def test_validation_scores_count_where_they_are_asked_for_alone(tmp_path: Path) -> None:
    study(tmp_path)
    for name in FOUR:
        for seed in range(5, 9):
            land(tmp_path / "runs", name, seed, 400, split="validation", lr=0.1)
    assert set(table(draw(tmp_path), "architectures.csv")["seeds"]) == {"0 1"}
    asked = table(draw(tmp_path, "eval.split=validation"), "architectures.csv")
    assert set(asked["seeds"]) == {"5 6 7 8"}


def test_what_has_no_runs_says_which_command_makes_them(tmp_path: Path) -> None:
    for noise in (0.5, 1):
        land(tmp_path / "runs", "dual_tower", 0, 400, i2t_noise=noise)
    files = draw(tmp_path)
    index = files["index.md"].decode()
    assert "noise.png" in files and "architectures.md" not in files and "cost.png" not in files
    assert "No runs yet. They are made by `python -m sweeps run architecture seed=[0,1,2]`" in index


def test_edited_runs_are_named_and_left_out(tmp_path: Path) -> None:
    study(tmp_path)
    path = next((tmp_path / "runs").glob("gated_layer-0*/evals/e0/step-400/result.json"))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"value": 2.5', '"value": 0.5'), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    files = draw(tmp_path)
    assert "changed: result.json was changed after it was published" in files["index.md"].decode()
    rows = table(files, "architectures.csv").set_index(["metric", "architecture"])
    assert rows.loc[("fid", "gated_layer"), ["min", "max"]].tolist() == [3.5, 3.5]  # nor is its step 200 taken for it
    assert rows.loc[("fid", "dual_tower"), ["min", "max"]].tolist() == [2.5, 3.5]


def test_parquet_holds_every_evaluation(drawn: dict[str, bytes]) -> None:
    frame = pd.read_parquet(io.BytesIO(drawn["runs.parquet"]))
    assert len(frame) == 4 * 2 * 2 + 4 and frame["train.steps"].eq(400).all()
    assert np.allclose(frame["fid"], 1000 / frame["step"] + frame["seed"])
    assert {"cost.train_flops", "seen.t2i_tokens", "model.architecture", "fid.n", "code"} <= set(frame)


def test_another_process_draws_the_same_bytes_without_torch(tmp_path: Path) -> None:
    study(tmp_path)
    code = (
        "import sys; sys.argv[1:] = ['figures']; from reports.__main__ import main; status = main(sys.argv[1:]);"
        "assert 'torch' not in sys.modules; sys.exit(status)"
    )
    here = draw(tmp_path)
    python(PROJECT, "-c", code, cwd=tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "results" / "figures").iterdir()} == here


def test_a_front_holds_what_nothing_beats_at_both() -> None:
    """Against the definition, on random points."""
    random = np.random.default_rng(0)
    for direction in ("lower", "higher"):
        sign = -1 if direction == "lower" else 1
        for _ in range(50):
            points = pd.DataFrame(
                {"cost": random.integers(0, 6, 8), "value": random.integers(0, 6, 8), "direction": direction}
            )
            rows = set(map(tuple, points[["cost", "value"]].to_numpy()))
            kept = {
                a for a in rows if not any(b != a and b[0] <= a[0] and sign * b[1] >= sign * a[1] for b in rows)
            }
            assert set(map(tuple, front(points, "cost")[["cost", "value"]].to_numpy())) == kept


@pytest.mark.parametrize(("asked", "said"), [("train.stepz=1", "train.steps"), ("steps", "no setting"), ("a=[", "a")])
def test_wrong_settings_are_refused(asked: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        settings([asked])


def test_no_runs_are_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder of runs"):
        draw(tmp_path)

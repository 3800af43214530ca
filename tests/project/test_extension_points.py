"""A task, a loss, a metric and a data set are one file each, dropped in or installed; nothing else is edited."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from experiments import SMALLER

from bench.runs.published import landed, strays

PROJECT = Path(__file__).parents[2]
TOYS = Path(__file__).with_name("toys")
PACKAGES = ("architectures", "bench", "sweeps", "reports")
PLACES = {
    "mirror": "bench/tasks",
    "paint": "bench/tasks",
    "tell": "bench/tasks",
    "probe": "bench/training/losses",
    "brightness": "bench/evaluation/metrics",
    "stripes": "bench/data/sets",
}
ASKED = {  # toy -> the request that has it take part; a metric takes part by being there
    "mirror": ["train.tasks.mirror=5000"],
    "probe": ["train.losses.probe.weight=0.1"],
    "brightness": [],
    "stripes": ["data.name=stripes"],
}
OWN = {"mirror": "train.mirror_dropout=0.5", "probe": "train.losses.probe.weight=0.2", "stripes": "data.stripes=2"}
LISTED = {
    "mirror": "The mirrored image is generated",
    "probe": "Squared error of the noise level",
    "brightness": "Mean brightness",
    "stripes": "Striped images",
}
MEASURED = {"mirror": ["mirror_fid", "mirror_kid", "mirror_clip_score"], "brightness": ["brightness"]}
FORMER = ("t2i", "i2t")


def copied(folder: Path, *toys: str) -> Path:
    """A copy of the project with the toys dropped in."""
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for toy in toys:
        shutil.copy(TOYS / f"{toy}.py", folder / PLACES[toy])
    return folder


def python(path: Path | str, *arguments: str, status: int = 0) -> subprocess.CompletedProcess:
    """Run Python on a copy of the project, or on a path of several folders, the project's last."""
    project = str(path).rpartition(os.pathsep)[2]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    ran = subprocess.run([sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True)
    assert ran.returncode == status, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran


def ids(path: Path | str, *request: str) -> tuple[str, str]:
    """`train_id` and `eval_id` of a request."""
    said = python(path, "-m", "bench", "show", "smoke", "train.precision=float32", *request).stdout
    train, evaluation = re.findall(r"^# (?:train_id|eval_id): +(\w+)", said, re.MULTILINE)
    return train, evaluation


def trained(path: Path | str, *request: str) -> tuple[Path, dict[str, Any]]:
    """Folder and result of a training that was killed, and, gone on with, left what an undisturbed one leaves."""
    project = Path(str(path).rpartition(os.pathsep)[2])
    disturbed, undisturbed = project / "disturbed", project / "undisturbed"
    python(path, str(TOYS / "killed.py"), str(disturbed), str(undisturbed), *SMALLER, *request)
    (one,), (other,) = disturbed.iterdir(), undisturbed.iterdir()
    assert one.name == other.name and strays(one) == []
    assert len(json.loads((one / "run.json").read_text(encoding="utf-8"))["starts"]) == 2
    assert landed(one) == landed(other)
    (result,) = one.glob("evals/*/step-6/result.json")
    return one, json.loads(result.read_text(encoding="utf-8"))


def check_outcome(toys: list[str], run: Path, result: dict[str, Any]) -> None:
    """What toys left in a run folder: a term of the loss, samples, and scores that say what they are."""
    metrics, (evaluation,) = result["metrics"], run.glob("evals/*/step-6")
    if "mirror" in toys:
        assert result["tasks"]["mirror"]["layout"] == ["image", "text", "image"]
        assert result["axes"]["mirror_dropout"]["title"] == "share of captions left out"
        assert result["seen"]["mirror_pairs"] > 0
        names = [f"{place:05d}.png" for place in range(8)]
        assert sorted(path.name for path in (evaluation / "mirror" / "samples").iterdir()) == names
        assert len((evaluation / "mirror" / "prompts.jsonl").read_text(encoding="utf-8").splitlines()) == 8
        assert {name for name in metrics if name.startswith("mirror_")} == {*MEASURED["mirror"]}
        assert metrics["mirror_fid"]["title"] == "mirror: FID" and metrics["mirror_fid"]["task"] == "mirror"
        assert metrics["mirror_fid"]["meaning"].startswith("mirroring: ")
        assert metrics["mirror_clip_score"]["ceiling"] > metrics["mirror_clip_score"]["chance"]
    if "probe" in toys:
        (row, *_) = landed(run)["metrics.jsonl"].values()
        assert row["loss"] == pytest.approx(0.2 * row["loss_text"] + row["loss_image"] + 0.1 * row["loss_probe"])
        assert result["train_identity"]["train"]["losses"] == {"probe": {"weight": 0.1}}
    if "brightness" in toys:
        said = metrics["brightness"]
        assert (said["title"], said["task"], said["direction"]) == ("brightness", "t2i", "neither")
        assert said["meaning"] == "text-to-image: how bright generated images are on the whole"
        assert len(json.loads((evaluation / "per_item.json").read_text(encoding="utf-8"))["brightness"]) == 8
    if "stripes" in toys:
        assert result["settings"]["data"]["stripes"] == 4
        assert result["train_identity"]["data"]["stripe_direction"] == "upright"
        assert not any(name.startswith("image_") for name in metrics)  # it has no scenes


def check_identity(project: Path, toys: list[str]) -> None:
    """A toy that is there renames no run; one that takes part does, and so does a setting of its own."""
    plain = ids(PROJECT)
    assert ids(project) == plain
    for toy in toys:
        if asked := ASKED[toy]:
            with_it, changed = ids(project, *asked), ids(project, *asked, OWN[toy])
            assert len({plain[0], with_it[0], changed[0]}) == 3
            assert len({plain[1], with_it[1], changed[1]}) == (3 if toy == "stripes" else 1)


def test_four_files_dropped_in_are_listed_trained_and_resumed(tmp_path):
    toys = [*ASKED]
    project = copied(tmp_path, *toys)
    said = python(project, "-m", "bench", "list").stdout
    assert all(re.search(rf"^  {toy} +{LISTED[toy]}", said, re.MULTILINE) for toy in toys)
    assert ids(project) == ids(PROJECT)
    asked = [setting for toy in toys for setting in ASKED[toy]]
    check_outcome(toys, *trained(project, *asked))


@pytest.mark.slow
@pytest.mark.parametrize("toy", ASKED)
def test_one_file_is_all_that_is_needed(tmp_path, toy):
    project = copied(tmp_path, toy)
    assert re.search(rf"^  {toy} +{LISTED[toy]}", python(project, "-m", "bench", "list").stdout, re.MULTILINE)
    check_identity(project, [toy])
    check_outcome([toy], *trained(project, *ASKED[toy]))


@pytest.mark.slow
@pytest.mark.parametrize("data", ["scenes", "stripes"])
def test_the_self_test_takes_a_new_metric_and_a_new_data_set(tmp_path, data):
    """On the toy's own data other metrics may fail a check: six kinds of images are too few for KID."""
    project = copied(tmp_path, "brightness", "stripes")
    sizes = ["data.test_size=256", "data.stripe_pictures=512", f"data.name={data}"]
    python(project, "-m", "bench", "metrics", "selftest", "smoke", *sizes, status=0 if data == "scenes" else 1)
    (kept,) = (project / "runs" / "selftest").iterdir()
    verdict = json.loads(kept.read_text(encoding="utf-8"))
    assert "brightness" in verdict["metrics"] and "brightness" not in verdict["failed"]
    checks = {check["name"]: check for check in verdict["checks"] if check["metric"] == "brightness"}
    assert {"blur", "noise", "colours swapped", "pictures exchanged"} <= set(checks)

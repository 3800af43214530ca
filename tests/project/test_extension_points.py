"""A task, a loss, a metric and a data set are one file each, dropped in or installed; nothing else is edited."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from experiments import SMALLER

from bench.runs.published import leftovers, published_files

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
    "mirror": ["train.tasks.mirror=1"],
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


def python(path: Path | str, *arguments: str, status: Collection[int] = (0,)) -> subprocess.CompletedProcess:
    """Run Python on a copy of the project, or on a path of several folders, the project's last."""
    project = str(path).rpartition(os.pathsep)[2]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    ran = subprocess.run([sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True)
    assert ran.returncode in status, ran.stdout[-3000:] + ran.stderr[-3000:]
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
    assert one.name == other.name and leftovers(one) == []
    assert len(json.loads((one / "run.json").read_text(encoding="utf-8"))["starts"]) == 2
    assert published_files(one) == published_files(other)
    (result,) = one.glob("evals/*/step-6/result.json")
    return one, json.loads(result.read_text(encoding="utf-8"))


def check_outcome(toys: list[str], run: Path, result: dict[str, Any]) -> None:
    """What toys left in a run folder: a term of the loss, samples, and scores that say what they are."""
    metrics, (evaluation,) = result["metrics"], run.glob("evals/*/step-6")
    if "mirror" in toys:
        said = result["tasks"]["mirror"]
        assert (said["noun"], said["layout"]) == ("images", ["image", "text", "image"])
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
        (row, *_) = published_files(run)["metrics.jsonl"].values()
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
    """On the toy's own data other metrics may fail a check: a few kinds of images are too few for KID."""
    project = copied(tmp_path, "brightness", "stripes")
    sizes = ["data.test_size=256", "data.stripe_pictures=512", f"data.name={data}"]
    python(project, "-m", "bench", "metrics", "selftest", "smoke", *sizes, status=(0,) if data == "scenes" else (0, 1))
    (kept,) = (project / "runs" / "selftest").iterdir()
    verdict = json.loads(kept.read_text(encoding="utf-8"))
    assert "brightness" in verdict["metrics"] and "brightness" not in verdict["failed"]
    checks = {check["name"]: check for check in verdict["checks"] if check["metric"] == "brightness"}
    assert {"blur", "noise", "colours swapped", "images exchanged"} <= set(checks)


@pytest.mark.slow
def test_what_was_dropped_in_is_tabulated_plotted_and_shown(tmp_path):
    project = copied(tmp_path, "mirror", "brightness")
    sweep = {
        "question": "Does a mirror need captions?",
        "grid": {"train.mirror_dropout": [0.1, 0.5], "model.architecture": ["dual_tower"]},
        "plot": {"x": "mirror_dropout", "y": ["mirror_fid", "brightness"]},
    }
    (project / "looking.yaml").write_text(json.dumps(sweep), encoding="utf-8")
    request = ["looking.yaml", "smoke", "--jobs", "1", *SMALLER, *ASKED["mirror"]]
    python(project, "-m", "sweeps", "run", *request)
    (results,) = (project / "results").iterdir()
    python(project, "-m", "reports", "build", str(results))
    table = (results / "table.md").read_text(encoding="utf-8")
    assert "mirror: FID" in table and "brightness" in table and "missing" not in table
    header = (results / "runs.csv").read_text(encoding="utf-8").partition("\n")[0].split(",")
    assert {"mirror_dropout", "mirror_fraction", "mirror_fid", "brightness"} <= {*header}
    assert (results / "figure.png").stat().st_size > 10_000
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "mirror: FID" in page and "mirroring" in page


PYPROJECT = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
SETUP = """[metadata]
name = toy-extension
version = {version}

[options]
packages = toy_extension

[options.entry_points]
xfusion_bench.tasks =
    mirror = toy_extension.mirror
xfusion_bench.losses =
    probe = toy_extension.probe
xfusion_bench.metrics =
    brightness = toy_extension.brightness
xfusion_bench.sets =
    stripes = toy_extension.stripes
"""


def installed(folder: Path, version: str) -> Path:
    """The toys as a distribution of this version, installed into a folder of their own."""
    made, site = folder / f"source-{version}", folder / f"site-{version}"
    (made / "toy_extension").mkdir(parents=True)
    (made / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (made / "setup.cfg").write_text(SETUP.format(version=version), encoding="utf-8")
    (made / "toy_extension" / "__init__.py").write_text("", encoding="utf-8")
    for toy in ASKED:
        shutil.copy(TOYS / f"{toy}.py", made / "toy_extension")
    alone = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *alone, "--target", str(site), str(made)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return site


@pytest.mark.slow
def test_an_installed_package_is_named_with_its_version(tmp_path):
    paths = [f"{installed(tmp_path, version)}{os.pathsep}{PROJECT}" for version in ("1.0", "1.1")]
    said = python(paths[0], "-m", "bench", "list").stdout
    for toy in ASKED:
        assert re.search(rf"^  {toy} +{LISTED[toy]}.* \[toy-extension 1\.0\]$", said, re.MULTILINE)
    plain = ids(PROJECT)
    assert [ids(path) for path in paths] == [plain, plain]
    for toy, asked in ASKED.items():
        if asked:
            one, other = (ids(path, *asked) for path in paths)
            assert len({plain[0], one[0], other[0]}) == 3
            assert len({plain[1], one[1], other[1]}) == (3 if toy == "stripes" else 1)
    program = "from bench.config.load import load; from bench.evaluation.selftest.verdict import measure_id;"
    program += "print(measure_id(load('smoke')))"
    assert len({python(path, "-c", program).stdout for path in [PROJECT, *paths]}) == 3  # a metric's code measures


@pytest.mark.slow
def test_an_installed_package_is_trained_and_resumed(tmp_path):
    site, project = installed(tmp_path, "1.0"), copied(tmp_path / "project")
    asked = [setting for settings in ASKED.values() for setting in settings]
    run, result = trained(f"{site}{os.pathsep}{project}", *asked)
    check_outcome([*ASKED], run, result)
    named = {f"{kind} {name}" for kind, name in (("task", "mirror"), ("loss", "probe"), ("data set", "stripes"))}
    assert result["train_identity"]["plugins"] == dict.fromkeys(named, "toy-extension 1.0")
    assert result["eval_identity"]["plugins"] == {"data set stripes": "toy-extension 1.0"}


def without_its_tasks(project: Path) -> Path:
    """A copy whose tasks are two toys: presets, sweeps and claims name them instead, and no code does."""
    names = {
        "denoise_noisy_i2t": "unprompted", "caption_dropout": "unprompted", "i2t_noise": "grain",
        "t2i": "paint", "i2t": "tell",
    }  # fmt: skip
    for former in FORMER:
        (project / "bench" / "tasks" / f"{former}.py").unlink()
    for path in project.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for former, name in names.items():
            text = re.sub(former, name, text)
        path.write_text(text, encoding="utf-8")
    return project


@pytest.mark.slow
def test_other_tasks_in_place_of_the_projects_own(tmp_path):
    project = without_its_tasks(copied(tmp_path, "paint", "tell"))
    said = python(project, "-m", "bench", "list").stdout
    assert "An image is painted." in said and not any(former in said for former in FORMER)
    plan = python(project, "-m", "sweeps", "plan", "noise", "smoke").stdout
    assert "grain=0.5" in plan
    run, result = trained(project, "train.grain=0.5")
    assert {name: task["share"] for name, task in result["tasks"].items()} == {"paint": 2, "tell": 1}
    assert {"paint_fid", "paint_image_attributes", "tell_cider", "exam"} <= set(result["metrics"])
    assert {*result["axes"]} == {"grain", "unprompted", "paint_fraction", "tell_fraction"}
    assert result["seen"]["tell_mean_noise"] > 0 and "paint_mean_noise" not in result["seen"]
    assert len([*run.glob("evals/*/*/paint/samples/*.png")]) == 8
    assert len([*run.glob("evals/*/*/tell/captions.jsonl")]) == 1


NAMES_TASKS = {
    f"bench/tasks/{FORMER[0]}.py",
    f"bench/tasks/{FORMER[1]}.py",
    "bench/runs/identity.py",  # the table of former names
    "bench/runs/format_1.py",
}


@pytest.mark.parametrize(
    "package",
    PACKAGES,
)
def test_no_code_but_theirs_names_a_task(package):
    name = re.compile(rf"(?<![a-z0-9])({'|'.join(FORMER)})(?![a-z0-9])", re.IGNORECASE)
    paths = sorted((PROJECT / package).rglob("*.py"))
    naming = {str(path.relative_to(PROJECT)) for path in paths if name.search(path.read_text(encoding="utf-8"))}
    assert len(paths) > 5 and naming <= NAMES_TASKS


IN_TASK = (
    'from bench.tasks.base import Task\nclass {name}(Task):\n    """A toy."""\n    title, layout = "toy", ("text",)\n'
)
WITH_SETTINGS = IN_TASK.format(name="Toy") + "    settings = Settings\n"
SETTINGS = "from dataclasses import dataclass\n@dataclass\nclass Settings:\n    {setting}\n"
MUTE = "from bench.tasks.base import Task\nclass Toy(Task): pass"
METRIC = (TOYS / "brightness.py").read_text(encoding="utf-8")
LISTING, TRAINING = ["list"], ["train", "smoke"]
COMMANDS = {"no metric": [LISTING], "metric's name taken": [TRAINING]}  # metrics are looked at when torch is there
BROKEN = {  # name -> file dropped in, its content, and what is told of it
    "syntax": ("bench/tasks/toy.py", "def broken(:", "cannot be imported (SyntaxError"),
    "import": ("bench/data/sets/toy.py", "import no_such_package", "cannot be imported (ModuleNotFoundError"),
    "no class": ("bench/tasks/toy.py", "x = 1", "there is no class of a task (derive one from bench.tasks.base)"),
    "no metric": ("bench/evaluation/metrics/toy.py", "x = 1", "there is no class of a metric"),
    "two classes": ("bench/tasks/toy.py", IN_TASK.format(name="One") + IN_TASK.format(name="Two"), "One, Two"),
    "nothing said": ("bench/tasks/toy.py", MUTE, "Toy does not say title"),
    "a name of Python's": ("bench/tasks/a-toy.py", IN_TASK.format(name="Toy"), "'a-toy' names no task"),
    "setting taken": (
        "bench/tasks/toy.py",
        SETTINGS.format(setting="lr: float = 0.1") + WITH_SETTINGS,
        "the setting 'lr' is taken; give it another name",
    ),
    "setting of another task": (
        "bench/tasks/zoo.py",
        SETTINGS.format(setting="caption_dropout: float = 0.1") + WITH_SETTINGS,
        "the setting 'caption_dropout' is taken; give it another name",
    ),
    "setting without a default": (
        "bench/tasks/toy.py",
        SETTINGS.format(setting="depth: int") + WITH_SETTINGS,
        "its settings cannot be read (TypeError: 'depth' has no default)",
    ),
    "metric's name taken": (
        "bench/evaluation/metrics/toy.py", METRIC.replace('"brightness",\n    "brightness"', '"fid",\n    "FID"'),
        "the name of the metric 'fid' is taken",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return copied(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if COMMANDS.get(case) == [TRAINING] else ()) for case in BROKEN],
)
def test_a_broken_file_is_named_in_one_line(scratch, case):
    file, content, told = BROKEN[case]
    (scratch / file).write_text(content, encoding="utf-8")
    try:
        for command in COMMANDS.get(case, [LISTING, TRAINING]):
            said = python(scratch, "-m", "bench", *command, status=(2,))
            assert said.stdout == "" and said.stderr.startswith(f"error: {scratch / file}: ")
            assert told in said.stderr and said.stderr.count("\n") == 1
        assert not (scratch / "runs").exists()
    finally:
        (scratch / file).unlink()

"""A task, a loss, a metric and a data set are one file each, dropped in or installed; nothing else is edited."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from experiments import SMALLER
from project_copies import EXAMPLES, PACKAGES, PROJECT, copied, python

from bench.runs.published import leftovers, published_files

MIRROR = {"bench/tasks/mirror.py": (Path(__file__).parent / "mirror.py").read_text(encoding="utf-8")}
FILES = {Path(name).stem: {name: text} for name, text in (EXAMPLES | MIRROR).items()}
ASKED = {  # file -> the request that has it take part; a metric takes part by being there
    "mirror": ["train.tasks.mirror=1"],
    "mean_latent": ["train.losses.mean_latent.weight=0.1"],
    "brightness": [],
    "stripes": ["data.name=stripes"],
}
OWN = {
    "mirror": "train.mirror_dropout=0.5",
    "mean_latent": "train.losses.mean_latent.layer=2",
    "stripes": "data.stripes_size=32",
}
LISTED = {
    "mirror": "The mirrored image is generated",
    "mean_latent": "Squared error of a linear prediction",
    "brightness": "Difference of the mean brightness",
    "stripes": "Striped images",
}
MEASURED = {"mirror": ["mirror_fid", "mirror_kid", "mirror_clip_score"], "brightness": ["brightness"]}
FORMER = ("t2i", "i2t")


def files_of(*names: str) -> dict[str, str]:
    """The files of these names, by the path at which they are dropped in."""
    return {path: text for name in names for path, text in FILES[name].items()}


def ids(path: Path | str, *request: str) -> tuple[str, str]:
    """`train_id` and `eval_id` of a request."""
    said = python(path, "-m", "bench", "show", "smoke", "train.precision=float32", *request).stdout
    train, evaluation = re.findall(r"^# (?:train_id|eval_id): +(\w+)", said, re.MULTILINE)
    return train, evaluation


def trained(path: Path | str, *request: str) -> tuple[Path, dict[str, Any]]:
    """Folder and result of a training that was killed, and, gone on with, left what an undisturbed one leaves."""
    project = Path(str(path).rpartition(os.pathsep)[2])
    disturbed, undisturbed = project / "disturbed", project / "undisturbed"
    program = PROJECT / "tests" / "helpers" / "killed_training.py"
    python(path, str(program), str(disturbed), str(undisturbed), *SMALLER, *request)
    (one,), (other,) = disturbed.iterdir(), undisturbed.iterdir()
    assert one.name == other.name and leftovers(one) == []
    assert len(json.loads((one / "run.json").read_text(encoding="utf-8"))["starts"]) == 2
    assert published_files(one) == published_files(other)
    (result,) = one.glob("evals/*/step-6/result.json")
    return one, json.loads(result.read_text(encoding="utf-8"))


def check_outcome(names: list[str], run: Path, result: dict[str, Any]) -> None:
    """What was dropped in left in a run folder: a term of the loss, samples, and scores that say what they are."""
    metrics, (evaluation,) = result["metrics"], run.glob("evals/*/step-6")
    if "mirror" in names:
        said = result["tasks"]["mirror"]
        assert (said["noun"], said["layout"]) == ("images", ["image", "text", "image"])
        assert result["axes"]["mirror_dropout"]["title"] == "share of captions left out"
        assert result["seen"]["mirror_pairs"] > 0
        pictures = [f"{place:05d}.png" for place in range(8)]
        assert sorted(path.name for path in (evaluation / "mirror" / "samples").iterdir()) == pictures
        assert len((evaluation / "mirror" / "prompts.jsonl").read_text(encoding="utf-8").splitlines()) == 8
        assert {name for name in metrics if name.startswith("mirror_")} == {*MEASURED["mirror"]}
        assert metrics["mirror_fid"]["title"] == "mirror: FID" and metrics["mirror_fid"]["task"] == "mirror"
        assert metrics["mirror_fid"]["meaning"].startswith("mirroring: ")
        assert metrics["mirror_clip_score"]["ceiling"] > metrics["mirror_clip_score"]["chance"]
    if "mean_latent" in names:
        (row, *_) = published_files(run)["metrics.jsonl"].values()
        assert row["loss"] == pytest.approx(0.2 * row["loss_text"] + row["loss_image"] + 0.1 * row["loss_mean_latent"])
        assert result["train_identity"]["train"]["losses"] == {"mean_latent": {"weight": 0.1, "layer": 1}}
    if "brightness" in names:
        said = metrics["brightness"]
        assert (said["title"], said["task"], said["direction"]) == ("brightness error", "t2i", "lower")
        assert said["meaning"].startswith("text-to-image: how far the mean brightness")
        assert len(json.loads((evaluation / "per_item.json").read_text(encoding="utf-8"))["brightness"]) == 8
    if "stripes" in names:
        assert result["settings"]["data"]["stripes_size"] == 64 == result["train_identity"]["data"]["stripes_size"]
        assert not any(name.startswith("image_") for name in metrics)  # it has no scenes


def check_identity(project: Path, name: str) -> None:
    """A file that is there renames no run; one that takes part does, and so does a setting of its own."""
    plain = ids(PROJECT)
    assert ids(project) == plain
    if asked := ASKED[name]:
        with_it, changed = ids(project, *asked), ids(project, *asked, OWN[name])
        assert len({plain[0], with_it[0], changed[0]}) == 3
        assert len({plain[1], with_it[1], changed[1]}) == (3 if name == "stripes" else 1)


def test_four_files_dropped_in_are_listed_trained_and_resumed(tmp_path):
    project = copied(tmp_path, files_of(*ASKED))
    said = python(project, "-m", "bench", "list").stdout
    assert all(re.search(rf"^  {name} +{LISTED[name]}", said, re.MULTILINE) for name in ASKED)
    assert ids(project) == ids(PROJECT)
    asked = [setting for settings in ASKED.values() for setting in settings]
    check_outcome([*ASKED], *trained(project, *asked))


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKED)
def test_one_file_is_all_that_is_needed(tmp_path, name):
    project = copied(tmp_path, files_of(name))
    assert re.search(rf"^  {name} +{LISTED[name]}", python(project, "-m", "bench", "list").stdout, re.MULTILINE)
    check_identity(project, name)
    check_outcome([name], *trained(project, *ASKED[name]))


@pytest.mark.slow
@pytest.mark.parametrize("data", ["scenes", "stripes"])
def test_the_self_test_takes_a_new_metric_and_a_new_data_set(tmp_path, data):
    """On the stripes other metrics may fail a check: a few kinds of images are too few for KID."""
    project = copied(tmp_path, files_of("brightness", "stripes"))
    sizes = ["data.test_size=256", "data.stripes_size=256", f"data.name={data}"]
    python(project, "-m", "bench", "metrics", "selftest", "smoke", *sizes, status=(0,) if data == "scenes" else (0, 1))
    (kept,) = (project / "runs" / "selftest").iterdir()
    verdict = json.loads(kept.read_text(encoding="utf-8"))
    assert "brightness" in verdict["metrics"] and "brightness" not in verdict["failed"]
    checks = {check["name"]: check for check in verdict["checks"] if check["metric"] == "brightness"}
    assert {"blur", "noise", "colours swapped", "images exchanged"} <= set(checks)


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
    mean_latent = toy_extension.mean_latent
xfusion_bench.metrics =
    brightness = toy_extension.brightness
xfusion_bench.sets =
    stripes = toy_extension.stripes
"""


def installed(folder: Path, version: str) -> Path:
    """The four files as a distribution of this version, installed into a folder of their own."""
    made, site = folder / f"source-{version}", folder / f"site-{version}"
    (made / "toy_extension").mkdir(parents=True)
    (made / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (made / "setup.cfg").write_text(SETUP.format(version=version), encoding="utf-8")
    (made / "toy_extension" / "__init__.py").write_text("", encoding="utf-8")
    for path, text in files_of(*ASKED).items():
        (made / "toy_extension" / Path(path).name).write_text(text, encoding="utf-8")
    alone = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    python(PROJECT, "-m", "pip", "install", *alone, "--target", str(site), str(made))
    return site


@pytest.mark.slow
def test_an_installed_package_is_named_with_its_version(tmp_path):
    paths = [f"{installed(tmp_path, version)}{os.pathsep}{PROJECT}" for version in ("1.0", "1.1")]
    said = python(paths[0], "-m", "bench", "list").stdout
    for name in ASKED:
        assert re.search(rf"^  {name} +{LISTED[name]}.* \[toy-extension 1\.0\]$", said, re.MULTILINE)
    plain = ids(PROJECT)
    assert [ids(path) for path in paths] == [plain, plain]
    for name, asked in ASKED.items():
        if asked:
            one, other = (ids(path, *asked) for path in paths)
            assert len({plain[0], one[0], other[0]}) == 3
            assert len({plain[1], one[1], other[1]}) == (3 if name == "stripes" else 1)
    program = "from bench.config.load import load; from bench.evaluation.selftest.verdict import measure_id;"
    program += "print(measure_id(load('smoke')))"
    assert len({python(path, "-c", program).stdout for path in [PROJECT, *paths]}) == 3  # a metric's code measures


@pytest.mark.slow
def test_an_installed_package_is_trained_and_resumed(tmp_path):
    site, project = installed(tmp_path, "1.0"), copied(tmp_path / "project", {})
    asked = [setting for settings in ASKED.values() for setting in settings]
    run, result = trained(f"{site}{os.pathsep}{project}", *asked)
    check_outcome([*ASKED], run, result)
    named = {f"{kind} {name}" for kind, name in (("task", "mirror"), ("loss", "mean_latent"), ("data set", "stripes"))}
    assert result["train_identity"]["plugins"] == dict.fromkeys(named, "toy-extension 1.0")
    assert result["eval_identity"]["plugins"] == {"data set stripes": "toy-extension 1.0"}


def with_renamed_tasks(project: Path) -> Path:
    """The copy with its tasks under other names: in presets, sweeps and claims, and no code names them."""
    names = {
        "denoise_noisy_i2t": "grainy_too", "caption_dropout": "unprompted", "i2t_noise": "grain",
        "t2i": "paint", "i2t": "tell", '    prefix = ""\n': "",
    }  # fmt: skip
    tasks = [project / "bench" / "tasks" / f"{former}.py" for former in FORMER]
    for path in [*project.rglob("*.yaml"), *tasks]:
        text = path.read_text(encoding="utf-8")
        for former, name in names.items():
            text = text.replace(former, name)
        path.write_text(text, encoding="utf-8")
    for path in tasks:
        path.rename(path.with_stem(names[path.stem]))
    return project


@pytest.mark.slow
def test_other_tasks_in_place_of_the_projects_own(tmp_path):
    project = with_renamed_tasks(copied(tmp_path, {}))
    said = python(project, "-m", "bench", "list").stdout
    assert "  paint " in said and "  tell " in said and not any(former in said for former in FORMER)
    plan = python(project, "-m", "sweeps", "plan", "noise", "smoke").stdout
    assert "grain=0.5" in plan
    run, result = trained(project, "train.grain=0.5")
    assert {name: task["share"] for name, task in result["tasks"].items()} == {"paint": 2, "tell": 1}
    assert {"paint_fid", "paint_image_attributes", "tell_cider", "exam"} <= set(result["metrics"])
    assert {*result["axes"]} == {"grain", "grainy_too", "unprompted", "paint_fraction", "tell_fraction"}
    assert result["seen"]["tell_mean_noise"] > 0 and "paint_mean_noise" not in result["seen"]
    assert len([*run.glob("evals/*/*/paint/samples/*.png")]) == 8
    assert len([*run.glob("evals/*/*/tell/captions.jsonl")]) == 1


NAMES_TASKS = {
    f"bench/tasks/{FORMER[0]}.py",
    f"bench/tasks/{FORMER[1]}.py",
    "bench/runs/identity.py",  # the table of former names
    "bench/runs/format_1.py",
}


@pytest.mark.parametrize("package", PACKAGES)
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
METRIC = EXAMPLES["bench/evaluation/metrics/brightness.py"]
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
        "bench/evaluation/metrics/toy.py", METRIC.replace('"brightness", "brightness error"', '"fid", "FID"'),
        "the name of the metric 'fid' is taken",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return copied(tmp_path_factory.mktemp("project"), {})


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

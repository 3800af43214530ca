"""The documents: their drawings and tables are fresh, the paths that they name exist, their examples run."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from experiments import SMALLER, shared_cache
from project_copies import EXAMPLES, PROJECT, copied, python

DOCS = PROJECT / "docs"
ROOMS = ("architectures", "bench", "benchmarks", "docs", "reports", "sweeps", "tests", ".ci")
PAGES = sorted(PROJECT.glob("*.md")) + sorted(path for room in ROOMS for path in (PROJECT / room).rglob("*.md"))
SOURCES = [PROJECT / "Makefile", PROJECT / "setup.cfg"]
SOURCES += [path for room in ROOMS for path in sorted((PROJECT / room).rglob("*.*")) if path.suffix in (".py", ".yaml")]
FILES = ("Makefile", "setup.cfg", "constraints.txt", "ruff.toml", "CITATION.cff", "README.md", "CONTRIBUTING.md")


def test_drawings_are_what_the_script_draws(tmp_path):
    python(PROJECT, "-m", "docs.figures", str(tmp_path))
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.svg")}
    assert drawn == {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "figures").glob("*.svg")}
    assert drawn, "nothing was drawn"


def test_the_table_of_settings_is_fresh(tmp_path):
    python(PROJECT, "-m", "docs.settings", str(tmp_path / "settings.md"))
    fresh, committed = ((folder / "settings.md").read_text(encoding="utf-8") for folder in (tmp_path, DOCS))
    assert fresh == committed, "run `make docs`"


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def named_paths(text: str) -> set[str]:
    """Paths in backticks that belong to this repository."""
    quoted = re.findall(r"`([\w./*-]+)`", text)
    return {name for name in quoted if name in FILES or ("/" in name and name.split("/")[0] in ROOMS)}


def is_there(dotted: str) -> bool:
    """Whether a dotted name is a module, or stands in the file of the module that its first parts name."""
    path = PROJECT
    for part in dotted.split("."):
        if (path / part).is_dir():
            path = path / part
        elif (path / f"{part}.py").exists():
            path = path / f"{part}.py"
        else:
            file = path if path.is_file() else path / "__init__.py"
            return path != PROJECT and re.search(rf"\b{part}\b", file.read_text(encoding="utf-8")) is not None
    return True


TEXTS = {path: prose(path) if path in PAGES else path.read_text(encoding="utf-8") for path in [*PAGES, *SOURCES]}


def test_paths_in_backticks_exist():
    named = {(path.relative_to(PROJECT), name) for path, text in TEXTS.items() for name in named_paths(text)}
    assert len(named) > 50
    assert {(str(page), name) for page, name in named if not [*PROJECT.glob(name.rstrip("/"))]} == set()


def test_modules_in_backticks_exist():
    dotted = re.compile(rf"`(?:python -m )?((?:{'|'.join(ROOMS[:-1])})(?:\.\w+)+)`")
    named = {(path.relative_to(PROJECT), name) for path, text in TEXTS.items() for name in dotted.findall(text)}
    assert len(named) > 10
    assert {(str(page), name) for page, name in named if not is_there(name)} == set()
    assert is_there("bench.system.errors.UserError") and not is_there("bench.errors.UserError")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page):
    """To files of the repository, and to headings of the same page or another."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http:", "https:")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_only_paths_of_the_repository_are_looked_for():
    assert named_paths("`bench/data/mixing.py`, `key=value`, `I/O`, `t2i/samples/`") == {"bench/data/mixing.py"}


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy of the project with every example in its place, and an installed package that offers the launcher."""
    folder = copied(tmp_path_factory.mktemp("extended"), EXAMPLES, "tests")
    shutil.copy(PROJECT / "setup.cfg", folder)
    package = tomllib.loads(EXAMPLES["pyproject.toml"])["project"]
    (folder / "my_fusion").mkdir()
    renamed = EXAMPLES["bench/tasks/upscale.py"].replace("upscale_factor", "factor_too")  # a setting's name is unique
    (folder / "my_fusion/upscale_too.py").write_text(renamed, encoding="utf-8")
    about = folder / f"my_fusion-{package['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: {package['name']}\nVersion: {package['version']}\n", encoding="utf-8")
    groups = package["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in points.items()) for group, points in groups]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_examples_of_every_kind_are_listed(extended):
    said = python(extended, "-m", "bench", "list").stdout
    kinds = {path.split("/")[0] for path in EXAMPLES if "/" in path}
    assert kinds == {"architectures", "bench"} and len(EXAMPLES) == 7
    for path in EXAMPLES:
        if "/" in path:
            assert f"  {Path(path).stem} " in said
    assert "upscale_too" in said and "[my-fusion 1.0]" in said


def test_the_example_architecture_is_held_to_the_contract(extended):
    contract = ["tests/architectures/test_architectures.py", "-k", "image_bias"]
    said = python(extended, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-q", *contract).stdout
    assert " passed" in said and "failed" not in said


def test_examples_are_trained_together_by_the_example_launcher_and_reported(extended):
    asked = [
        "seed=0", "model.architecture=[image_bias]", "model.options.scale=0.5", "data.name=stripes",
        "train.tasks.upscale=1", "train.losses.mean_latent.weight=0.1", "train.losses.mean_latent.layer=2",
        f"runtime.cache={shared_cache()}", "launcher.name=one_at_a_time", "launcher.nice=1",
    ]  # fmt: skip
    python(extended, "-m", "sweeps", "run", "architecture", "smoke", *SMALLER, *asked)
    (run,) = (extended / "runs").glob("image_bias-*")
    (result,) = (json.loads(path.read_text(encoding="utf-8")) for path in run.glob("evals/*/*/result.json"))
    assert result["tasks"]["upscale"]["samples"] == 8 and result["axes"]["upscale_factor"]["value"] == 2
    assert {"fid", "brightness", "upscale_fid", "upscale_brightness", "cider"} <= result["metrics"].keys()
    assert result["metrics"]["brightness"]["ceiling"] is not None
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[-1]["loss_mean_latent"] > 0 and rows[-1]["upscale_pairs"] > 0
    (results,) = (extended / "results").iterdir()
    table, page = ((results / name).read_text(encoding="utf-8") for name in ("table.md", "report.html"))
    assert "| image bias |" in table and "upscale: FID" in table and "brightness" in table and "missing" not in table
    assert "upscale: FID" in page and "upscaling" in page and (results / "figure.png").stat().st_size > 10_000
    header = (results / "runs.csv").read_text(encoding="utf-8").partition("\n")[0].split(",")
    assert {"upscale_factor", "i2t_fraction", "upscale_fid", "brightness"} <= {*header}
    assert "image_bias" in (results / "table.csv").read_text(encoding="utf-8")

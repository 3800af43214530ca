"""Imports point one way, between the packages and inside them; reports reads stored results and has no torch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = ("architectures", "bench", "sweeps", "reports", "benchmarks")
ALLOWED = {  # room -> rooms it may import, besides itself
    "architectures": set(),
    "bench": {"architectures"},
    "sweeps": {"architectures", "bench"},
    "reports": {"architectures", "bench"},  # architectures: its catalogue, which reads files and runs none
    "benchmarks": {"architectures", "bench", "reports", "sweeps"},
}
LEVELS = {  # a package imports only what stands on a line before its own, besides itself
    "bench": [
        {"system"}, {"config", "scenes"}, {"models"}, {"data"}, {"tasks"}, {"runs"}, {"training", "evaluation"},
        {"zoo", "experiment"}, {"commands"}, {"__main__"},
    ],
    "reports": [
        {"style", "statistics"}, {"stored"}, {"tables", "figures", "regression"}, {"paper"}, {"verdicts"}, {"page"},
        {"build"}, {"redraw"}, {"commands"}, {"__main__"},
    ],
}  # fmt: skip
MOST = 12  # packages and modules a folder holds, besides __init__ and __main__
HEAVY = {"torch", "torchvision", "transformers", "diffusers", "lightning", "torchmetrics", "cleanfid"}
FILES = [path.relative_to(PROJECT) for room in ROOMS for path in sorted((PROJECT / room).rglob("*.py"))]


def imported(path: Path, at_import_time: bool) -> set[str]:
    """Dotted names of the modules a file imports, without those under TYPE_CHECKING; on request only what runs when
    the file is imported."""

    def walk(node: ast.AST):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if at_import_time and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                yield child.module
                yield from (f"{child.module}.{alias.name}" for alias in child.names)
            yield from walk(child)

    return set(walk(ast.parse((PROJECT / path).read_text(encoding="utf-8"))))


def closure(start: Path) -> set[str]:
    """Every module reached by importing a file, through this project's own files."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for name in imported(waiting.pop(), at_import_time=True) - reached:
            reached.add(name)
            parts = name.split(".")
            if parts[0] in ROOMS:
                for end in range(1, len(parts) + 1):  # importing a.b.c runs a/__init__ and a/b/__init__ too
                    stem = PROJECT.joinpath(*parts[:end])
                    waiting += [path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.exists()]
    return reached


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_one_way(path):
    room = path.parts[0]
    rooms = {name.split(".")[0] for name in imported(path, at_import_time=False)} & set(ROOMS)
    assert rooms - {room} <= ALLOWED[room]


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] in LEVELS and len(path.parts) > 2], ids=str)
def test_inside_a_package_imports_point_down(path):
    levels = {name: number for number, names in enumerate(LEVELS[path.parts[0]]) for name in names}
    own = path.parts[1]
    for name in imported(path, at_import_time=False):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top == path.parts[0] and other and other != own:
            assert levels[other] < levels[own], f"{path} imports {name}"


@pytest.mark.parametrize("top", LEVELS)
def test_no_folder_is_a_drawer(top):
    for folder in [PROJECT / top, *(path for path in (PROJECT / top).rglob("*") if path.is_dir())]:
        modules = [path for path in folder.glob("*.py") if path.stem not in ("__init__", "__main__")]
        packages = [path for path in folder.iterdir() if (path / "__init__.py").exists()]
        assert len(modules) + len(packages) <= MOST, folder


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_file_outgrows_its_job(path):
    assert len((PROJECT / path).read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] == "reports"], ids=str)
def test_reports_reach_no_torch(path):
    assert not {name.split(".")[0] for name in closure(path)} & HEAVY


LIGHT = [
    "bench/__main__.py", "bench/config/load.py", "bench/runs/identity.py", "bench/runs/folder.py",
    "bench/system/provenance.py", "bench/experiment/preflight.py",
    "sweeps/__main__.py", "sweeps/plan.py", "sweeps/runner.py", "sweeps/worker.py",
    "reports/__main__.py",
    *(f"bench/commands/{path.name}" for path in sorted((PROJECT / "bench" / "commands").glob("*.py"))),
]  # fmt: skip


@pytest.mark.parametrize("path", LIGHT)
def test_what_must_answer_at_once_reaches_no_heavy_import(path):
    assert not {name.split(".")[0] for name in closure(Path(path))} & (HEAVY | {"pandas", "matplotlib", "scipy"})


def test_no_architecture_is_named_outside_its_own_file():
    """What is compared is chosen by name in configs alone: no `if architecture == ...` in the common code."""
    names = {"single_tower", "gated_layer", "dual_projection"}
    for path in FILES:
        if path.parts[0] in ("bench", "sweeps"):
            nodes = ast.walk(ast.parse((PROJECT / path).read_text(encoding="utf-8")))
            assert not {node.value for node in nodes if isinstance(node, ast.Constant)} & names, path

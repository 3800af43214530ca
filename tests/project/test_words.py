"""Docstrings open with the thing or the action, and what they cite is there to be read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGES = ("architectures", "bench", "benchmarks", "sweeps")
RIDDLES = ("Of ", "What ", "Those ", "Whose ")
SPEAKS = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def openings(path: Path) -> dict[str, str]:
    """First lines of the docstrings of a module and of its public classes, functions and methods, by name."""
    found = {}

    def look(node: SPEAKS, name: str) -> None:
        if said := ast.get_docstring(node):
            found[name] = said.splitlines()[0]
        for child in ast.iter_child_nodes(node):
            if isinstance(child, SPEAKS) and not child.name.startswith("_"):
                look(child, f"{name}.{child.name}")

    look(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(PROJECT)))
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_open_with_their_subject(package):
    said = {name: line for path in sorted((PROJECT / package).rglob("*.py")) for name, line in openings(path).items()}
    assert len(said) > 80
    assert {name: line for name, line in said.items() if line.startswith(RIDDLES)} == {}


def test_a_riddle_is_found_wherever_it_stands(tmp_path, monkeypatch):
    public = '"""Numbers."""\nclass A:\n    """Those."""\n    def b(self):\n        """Of one a turn."""\n'
    (tmp_path / "a.py").write_text(public + '    def _c(self):\n        """What is private."""\n', encoding="utf-8")
    monkeypatch.setattr(f"{__name__}.PROJECT", tmp_path)
    assert openings(tmp_path / "a.py") == {"a.py": "Numbers.", "a.py.A": "Those.", "a.py.A.b": "Of one a turn."}


def test_cited_invariants_are_in_the_design_and_nothing_outside_the_repository_is_cited():
    text = (
        (PROJECT / "docs" / "design.md")
        .read_text(encoding="utf-8")
        .partition("## Invariants\n")[2]
        .partition("\n## ")[0]
    )
    there = re.findall(r"^(\d+)\. ", text, re.MULTILINE)
    assert there == ["1", "2", "3", "4"]
    rooms = ("architectures", "bench", "benchmarks", "reports", "sweeps", "tests")
    paths = [path for room in rooms for path in sorted((PROJECT / room).rglob("*.py"))]
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    assert set(re.findall(r"[Ii]nvariants? (\d+)", code)) == set(there)  # each has a test, and no other is cited
    assert "PAPER" + ".md" not in code

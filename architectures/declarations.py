"""Reads what an architecture's class declares from the text of its file: nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
BASE = FOLDER / "base.py"  # its FusionBlock holds the defaults of what a class may declare
DECLARED = ("options", "language_frozen", "controls")
CONTROLS = ("random_language_model", "random_copy", "capacity_only")  # what `controls` may name


class ArchitectureError(Exception):
    """An architecture cannot be used as it is written. One line: which file, and what to write instead."""

    def __init__(self, where: object, message: str) -> None:
        super().__init__(" ".join(f"{where}: {message}".split()))


@dataclass(frozen=True)
class Declaration:
    """The registered class of a file: its docstring's first line and its literal class attributes."""

    summary: str
    options: dict[str, Any]
    """Choices as a tuple, the default first; or a plain default value."""
    frozen: bool | dict[str, Any]
    """Whether the language stays the untouched model's; or the option values with which it does."""
    controls: tuple[str, ...]
    """Controls that have a meaning for it (`bench/models/controls.py`)."""
    sources: tuple[Path, ...]
    """Its file, and those of the architectures that it inherits from."""


def read(path: Path) -> Declaration | None:
    """Read the class that carries ``@register``; None where there is none.

    Raises:
        ArchitectureError: the file is no valid Python, or its class declares something that cannot be used.
    """
    registered = [node for node in _classes(path).values() if any(map(_is_register, node.decorator_list))]
    if not registered:
        return None
    if len(registered) > 1:
        names = " and ".join(node.name for node in registered)
        raise ArchitectureError(path, f"{names} both carry @register: write one such class a file, which names it")
    (node,) = registered
    summary = (ast.get_docstring(node) or "").partition("\n")[0]
    if not summary:
        raise ArchitectureError(path, f'{node.name} has no docstring: write """One line for `bench list`.""" below it')
    inherited = list(_inherited(path, node))
    values = dict(_literals(BASE, _classes(BASE)["FusionBlock"]))
    for _, declared in reversed(inherited):
        values |= declared
    sources = tuple(dict.fromkeys(source for source, _ in inherited))
    declaration = Declaration(summary, values["options"], values["language_frozen"], values["controls"], sources)
    _check(path, declaration)
    return declaration


def locate(module: str) -> Path | None:
    """Find the file of a dotted module without importing its parents; None where there is none."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
    return Path(spec.origin) if spec and spec.has_location and spec.origin else None


@cache
def _classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in _parsed(path).body if isinstance(node, ast.ClassDef)}


@cache
def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise ArchitectureError(path, f"line {error.lineno} is no valid Python ({error.msg}): mend it") from error
    except (OSError, ValueError) as error:
        raise ArchitectureError(path, f"cannot be read ({error})") from error


def _inherited(path: Path, node: ast.ClassDef) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The file and literals of a class, then of its base classes where they stand in this folder's files."""
    yield path, dict(_literals(path, node))
    homes = {
        alias.asname or alias.name: (FOLDER / f"{statement.module.rpartition('.')[2]}.py", alias.name)
        for statement in _parsed(path).body
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").rpartition(".")[0] == FOLDER.name
        for alias in statement.names
        if statement.module
    }
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    for home, name in [homes.get(base, (path, base)) for base in bases]:
        base_class = _classes(home).get(name) if home != BASE and home.exists() else None
        if base_class is not None and base_class is not node:
            yield from _inherited(home, base_class)


def _literals(path: Path, node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name in DECLARED:
                try:
                    yield name, ast.literal_eval(value)
                except (ValueError, TypeError) as error:
                    told = f"{name} is computed: write a literal, as it is read without running"
                    raise ArchitectureError(path, f"line {statement.lineno}: {told}") from error


def _is_register(decorator: ast.expr) -> bool:
    return getattr(decorator, "id", getattr(decorator, "attr", None)) == "register"


def _check(path: Path, declared: Declaration) -> None:
    options, frozen = declared.options, declared.frozen
    if not isinstance(options, dict) or not all(isinstance(name, str) and name.isidentifier() for name in options):
        raise ArchitectureError(path, 'options: write a dict such as {"scale": 1.0, "mode": ("first", "second")}')
    for name, spec in options.items():
        values = spec if isinstance(spec, tuple) else (spec,)
        if not values or not all(isinstance(value, bool | int | float | str) for value in values):
            told = "write one default (bool, int, float or str) or a tuple of choices, the default first"
            raise ArchitectureError(path, f"options: {name}: {told}")
    if not isinstance(declared.controls, tuple) or any(one not in CONTROLS for one in declared.controls):
        raise ArchitectureError(path, f"controls: write a tuple of {', '.join(CONTROLS)}")
    if isinstance(frozen, bool):
        return
    if not isinstance(frozen, dict):
        raise ArchitectureError(path, 'language_frozen: write True, False or {"option": value where it is frozen}')
    for name, value in frozen.items():
        spec = options.get(name)
        if not isinstance(spec, tuple) or not any(type(value) is type(one) and value == one for one in spec):
            raise ArchitectureError(path, f"language_frozen: {name}={value!r} is no declared choice of options")

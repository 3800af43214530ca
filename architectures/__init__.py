"""What is compared: fusion architectures on the pretrained decoder layers of a language model.

Every file of this folder whose class carries ``@register`` is an architecture; its name is the file's name. Nothing is
listed by hand: drop a file in and it is trained, tested, listed and plotted.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from architectures.base import FusionBlock


@dataclass(frozen=True)
class Description:
    """What can be said of an architecture without importing torch."""

    name: str
    summary: str
    language_frozen: bool
    options: dict[str, Any]
    """Choices as a tuple, the default first; or a plain default value."""


@cache
def catalogue() -> dict[str, Description]:
    """Describe every architecture by reading, not running, the files of this folder."""
    found = (_describe(path) for path in sorted(Path(__file__).parent.glob("*.py")))
    return {description.name: description for description in found if description is not None}


def get(name: str) -> type[FusionBlock]:
    """Return the fusion block class of architecture ``name``.

    Raises:
        KeyError: there is no such architecture.
    """
    if name not in catalogue():
        raise KeyError(f"no architecture '{name}': there are {', '.join(catalogue())}")
    module = importlib.import_module(f"architectures.{name}")
    (block,) = [value for value in vars(module).values() if getattr(value, "architecture", None) == name]
    return block


def _describe(path: Path) -> Description | None:
    for node in ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body:
        if isinstance(node, ast.ClassDef) and any(_is_register(decorator) for decorator in node.decorator_list):
            literals = dict(_literals(node))
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            return Description(path.stem, summary, literals["language_frozen"], literals.get("options", {}))
    return None


def _is_register(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id == "register"


def _literals(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, ast.literal_eval(statement.value)

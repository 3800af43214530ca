"""Plug-ins: files of this project's packages, or modules that installed distributions offer as entry points.

A plug-in is the one class of its file that derives from the kind's base class; its name is the file's, or the entry
point's. Nothing is listed by hand. Importing one should import no torch, so that `bench list` and every refusal answer
at once: heavy libraries are imported inside the methods.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from keyword import iskeyword
from pathlib import Path
from typing import Any

from bench.system.errors import UserError, nearest

PACKAGES = {
    "task": "bench.tasks",
    "loss": "bench.training.losses",
    "metric": "bench.evaluation.metrics",
    "data set": "bench.data.sets",
}
"""Kind -> the package whose files are of it. Entry points are the group `xfusion_bench.<last name of the package>`."""


@dataclass(frozen=True)
class NoSettings:
    """Settings of a plug-in that has none of its own."""


class Plugin:
    """Base of the base classes of all kinds."""

    kind: str
    name: str
    distribution: str | None = None  # "name version" of the distribution it was installed with; None: of this project

    @classmethod
    def summary(cls) -> str:
        """First line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]


@cache
def plugins(kind: str) -> dict[str, Any]:
    """Classes of a kind by name: this project's, then those of installed distributions, each in alphabetical order.

    Raises UserError for one that cannot be imported, or has no or more than one class of the kind, or a name taken.
    """
    package = PACKAGES[kind]
    folder = Path(__file__).parents[1].joinpath(*package.split(".")[1:])
    found = {}
    for path in sorted(folder.glob("*.py")):
        if path.stem not in ("__init__", "base"):
            found[path.stem] = _class_of(kind, path.stem, f"{package}.{path.stem}", str(path))
    group = f"xfusion_bench.{package.rpartition('.')[2]}"
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        where = f"entry point {entry.name} of {_distribution(entry)}"
        if entry.name in found:
            raise UserError(f"{where}: the name of the {kind} '{entry.name}' is taken")
        found[entry.name] = chosen = _class_of(kind, entry.name, entry.value, where)
        chosen.distribution = _distribution(entry)
    return found


def plugin(kind: str, name: str, setting: str) -> Any:
    """One class of a kind. Raises UserError, naming the `setting` that asked for it, where there is none."""
    known = plugins(kind)
    if name not in known:
        hint = nearest(name, known) or f" (there are {', '.join(known)})"
        raise UserError(f"{setting}: unknown {kind} '{name}'{hint}")
    return known[name]


def source(plugin: type[Plugin]) -> str:
    """The file of a plug-in, for messages."""
    return sys.modules[plugin.__module__].__file__ or plugin.__module__


def _class_of(kind: str, name: str, module: str, where: str) -> Any:
    """The class of the kind that a module defines, named."""
    if not name.isidentifier() or iskeyword(name):
        raise UserError(f"{where}: '{name}' names no {kind} (write letters, digits and _)")
    try:
        content = vars(importlib.import_module(module))
    except Exception as error:  # a file dropped in may hold anything
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{where}: the {kind} cannot be imported ({type(error).__name__}: {reason})") from error
    classes = [
        value
        for value in content.values()
        if isinstance(value, type) and issubclass(value, Plugin) and value.__module__ == module and value.kind == kind
    ]
    if not classes:
        raise UserError(f"{where}: there is no class of a {kind} (derive one from {PACKAGES[kind]}.base)")
    if len(classes) > 1:
        names = ", ".join(each.__name__ for each in classes)
        raise UserError(f"{where}: more than one class of a {kind} in a file: {names}")
    (chosen,) = classes
    chosen.name = name
    declared = [
        item for base in chosen.__mro__ if issubclass(base, Plugin) for item in vars(base).get("__annotations__", ())
    ]
    if unsaid := [item for item in declared if not hasattr(chosen, item)]:
        raise UserError(
            f"{where}: {chosen.__name__} does not say {', '.join(unsaid)} (as {PACKAGES[kind]}.base declares)"
        )
    return chosen


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"

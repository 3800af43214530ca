"""Fusion architectures on the pretrained decoder layers of a language model: the catalogue of those there are.

Every file of this folder whose class carries ``@register`` is an architecture named after its file. Nothing is listed
by hand: drop a file in and it is trained, tested, listed and plotted. Installed packages add their own by entry points
``name = package.module`` of the group `GROUP`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from architectures.declarations import DECLARED, FOLDER, ArchitectureError, Declaration, locate, read

if TYPE_CHECKING:
    from architectures.base import FusionBlock

GROUP = "xfusion_bench.architectures"


@dataclass(frozen=True)
class Description(Declaration):
    """Description of an architecture, read without importing torch."""

    name: str
    module: str
    distribution: str | None = None
    """Name and version of the installed package that it is from; None: this project."""

    def language_frozen(self, options: dict[str, Any] | None = None) -> bool:
        """Whether layouts without an image keep the untouched language model's logits, under these options.

        Options that are left out have their defaults.
        """
        if isinstance(self.frozen, bool):
            return self.frozen
        defaults = {name: spec[0] if isinstance(spec, tuple) else spec for name, spec in self.options.items()}
        chosen = defaults | (options or {})
        return all(chosen[name] == value for name, value in self.frozen.items())


@cache
def catalogue() -> dict[str, Description]:
    """Describe every architecture, by name. Files are read, not run.

    Raises:
        ArchitectureError: one cannot be read as an architecture, or two have one name.
    """
    return {description.name: description for description in (*_own(), *_installed())}


def get(name: str) -> type[FusionBlock]:
    """Import the fusion block class of architecture ``name``.

    Raises:
        KeyError: there is no such architecture.
        ArchitectureError: it comes from an installed package and cannot be imported, or is not as its file says.
    """
    if name not in catalogue():
        raise KeyError(f"no architecture '{name}': there are {', '.join(catalogue())}")
    described = catalogue()[name]
    try:
        module = importlib.import_module(described.module)
    except ImportError as error:
        if described.distribution is None:
            raise
        told = f"{described.distribution} cannot be imported: {error}"
        raise ArchitectureError(described.sources[0], told) from error
    classes: dict[Any, None] = dict.fromkeys(value for value in vars(module).values() if isinstance(value, type))
    (block,) = [value for value in classes if value.__module__ == described.module and "architecture" in vars(value)]
    if tuple(getattr(block, name) for name in DECLARED) != (described.options, described.frozen, described.controls):
        told = f"{block.__name__} has {' or '.join(DECLARED)} from elsewhere: write them as literals into the class"
        raise ArchitectureError(described.sources[0], told)
    block.architecture = name
    return block


def _own() -> Iterator[Description]:
    for path in sorted(FOLDER.glob("[!.]*.py")):
        declared = read(path)
        if declared is not None:
            if not path.stem.isidentifier():
                raise ArchitectureError(path, "its name is no Python name: rename it to letters, digits and _")
            yield Description(name=path.stem, **vars(declared), module=f"{FOLDER.name}.{path.stem}")


def _installed() -> Iterator[Description]:
    taken = {path.stem: "this project" for path in FOLDER.glob("*.py")}
    for point in entry_points(group=GROUP):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"
        where = f"{distribution}: entry point {point.name} = {point.value}"
        if not point.name.isidentifier():
            raise ArchitectureError(where, "write a name of letters, digits and _")
        if point.name in taken:
            raise ArchitectureError(where, f"the name is taken by {taken[point.name]}: rename or uninstall it")
        path = locate(point.value)
        if path is None:
            raise ArchitectureError(where, "there is no such module: write name = package.module")
        declared = read(path)
        if declared is None:
            raise ArchitectureError(where, f"no class of {path} carries @register")
        taken[point.name] = distribution
        yield Description(name=point.name, **vars(declared), module=point.value, distribution=distribution)

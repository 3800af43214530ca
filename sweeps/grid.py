"""A sweep's file and the narrowing of a request, as an ordered list of override lists. Pure: runs nothing, no torch."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import architectures
from bench import identity
from bench.config import Config
from bench.config_checks import setting_keys
from bench.errors import UserError, nearest

SWEEPS = Path(__file__).parent
ROUNDING = tuple(f"runtime.{name}=" for name in identity.ROUNDING)


@dataclass(frozen=True)
class Sweep:
    """A question, the grid that answers it, and what to plot."""

    name: str
    question: str
    source: str
    cost: str
    grid: dict[str, list[Any]]  # setting -> values, outermost axis first, seed always outermost
    plot: dict[str, Any]  # x: a column of runs.csv; y: columns
    fixed: list[str] = field(default_factory=list)  # overrides of every point


def names() -> list[str]:
    """The sweeps there are: every YAML file of this folder."""
    return sorted(path.stem for path in SWEEPS.glob("*.yaml"))


def read(name: str) -> Sweep:
    """The sweep called `name`, as its file says. Raises UserError for an unknown name or axis."""
    from omegaconf import OmegaConf

    if name not in names():
        raise UserError(f"unknown sweep '{name}'{nearest(name, names())}")
    content: Any = OmegaConf.to_container(OmegaConf.load(SWEEPS / f"{name}.yaml"))
    axes = content.pop("grid")
    for axis in axes:
        if axis not in setting_keys(Config):
            raise UserError(f"sweeps/{name}.yaml: unknown axis '{axis}'{nearest(axis, setting_keys(Config))}")
    axes = {"seed": axes.get("seed", [0]), **axes}
    return Sweep(name, grid={axis: _values(axis, value) for axis, value in axes.items()}, **content)


def narrow(sweep: Sweep, overrides: list[str]) -> Sweep:
    """Replace the values of an axis that `overrides` names; the other overrides hold for every point."""
    grid, fixed = dict(sweep.grid), list(sweep.fixed)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise UserError(f"'{override}' is no setting: write key=value, such as train.steps=100")
        if key in grid:
            grid[key] = _values(key, _parse(key, value))
        else:
            fixed.append(override)
    return Sweep(sweep.name, sweep.question, sweep.source, sweep.cost, grid, sweep.plot, fixed)


def points(sweep: Sweep) -> list[list[str]]:
    """The overrides of every run, in the order to run them: the first axis (seed) varies slowest."""
    axes = [[f"{axis}={_text(value)}" for value in values] for axis, values in sweep.grid.items()]
    return [[*sweep.fixed, *point] for point in itertools.product(*axes)]


def folder_name(name: str, preset: str, overrides: list[str]) -> str:
    """The results folder: `noise` for all of preset default, `noise-smoke` for all of another preset, and with a digest
    of the narrowing for anything else. Settings under `runtime.` narrow nothing, but for those that change rounding."""
    full = read(name)
    asked = narrow(full, [text for text in overrides if text.startswith(ROUNDING) or not text.startswith("runtime.")])
    if asked == full:
        return name if preset == "default" else f"{name}-{preset}"
    changed = {axis: values for axis, values in asked.grid.items() if values != full.grid[axis]}
    narrowing = json.dumps([changed, sorted(asked.fixed)], sort_keys=True)
    return f"{name}-{preset}-{hashlib.sha256(narrowing.encode()).hexdigest()[:6]}"


def _values(axis: str, value: Any) -> list[Any]:
    """An axis's values; `all` stands for every architecture there is."""
    if axis == "model.architecture" and value == "all":
        return list(architectures.catalogue())
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError(f"{axis}: no value given")
    return [value for index, value in enumerate(values) if value not in values[:index]]


def _parse(key: str, value: str) -> Any:
    """A value of the command line, as YAML reads it."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]))["value"]  # type: ignore[index, call-overload]
    except (OmegaConfBaseException, YAMLError, ValueError) as error:
        raise UserError(f"{key}: cannot read the value '{value}'") from error


def _text(value: Any) -> str:
    """A value as an override says it."""
    return value if isinstance(value, str) else json.dumps(value)

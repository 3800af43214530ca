"""The runs that a sweep asks for: a product of dimensions, narrowed by a request. Pure: runs nothing, no torch."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

import architectures
from bench.config.checks import nearest_setting, setting_keys
from bench.config.overrides import read as read_value
from bench.config.overrides import say, split
from bench.config.schema import Config
from bench.runs import identity
from bench.system.errors import UserError

ROUNDING = {f"runtime.{name}": f"runtime.{identity.HASHED_AS.get(name, name)}" for name in identity.ROUNDING}
GROUPS = ("model.options.", "train.tasks.", "train.losses.")  # settings by names that no schema lists
MOST_POINTS = 100_000


@dataclass(frozen=True)
class Dimension:
    """Settings that vary together: the axes, and rows of a value for each. A setting alone has rows of one."""

    axes: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def column(self, axis: str) -> list[Any]:
        """The values of one axis, each once."""
        place = self.axes.index(axis)
        return unique([row[place] for row in self.rows])


@dataclass(frozen=True)
class Sweep:
    """A question, the settings whose product answers it, and what to plot."""

    name: str
    question: str
    source: str
    cost: str
    dimensions: tuple[Dimension, ...]  # outermost first, the seed's being the first
    plot: dict[str, Any]  # x: a column of runs.csv; y: columns
    fixed: dict[str, str] = field(default_factory=dict)  # settings of every point, as texts

    @property
    def axes(self) -> tuple[str, ...]:
        """All settings that vary."""
        return tuple(axis for dimension in self.dimensions for axis in dimension.axes)

    @property
    def size(self) -> int:
        """How many points there are."""
        return math.prod(len(dimension.rows) for dimension in self.dimensions)


def narrow(sweep: Sweep, overrides: list[str]) -> Sweep:
    """Replace the values of an axis that varies alone; of axes that vary together, keep the rows with these values.

    The other overrides hold for every point. Raises UserError for an unknown setting, or a value that no row has.
    """
    dimensions, fixed = list(sweep.dimensions), dict(sweep.fixed)
    for override in overrides:
        key, text = split(override)
        check_setting(key, "setting")
        if key not in sweep.axes:
            fixed.pop(key, None)  # the last one said holds
            fixed[key] = text
            continue
        asked = values(key, read_value(key, text))
        place = next(place for place, dimension in enumerate(dimensions) if key in dimension.axes)
        alone = len(dimensions[place].axes) == 1
        dimensions[place] = cross(key, asked) if alone else _selected(dimensions[place], key, asked)
    return replace(sweep, dimensions=tuple(dimensions), fixed=fixed)


def cross(axis: str, given: list[Any]) -> Dimension:
    """The dimension of an axis that varies alone."""
    return Dimension((axis,), tuple((value,) for value in given))


def check_size(sweep: Sweep) -> None:
    """Refuse more points than anybody could run, before any is made."""
    if sweep.size > MOST_POINTS:
        sizes = " x ".join(str(len(dimension.rows)) for dimension in sweep.dimensions)
        raise UserError(f"{sweep.name}: {sizes} points are more than the {MOST_POINTS:,} that a sweep may have")


def check_setting(key: str, what: str) -> None:
    """Refuse a key that is not one setting. `what` it would be, for the message."""
    known = setting_keys(Config)
    if key.startswith(GROUPS) or key == "train.tasks" or (key in known and f"{key}." not in GROUPS):
        return
    if f"{key}." in GROUPS or any(setting.startswith(f"{key}.") for setting in known):
        raise UserError(f"{key}: is a group of settings; name one, such as {key}.NAME")
    raise UserError(f"unknown {what} '{key}'{nearest_setting(Config, key)}")


def folder_name(full: Sweep, asked: Sweep, preset: str) -> str:
    """The results folder of what is `asked` of a sweep, `full` being all of it.

    `noise` for all of preset default, `noise-smoke` for all of another preset, and with a digest of the narrowing for
    anything else. Settings under `runtime.` narrow nothing, but for those that change rounding.
    """
    kept = {key: text for key, text in asked.fixed.items() if key in ROUNDING or not key.startswith("runtime.")}
    fixed = [f"{ROUNDING.get(key, key)}={text}" for key, text in kept.items()]
    changed = {
        ",".join(new.axes): [row[0] if len(row) == 1 else row for row in new.rows]
        for new, old in zip(asked.dimensions, full.dimensions, strict=True)
        if new != old
    }
    if not changed and not fixed:
        return full.name if preset == "default" else f"{full.name}-{preset}"
    narrowing = json.dumps([changed, sorted(fixed)], sort_keys=True)
    return f"{full.name}-{preset}-{hashlib.sha256(narrowing.encode()).hexdigest()[:6]}"


def values(axis: str, given: Any, repeated: bool = False) -> list[Any]:
    """An axis's values, each once unless `repeated`; `all` stands for every architecture there is."""
    if axis == "model.architecture" and given == "all":
        return list(architectures.catalogue())
    found = given if isinstance(given, list) else [given]
    found = found if repeated else unique(found)
    if not found:
        raise UserError(f"{axis}: no value given")
    for value in found:
        _check_value(axis, value)
    return found


def unique(given: list[Any]) -> list[Any]:
    """Each once, in the order of their first."""
    found: dict[str, Any] = {}
    for value in given:
        found.setdefault(_same(value), value)
    return list(found.values())


def _check_value(axis: str, value: Any) -> None:
    for item in value if isinstance(value, list) else []:
        _check_value(axis, item)
    if isinstance(value, dict):
        raise UserError(f"{axis}: a mapping is no value of an axis")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{axis}: must be finite, not {value}")


def _selected(dimension: Dimension, axis: str, asked: list[Any]) -> Dimension:
    place = dimension.axes.index(axis)
    there = {_same(row[place]) for row in dimension.rows}
    for value in asked:
        if _same(value) not in there:
            have = ", ".join(say(axis, value).partition("=")[2] for value in dimension.column(axis))
            together = " and ".join(dimension.axes)
            raise UserError(f"{axis}: no point has '{value}': {together} vary together, with {axis} of {have}")
    wanted = {_same(value) for value in asked}
    return Dimension(dimension.axes, tuple(row for row in dimension.rows if _same(row[place]) in wanted))


def _same(value: Any) -> str:
    """A text that equal values share: 1 and 1.0, but not true."""
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)

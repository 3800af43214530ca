"""A sweep's YAML file, shipped with the project or a user's own, read into a `Sweep`.

    question: What is asked?
    source: where the question comes from         # optional, as is cost
    grid: {train.lr: [1e-4, 1e-3], seed: [0, 1]}  # crossed: every value with every other
    zip: {train.steps: [100, 200], train.warmup_steps: [5, 10]}  # vary together; or a list of such mappings
    points: [{data.objects: 1, train.lr: 1e-3}]   # taken as they are; all name the same settings
    plot: {x: lr, y: [fid, cider]}

Grid, zip and points are crossed with each other, what stands first varying slowest; the seed always does.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from bench.config import user_yaml
from bench.config.columns import column
from bench.runs.format import RENAMED
from bench.system.errors import UserError, nearest
from sweeps.dimensions import Dimension, Sweep, check_setting, cross, values

SWEEPS = Path(__file__).with_name("definitions")
ENDINGS = (".yaml", ".yml")
TEXTS = ("question", "source", "cost")
AXES = ("grid", "zip", "points")


def names() -> list[str]:
    """The sweeps that are shipped: every YAML file of this folder."""
    return sorted(path.stem for path in SWEEPS.glob("*.yaml"))


def read(name: str) -> Sweep:
    """The shipped sweep called `name`, or that of the file at the path `name`. Raises UserError for what is wrong."""
    if "/" in name or name.endswith(ENDINGS):
        path, shown = Path(name), name
        if path.stem in names():
            raise UserError(f"{shown}: '{path.stem}' is the name of a shipped sweep; give the file another")
        if not re.fullmatch(r"\w[\w.-]*", path.stem):
            raise UserError(f"{shown}: results are called after the file, so name it with letters, digits, - and _")
    elif name in names():
        path, shown = SWEEPS / f"{name}.yaml", f"sweeps/definitions/{name}.yaml"
    else:
        raise UserError(f"unknown sweep '{name}'{nearest(name, names())} (or give the path of a YAML file)")
    try:
        return _sweep(path.stem, _content(path))
    except (UserError, user_yaml.Unreadable) as error:
        raise UserError(f"{shown}: {error}") from error


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError("no such file")
    content = user_yaml.read_file(path, ": write axes, not every point")
    if not isinstance(content, dict):
        raise UserError("is no mapping of question, grid and plot")
    return content


def _sweep(name: str, content: dict[str, Any]) -> Sweep:
    user_yaml.check_keys("", content, (*TEXTS, *AXES, "plot"), ("question", "plot"))
    for key in TEXTS:
        if not isinstance(content.get(key, ""), str) or content.get(key, "-").strip() == "":
            raise UserError(f"{key}: must be a text")
    dimensions = [dimension for key in content if key in AXES for dimension in READ[key](content[key])]
    if not dimensions:
        raise UserError(f"no axis: give {', '.join(AXES)} or several of them")
    axes = Counter(axis for dimension in dimensions for axis in dimension.axes)
    for axis, times in axes.items():
        _check_axis(axis)
        if times > 1:
            raise UserError(f"{axis}: is an axis in {times} places")
    if "seed" not in axes:
        dimensions.append(cross("seed", [0]))
    dimensions.sort(key=lambda dimension: "seed" not in dimension.axes)
    texts = {key: content.get(key, "") for key in TEXTS}
    return Sweep(name, **texts, dimensions=tuple(dimensions), plot=_plot(content["plot"], dimensions))


def _check_axis(axis: str) -> None:
    check_setting(axis, "axis")
    if axis.startswith("runtime.") and axis != "runtime.compile":
        raise UserError(f"{axis}: is no axis: all runs of a sweep share it")


def _grid(given: Any) -> list[Dimension]:
    return [cross(axis, values(axis, value)) for axis, value in _mapping("grid", given).items()]


def _zip(given: Any) -> list[Dimension]:
    return [_zipped(_mapping("zip", item)) for item in (given if isinstance(given, list) and given else [given])]


def _zipped(given: dict[str, Any]) -> Dimension:
    columns = {axis: values(axis, value, repeated=True) for axis, value in given.items()}
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"{axis} has {len(column)}" for axis, column in columns.items())
        raise UserError(f"zip: lists that vary together must be equally long: {lengths}")
    return Dimension(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def _points(given: Any) -> list[Dimension]:
    if not isinstance(given, list) or not given:
        raise UserError("points: must be a list of mappings, setting -> value")
    axes = tuple(_mapping("points[0]", given[0]))
    rows = []
    for place, point in enumerate(given):
        if set(_mapping(f"points[{place}]", point)) != set(axes):
            raise UserError(f"points[{place}]: names {', '.join(point)}, but points[0] names {', '.join(axes)}")
        rows.append(tuple(value for axis in axes for value in values(axis, [point[axis]])))
    return [Dimension(axes, tuple(rows))]


READ = {"grid": _grid, "zip": _zip, "points": _points}


def _mapping(key: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or not given:
        raise UserError(f"{key}: must be a mapping of settings")
    return given


def _plot(given: Any, dimensions: list[Dimension]) -> dict[str, Any]:
    """x, an axis by its key or the last part of it, as runs.csv calls it; and y."""
    user_yaml.check_keys("plot.", _mapping("plot", given), ("x", "y"), ("x", "y"))
    columns = {axis: dimension.column(axis) for dimension in dimensions for axis in dimension.axes}
    x, y = given["x"], given["y"]
    fitting = [x] if x in list(columns) else [axis for axis in columns if axis.rpartition(".")[2] == x]
    if len(fitting) > 1:
        raise UserError(f"plot.x: '{x}' may be {' or '.join(fitting)}: name one of them")
    axis = fitting[0] if fitting else None
    if axis is None and x != "architecture":
        names = [*(axis.rpartition(".")[2] for axis in columns), "architecture"]
        raise UserError(f"plot.x: '{x}' is no axis of this sweep{nearest(str(x), names)}")
    if axis not in (None, "model.architecture") and not all(isinstance(one, (int, float)) for one in columns[axis]):
        raise UserError(f"plot.x: '{x}' has values that are no numbers; plot another axis, or architecture")
    if not isinstance(y, list) or not y or not all(isinstance(metric, str) and metric for metric in y):
        raise UserError("plot.y: must be a list of metrics")
    if old := next((metric for metric in y if metric in RENAMED), None):
        raise UserError(f"plot.y: unknown metric '{old}' (did you mean '{RENAMED[old]}'?)")
    return {"x": column(axis) if axis else x, "y": y}

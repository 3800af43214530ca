"""Metrics, tasks and settings as results declare them: what they are called, and how they are to be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.config.columns import column
from reports.style import labels

Result = Mapping[str, Any]  # result.json of format 2


@dataclass(frozen=True)
class Metric:
    """A metric, without its numbers."""

    name: str
    title: str
    meaning: str  # a line: the task and what it tells
    direction: str  # lower, higher or neither
    task: str | None
    headline: bool  # plotted where a sweep does not say what to plot
    table: bool  # has a column in table.md
    has_before: bool  # was measured before training too

    @property
    def before(self) -> str:
        """The column of the same quantity before training."""
        return f"{self.name}_before"


@dataclass(frozen=True)
class Task:
    """A task that models were trained on and scored by."""

    name: str
    title: str
    noun: str  # of what it generates: images or captions
    layout: tuple[str, ...]
    output: str  # image or text


@dataclass(frozen=True)
class Axis:
    """A setting or a cost along which runs are compared."""

    key: str  # the setting's, such as train.lr; the column where it is none
    column: str  # of runs.csv
    title: str
    unit: str = ""

    @property
    def is_architecture(self) -> bool:
        """Whether it is the architecture itself: values are names, and no other axis is left."""
        return self.key == ARCHITECTURE

    @property
    def factor(self) -> int:
        """Times a value as it is shown."""
        return 100 if self.unit == "%" else 1

    @property
    def label(self) -> str:
        """Title and unit, for an axis of a figure."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def text(self, value: Any) -> str:
        """One value for readers."""
        if self.unit == "%" and isinstance(value, int | float):
            return f"{self.factor * value:.0f} %"
        if self.key == CONTROL:
            return labels.control(str(value))
        return labels.architecture(str(value)) if self.is_architecture else str(value)

    def beside(self, value: Any) -> str:
        """The value where it stands beside an architecture's name; "" where it is that name."""
        return "" if self.is_architecture else self.text(value)


ARCHITECTURE, CONTROL = "model.architecture", "model.control"
GENERAL = {
    axis.column: axis
    for axis in (
        Axis(ARCHITECTURE, "architecture", "architecture"),
        Axis(CONTROL, "control", "control"),
        Axis("step", "step", "training steps"),
        Axis("trainable_params", "trainable_params", "trainable parameters"),
        Axis("train_flops", "train_flops", "training FLOPs"),
        Axis("train_seconds", "train_seconds", "training time", "s"),
        Axis("peak_memory_mb", "peak_memory_mb", "peak memory", "MB"),
    )
}
"""Axes that every result has."""


def metrics(results: Iterable[Result]) -> dict[str, Metric]:
    """Every metric that a result declares, in their order; the first that names one declares it."""
    found: dict[str, Metric] = {}
    for result in results:
        for name, score in result.get("metrics", {}).items():
            known = found.get(name)
            if known is None or (score["before"] is not None and not known.has_before):
                said = {key: score[key] for key in ("title", "meaning", "direction", "task", "headline", "table")}
                found[name] = Metric(name=name, has_before=score["before"] is not None, **said)
    return found


def tasks(results: Iterable[Result]) -> dict[str, Task]:
    """Every task that a result declares, in the order of a training step."""
    found: dict[str, Task] = {}
    for result in results:
        for name, said in result.get("tasks", {}).items():
            found.setdefault(name, Task(name, said["title"], said["noun"], tuple(said["layout"]), said["output"]))
    return found


def axes(results: Iterable[Result]) -> dict[str, Axis]:
    """Settings of the tasks, by column, then how many tokens of each were seen."""
    given = list(results)
    found = {name: Axis(said["key"], name, said["title"], said["unit"])
             for result in given for name, said in result.get("axes", {}).items()}  # fmt: skip
    for task in tasks(given).values():
        seen = f"{task.name}_tokens"
        found[seen] = Axis(seen, seen, f"tokens of {task.title} pairs")
    return found


def axis(name: str, known: Mapping[str, Axis], key: str = "") -> Axis:
    """The axis of a column, or of a setting's key: as declared, or plainly by its name."""
    place = column(name)
    return GENERAL.get(place) or known.get(place) or Axis(key or name, place, place.replace("_", " "))


def tied(key: str, named: Collection[str]) -> bool:
    """Whether a setting goes with those named: an architecture's own options, and all tasks' shares with one's."""
    if ARCHITECTURE in named and key.startswith("model.options"):
        return True
    return _is_share(key) and any(map(_is_share, named))


def _is_share(key: str) -> bool:
    return key.endswith("_fraction") or key.startswith("train.tasks")

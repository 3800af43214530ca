"""Settings and rows of a measurement. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.speed.paired import Paired, Ratio, Ways, in_turns
from benchmarks.speed.shapes import Shape

TURNS = 15


def small(shape: Shape) -> Shape:
    """Two rows, to warm up a step."""
    return replace(shape, rows=2)


@dataclass(frozen=True)
class Row:
    """One quantity of one architecture at one shape, and how it compares."""

    shape: str
    architecture: str
    quantity: str
    value: float
    unit: str
    over: dict[str, Ratio | None]  # other -> ratio, in turns; None where the other cannot be had
    turns: int
    also: dict[str, Ratio] = field(default_factory=dict)  # ratios of another kind, by their column's name
    facts: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()  # why something is missing


@dataclass(frozen=True)
class Setting:
    """Settings of a measurement: shape, architectures, device, threads, time."""

    shape: Shape
    architectures: tuple[str, ...]
    device: str
    threads: int
    seconds: float  # after which no further turn begins
    settle: Callable[[], object]  # waits until the device has finished

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """Architectures that take turns with each other: all, but one by one where memory is dear."""
        return [self.architectures] if self.device == "cpu" else [(name,) for name in self.architectures]

    def in_turns(self, ways: Ways, warm_up: Ways, least: int = 3) -> Paired:
        """Time ``ways``, which were warmed up by ``warm_up``, in ``least`` turns or more."""
        return in_turns(ways, TURNS, self.seconds, warm_up, self.settle, least)

"""Ways to get a list of runs done; each yields events as they happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sweeps.plan import Point


@dataclass(frozen=True)
class Event:
    """Something happened to a run: it was started, done, failed, held by another process, or is retried."""

    kind: str
    point: Point
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @classmethod
    def of_answer(cls, point: Point, answer: dict[str, Any], seconds: float) -> Event:
        """The event that a worker's answer reports."""
        return cls(answer["outcome"], point, seconds, answer.get("metrics", {}), answer.get("error", ""))

"""What is measured. Every metric returns a `Score`: a number that says how many items, which direction is better, the
unit, whose weights measured it, and what a guess (chance) and a perfect model (ceiling) would get.

The numbers come from the field's libraries (clean-fid, torchmetrics, pycocoevalcap); these files only keep the
libraries' faults away from them. This file imports no library, so that a stored score is read without torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DIRECTIONS = ("lower", "higher", "neither")


@dataclass(frozen=True)
class Score:
    """One measured number and what is needed to read it."""

    value: float
    n: int  # items that were measured
    direction: str  # which is better: "lower" or "higher"; "neither" for a number that only explains another
    unit: str
    weights: str | None  # "embedded:features:<digest>"; None where no network took part
    chance: float | None = None
    ceiling: float | None = None
    note: str | None = None
    per_item: list[float] | None = None  # in the order of the items given, for paired comparisons

    def __post_init__(self) -> None:
        assert self.direction in DIRECTIONS, self.direction
        assert math.isfinite(self.value), f"a score must be finite, not {self.value}"

    def to_json(self) -> dict[str, float | int | str | None]:
        """Return the entry of `result.json`. `per_item` is left out: it is stored in a file of its own."""
        return {
            "value": float(self.value),
            "n": int(self.n),
            "direction": self.direction,
            "unit": self.unit,
            "weights": self.weights,
            "chance": None if self.chance is None else float(self.chance),
            "ceiling": None if self.ceiling is None else float(self.ceiling),
            "note": self.note,
        }

"""Estimates of time and disk space: by finished runs of the same shape, else by counted FLOPs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bench.config.schema import TrainSettings
from bench.runs.identity import CANONICAL
from bench.runs.reader import StoredRun
from bench.system.errors import UserError
from bench.system.files import size_of

LOOKED_AT = 400  # finished runs read at most, the newest
ENOUGH = 5  # of one shape
SAMPLED = 2  # of one shape, whose bytes are counted
COSTLY = ("batch_size", "precision", "tasks", "losses")  # settings of every training that a step's cost depends on


@dataclass(frozen=True)
class Cost:
    """Estimated cost of one run."""

    seconds: float
    disk: float  # bytes
    basis: str  # where that is from


@dataclass(frozen=True)
class _Seen:
    """Measured cost of one finished run."""

    step_seconds: float
    score_seconds: float
    folder: Path
    flops_rate: float  # counted FLOPs of training, a second


def shape(train_identity: dict[str, Any]) -> str:
    """Settings that a step's cost depends on, as a text: not seed, learning rate or length.

    Of the tasks' own settings shares, switches and choices count; noise levels and the like are fractions.
    """
    data, train = train_identity["data"], train_identity["train"]
    rest = {name: value for name, value in train_identity.items() if name not in ("schema", "seed", "data", "train")}
    common = {item.name for item in fields(TrainSettings)} - {*COSTLY}
    training = {
        name: value
        for name, value in train.items()
        if name not in common and (name.endswith("_fraction") or not isinstance(value, float))
    }
    return CANONICAL.encode([rest, {name: value for name, value in data.items() if name != "digest"}, training])


class Experience:
    """The finished runs of a folder, by shape."""

    def __init__(self, runs: Path) -> None:
        self._seen: dict[str, list[_Seen]] = defaultdict(list)
        self._bytes: dict[str, float] = {}
        newest = sorted(runs.glob("*/evals"), key=lambda path: -path.stat().st_mtime)[:LOOKED_AT]
        for evals in newest:
            if (read := _read(evals.parent)) and len(self._seen[read[0]]) < ENOUGH:
                self._seen[read[0]].append(read[1])

    def cost(self, of_shape: str, steps: int) -> Cost | None:
        """Estimated cost of a run of so many steps, None where no run of its shape is done."""
        seen = self._seen.get(of_shape)
        if not seen:
            return None
        seconds = statistics.median(one.step_seconds * steps + one.score_seconds for one in seen)
        if of_shape not in self._bytes:
            sizes = [size_of(one.folder) for one in seen[:SAMPLED]]
            self._bytes[of_shape] = statistics.mean(sizes)
        return Cost(seconds, self._bytes[of_shape], f"{len(seen)} finished run{'s' * (len(seen) > 1)} of this shape")

    @property
    def flops_rate(self) -> float | None:
        """Counted FLOPs a second of training, over runs of any shape; None where none is done."""
        rates = [one.flops_rate for seen in self._seen.values() for one in seen]
        return statistics.median(rates) if rates else None


def _read(path: Path) -> tuple[str, _Seen] | None:
    """Shape and cost of a run, by a last step's result; None where it has none that can be read."""
    try:
        folder = StoredRun(path)
        known = folder.run_json()["identity"]["train"]
        cost = (folder.result(*folder.evaluations()[-1]) or {})["cost"]
        seconds, steps = cost["train_seconds"], known["train"]["steps"]
        seen = _Seen(seconds / steps, cost.get("score_seconds", 0.0), path, cost["train_flops"] / seconds)
        return shape(known), seen
    except (UserError, IndexError, KeyError, ValueError, ZeroDivisionError):
        return None

"""Candidates as ordinary runs: an arm with other rates, trained to a share of the steps, scored on validation data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.config.columns import column
from bench.config.expand import ConfigGrid
from bench.config.overrides import say
from bench.runs.failures import NON_FINITE
from bench.system.errors import UserError
from sweeps.point import Point, point_of
from sweeps.tuning.arms import ARCHITECTURE, STEPS, Arm
from sweeps.tuning.scores import Metrics
from sweeps.tuning.settings import Tuning

UNSHOWN = (ARCHITECTURE, "train.warmup_steps", "eval.split", "eval.every")  # beside a run's name, which says the rest


@dataclass(frozen=True)
class Candidates:
    """Maker of candidates."""

    configs: ConfigGrid
    fixed: list[str]  # overrides of every run
    tuning: Tuning

    def points(self, arm: Arm, rates: dict[str, float], rung: int) -> list[Point]:
        """The runs of an arm at these rates, a seed each.

        Warm-up is shortened with training, so that every rung has a whole schedule of one shape.
        """
        train, share = arm.config.train, self.tuning.rungs[rung]
        lengths = {STEPS: steps_at(arm, share), "train.warmup_steps": round(train.warmup_steps * share)}
        return [self._point(arm, {**arm.settings, **rates, **lengths, "seed": seed}) for seed in self.tuning.seeds]

    def _point(self, arm: Arm, settings: dict[str, Any]) -> Point:
        settings |= {"eval.split": "validation", "eval.every": 0}
        config = self.configs.config((key, self.configs.value(key, value)) for key, value in settings.items())
        assert config.eval.split == "validation", "tuning never reads the test split"
        said = [say(key, value) for key, value in settings.items()]
        shown = " ".join(say(column(key), value) for key, value in settings.items() if key not in UNSHOWN)
        return point_of(config, [*self.fixed, *said], self.configs.base.runtime.runs, shown)


def steps_at(arm: Arm, share: float) -> int:
    """Training steps of a rung."""
    return max(1, round(arm.config.train.steps * share))


def check_lengths(arms: list[Arm], tuning: Tuning) -> None:
    """Refuse rungs that come to the same number of steps."""
    for arm in arms:
        lengths = [steps_at(arm, share) for share in tuning.rungs]
        if len(set(lengths)) < len(lengths):
            raise UserError(f"tune.rungs: {tuning.rungs} of {arm.config.train.steps} steps ({arm.name}) are no rungs: "
                            "train longer, or give fewer")  # fmt: skip


def settled(point: Point) -> bool:
    """Whether there is nothing to do for a candidate: it is done, or it diverged, which it would again."""
    return point.status == "done" or diverged(point)


def diverged(point: Point) -> bool:
    """Whether a candidate's loss was no finite number."""
    failure = point.folder.failure()
    return failure is not None and failure.kind == NON_FINITE


def metrics_of(point: Point) -> Metrics | None:
    """The validation metrics of a settled candidate, None where it diverged."""
    result = point.folder.result(point.eval_id, point.step)
    if result is None:
        return None
    assert result["split"] == "validation", f"{point.folder.path}: was scored on {result['split']} data"
    return dict(result["metrics"])


def seconds_of(point: Point) -> float:
    """Seconds of training and scoring; where a candidate diverged, those that its starts lived."""
    if result := point.folder.result(point.eval_id, point.step):
        return float(result["cost"]["train_seconds"] + result["cost"]["score_seconds"])
    return float(sum(start.get("seconds", 0.0) for start in point.folder.run_json().get("starts", [])))


def together(points: list[Point]) -> list[Point]:
    """Each run once."""
    return list({point.folder.run_id: point for point in points}.values())

"""Base classes of metrics: a declaration, a score, and a file of metrics. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.system.plugins import Plugin

if TYPE_CHECKING:
    import numpy as np

    from architectures.transformer import FusionTransformer
    from bench.config.schema import Config
    from bench.data.assets import Assets
    from bench.data.captioned_images import CaptionedImages
    from bench.tasks.base import Task

DIRECTIONS = ("lower", "higher", "neither")
IMAGE, TEXT, LANGUAGE = "image", "text", "language"


@dataclass(frozen=True)
class Metric:
    """Declaration of a metric: tables, figures and pages read it from the results."""

    name: str
    title: str
    direction: str  # which is better: "lower" or "higher"; "neither" for a number that only explains another
    unit: str
    meaning: str = ""  # one line for readers
    headline: bool = False  # printed when a run ends
    table: bool = True  # a row of its own in tables
    untouched: tuple[str, ...] = ()  # corruptions of the self-test that need not change it

    def __post_init__(self) -> None:
        assert self.direction in DIRECTIONS, self.direction

    def score(self, value: float, n: int, weights: str | None = None, **more: Any) -> Score:
        """Score of this metric, measured on n items."""
        return Score(value, n, self.direction, self.unit, weights, **more)


@dataclass(frozen=True)
class Score:
    """One measured number and what is needed to read it."""

    value: float
    n: int  # items that were measured
    direction: str
    unit: str
    weights: str | None  # "embedded:features:<digest>"; None where no network took part
    chance: float | None = None  # score of a guess
    ceiling: float | None = None  # score of a perfect model
    note: str | None = None
    per_item: list[float] | None = None  # in the order of the items given, for paired comparisons
    before: float | None = None  # the same quantity before training
    before_per_item: list[float] | None = None

    def __post_init__(self) -> None:
        assert self.direction in DIRECTIONS, self.direction
        assert math.isfinite(self.value), f"a score must be finite, not {self.value}"

    def to_json(self) -> dict[str, Any]:
        """Entry of `result.json`. Items are left out: they are stored in a file of their own."""
        numbers = {"chance": self.chance, "ceiling": self.ceiling, "before": self.before}
        return {
            "value": float(self.value),
            "n": int(self.n),
            "direction": self.direction,
            "unit": self.unit,
            "weights": self.weights,
            "note": self.note,
        } | {name: None if number is None else float(number) for name, number in numbers.items()}


@dataclass(frozen=True)
class Subject:
    """Input of a metric: outputs for the first items of ``eval.split``, and the references."""

    assets: Assets
    config: Config

    @property
    def split(self) -> CaptionedImages:
        """Images and reference captions of the split that is evaluated."""
        return self.assets.images(self.config.eval.split)


@dataclass(frozen=True)
class Images(Subject):
    """Generated images and their prompts."""

    images: np.ndarray  # (n, H, W, 3) uint8
    prompts: Sequence[str]
    task: Task | None = None  # that they are to solve; None: the split's own images are the true ones


@dataclass(frozen=True)
class Captions(Subject):
    """Generated captions."""

    captions: Sequence[str]


@dataclass(frozen=True)
class Language(Subject):
    """A model, given text without an image."""

    model: FusionTransformer


class MetricFile(Plugin):
    """Metrics that are measured together, of outputs of one modality or of the language alone."""

    kind = "metric"
    of: ClassVar[str]  # IMAGE, TEXT or LANGUAGE: the subject is Images, Captions or Language
    place: ClassVar[int] = 100  # in tables, among the files of the same subject
    metrics: ClassVar[tuple[Metric, ...]]

    @classmethod
    def check(cls) -> None:
        """Raise UserError where this machine lacks what is needed; asked before anything is trained."""

    def measure(self, subject: Any) -> dict[str, Score]:
        """Scores by metric name; those that the data do not allow are left out."""
        raise NotImplementedError

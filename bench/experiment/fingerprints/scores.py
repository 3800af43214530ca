"""Fingerprints of metrics: every one measured on true outputs that are spoilt in a fixed way, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.config.schema import Config
from bench.data.assets import Assets
from bench.data.captioned_images import prompt
from bench.evaluation import scorers, scoring
from bench.evaluation.metrics.base import Score
from bench.experiment.fingerprints.values import Values
from bench.models.weights_digest import parameters_digest
from bench.tasks.base import IMAGE, GeneratedCaption, GeneratedImage, Task, tasks_of

ROWS = 16  # items that are measured
QUESTIONS, TEXTS = 64, 24  # of the language model, that are asked


def shorten(assets: Assets) -> None:
    """Keep the first questions and texts, which are asked of every model."""
    assets.exam, assets.texts = assets.exam[:QUESTIONS], assets.texts[:TEXTS]


def networks(values: Values, config: Config, assets: Assets) -> None:
    """The networks that score, and features of spoilt images."""
    net = scorers.feature_net(assets, config)
    clip, _ = scorers.image_text_model(assets, config)
    for name, network in (("feature net", net), ("image-text model", clip)):
        values.exact(f"scores: {name}", parameters_digest(network.state_dict().items()))
    images = assets.images(config.eval.split).images(range(ROWS))
    values.sketch("scores: features", net.features(spoilt_images(images)))


def outputs(values: Values, title: str, config: Config, assets: Assets) -> None:
    """Every metric of every task, on its true outputs spoilt."""
    rows = range(min(ROWS, len(assets.images(config.eval.split))))
    for name, task in tasks_of(config.train).items():
        samples = _samples(task, assets, config, rows)
        for metric, score in scoring.task_scores(task, samples, assets, config).items():
            _score(values, f"{title}, {name}, {metric}", score)
        if task.output == IMAGE:
            values.sketch(f"{title}, {name}, references", scorers.reference_features(assets, config, len(rows), task))


def language(values: Values, config: Config, assets: Assets) -> None:
    """Every metric of the language, of a spoilt language model."""
    for metric, score in scoring.language_scores(Spoilt(assets.llm), assets, config).items():  # type: ignore[arg-type]
        _score(values, f"scores: language, {metric}", score)


class Spoilt:
    """A language model whose logits are mixed with their neighbours'."""

    def __init__(self, llm: Any) -> None:
        self.llm, self.device = llm, llm.device

    def language_logits(self, ids: Tensor) -> Tensor:
        """(B, n) -> (B, n, V)."""
        logits = self.llm(ids).logits
        return 0.6 * logits + 0.5 * torch.roll(logits, 1, -1)


def spoilt_images(images: np.ndarray) -> np.ndarray:
    """A third of the images exchanged, a third in other colours, all with a pattern of grey levels."""
    rows = np.arange(len(images))
    found = images[np.where(rows % 3 == 1, np.roll(rows, 3), rows)]
    found[::3] = found[::3][..., [2, 0, 1]]
    pattern = np.random.default_rng(0).integers(-24, 25, images.shape)
    return (found.astype(int) + pattern).clip(0, 255).astype(np.uint8)


def spoilt_captions(captions: list[str]) -> list[str]:
    """Captions that lack words, shout, are another's or empty, or are as they were."""
    found = []
    for row, caption in enumerate(captions):
        words = caption.split()
        kinds = [caption, " ".join(words[::2]), f"{caption.upper()}!", captions[row - 1], f"{words[0]} {caption}", ""]
        found.append(kinds[row % 6])
    return found


def _samples(task: Task, assets: Assets, config: Config, rows: range) -> list[Any]:
    split = assets.images(config.eval.split)
    if task.output == IMAGE:
        images = spoilt_images(task.true_images(split, rows))
        return [GeneratedImage(split.ids[row], prompt(split, row), images[row]) for row in rows]
    captions = spoilt_captions([prompt(split, row) for row in rows])
    return [GeneratedCaption(split.ids[row], captions[row], split.captions(row)) for row in rows]


def _score(values: Values, title: str, score: Score) -> None:
    for key in ("value", "chance", "ceiling", "before"):
        number = getattr(score, key)
        if number is not None:
            values.numbers(f"{title}, {key}", [number])
    for key in ("per_item", "before_per_item"):
        if getattr(score, key) is not None:
            values.sketch(f"{title}, {key}", np.array(getattr(score, key)))
    values.exact(f"{title}, declaration", [score.n, score.direction, score.unit, score.weights, score.note])

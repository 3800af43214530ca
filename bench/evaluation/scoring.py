"""Scores of samples and of the language: every metric file that suits the subject is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.data.assets import Assets
from bench.evaluation.metrics.base import (
    IMAGE,
    LANGUAGE,
    TEXT,
    Captions,
    Images,
    Language,
    Metric,
    MetricFile,
    Score,
    Subject,
)
from bench.models.codec import decode_latents
from bench.system.errors import UserError
from bench.system.plugins import plugins, source
from bench.tasks.base import GeneratedCaption, GeneratedImage, Sample, Task

Scores = dict[str, Score]


def measured(subject: Subject, of: str, only: Sequence[str] | None = None) -> Scores:
    """Scores of a subject by all metric files for it, or by those named."""
    scores: Scores = {}
    for file in _files(of, only):
        found = file().measure(subject)
        if unknown := found.keys() - {metric.name for metric in file.metrics}:
            raise UserError(f"{source(file)}: measures '{min(unknown)}', which it does not declare")
        scores |= found
    return {name: scores[name] for name in declared() if name in scores}


def image_scores(
    images: np.ndarray, prompts: Sequence[str], assets: Assets, config: Config, task: Task | None = None
) -> Scores:
    """Scores of images (n, H, W, 3) uint8 generated for the first items of the split, with their prompts."""
    return measured(Images(assets, config, images, prompts, task), IMAGE, task.metrics if task else None)


def caption_scores(
    captions: Sequence[str], assets: Assets, config: Config, only: Sequence[str] | None = None
) -> Scores:
    """Scores of captions generated from the first images of the split."""
    return measured(Captions(assets, config, captions), TEXT, only)


def language_scores(model: FusionTransformer, assets: Assets, config: Config) -> Scores:
    """Scores of the language, before the fusion and after it."""
    return measured(Language(assets, config, model), LANGUAGE)


def task_scores(task: Task, samples: Sequence[Sample], assets: Assets, config: Config) -> Scores:
    """Scores of a task's samples; of images each with its ceiling, the score of true outputs after the autoencoder."""
    images = [sample for sample in samples if isinstance(sample, GeneratedImage)]
    if not images:
        captions = [sample.caption for sample in samples if isinstance(sample, GeneratedCaption)]
        return caption_scores(captions, assets, config, task.metrics)
    prompts = [sample.prompt for sample in images]
    settings = config.eval

    def ceilings() -> Scores:
        latents = task.true_latents(assets, settings.split, range(len(images))).to(assets.vae.device)
        return image_scores(decode_latents(assets.vae, latents), prompts, assets, config, task)

    key = ("ceilings", task.key, settings.split, settings.features, settings.clip, len(images))
    best = assets.once(key, ceilings)
    scores = image_scores(np.stack([sample.image for sample in images]), prompts, assets, config, task)
    return {name: replace(score, ceiling=best[name].value) for name, score in scores.items()}


def check_metrics(tasks: Mapping[str, Task]) -> None:
    """Raise UserError for metrics that cannot be measured here or of such an output, or two scores of one name."""
    declared()
    for file in _files(LANGUAGE, None):
        file.check()
    taken: dict[str, str] = {}
    for name, task in tasks.items():
        files = _files(task.output, task.metrics)
        if others := {*(task.metrics or ())} - {file.name for file in files}:
            raise UserError(f"train.tasks.{name}: its metric '{min(others)}' is none of {task.output} outputs")
        for file in files:
            file.check()
        metrics = [metric for file in files for metric in file.metrics]
        for score in [task.score(metric.name) for metric in metrics]:
            if taken.setdefault(score, name) != name:
                raise UserError(f"train.tasks.{name}: its score '{score}' is called as one of {taken[score]}'s")


def _files(of: str, only: Sequence[str] | None) -> list[type[MetricFile]]:
    """Files of metrics for a subject, or those of them that are named."""
    return [file for name, file in plugins("metric").items() if file.of == of and (only is None or name in only)]


def declared() -> dict[str, Metric]:
    """Every metric by name, in the order of tables: of images, of captions, of the language.

    Raises UserError for a file of metrics that cannot be used.
    """
    files = sorted(plugins("metric").values(), key=lambda file: ((IMAGE, TEXT, LANGUAGE).index(file.of), file.place))
    every: dict[str, Metric] = {}
    for file in files:
        for metric in file.metrics:
            if metric.name in every:
                raise UserError(f"{source(file)}: the name of the metric '{metric.name}' is taken")
            every[metric.name] = metric
    return every

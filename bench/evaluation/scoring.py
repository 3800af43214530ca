"""Scores of samples and of the language: every metric file that suits the subject is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.data.assets import Assets
from bench.evaluation.metrics.base import IMAGE, LANGUAGE, TEXT, Captions, Images, Language, Metric, Score, Subject
from bench.models.codec import decode_latents
from bench.system.plugins import plugins
from bench.tasks.base import GeneratedCaption, GeneratedImage, Sample, Task

Scores = dict[str, Score]


def measured(subject: Subject, of: str, only: Sequence[str] | None = None) -> Scores:
    """Scores of a subject by all metric files for it, or by those named."""
    scores: Scores = {}
    for name, file in plugins("metric").items():
        if file.of == of and (only is None or name in only):
            found = file().measure(subject)
            scores |= {metric.name: found[metric.name] for metric in file.metrics if metric.name in found}
    return {name: scores[name] for name in declared() if name in scores}


def image_scores(
    images: np.ndarray, prompts: Sequence[str], assets: Assets, config: Config, only: Sequence[str] | None = None
) -> Scores:
    """Scores of images (n, H, W, 3) uint8 generated from the first prompts of the split."""
    return measured(Images(assets, config, images, prompts), IMAGE, only)


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
        return image_scores(decode_latents(assets.vae, latents), prompts, assets, config, task.metrics)

    key = ("ceilings", task.name, settings.split, settings.features, settings.clip, len(images))
    best = assets.once(key, ceilings)
    scores = image_scores(np.stack([sample.image for sample in images]), prompts, assets, config, task.metrics)
    return {name: replace(score, ceiling=best[name].value) for name, score in scores.items()}


def declared() -> dict[str, Metric]:
    """Every metric by name, in the order of tables: of images, of captions, of the language."""
    files = sorted(plugins("metric").values(), key=lambda file: ((IMAGE, TEXT, LANGUAGE).index(file.of), file.place))
    every = [metric for file in files for metric in file.metrics]
    assert len({metric.name for metric in every}) == len(every), "two metrics have one name"
    return {metric.name: metric for metric in every}

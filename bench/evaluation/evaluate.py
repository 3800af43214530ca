"""Evaluation of a model: samples of every task, metrics of them and of the language; every item is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage

from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.data.assets import Assets
from bench.evaluation.metrics.base import Score
from bench.evaluation.scoring import declared, language_scores, task_scores
from bench.tasks.base import IMAGE, GeneratedImage, Sample, Task, tasks_of

REAL = 16  # true outputs stored beside the first generated images


@dataclass(frozen=True)
class Evaluated:
    """Samples of every task, and scores with their declarations."""

    scores: dict[str, Score]
    declarations: dict[str, dict[str, Any]]  # by name of the score: title, task, meaning, headline, table
    samples: dict[str, Sequence[Sample]]  # by task
    real: dict[str, np.ndarray]  # by task that generates images: true outputs of the first, (n, H, W, 3) uint8

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Entries of `result.json`."""
        return {name: score.to_json() | self.declarations[name] for name, score in self.scores.items()}


def evaluate(model: FusionTransformer, assets: Assets, config: Config) -> Evaluated:
    """Score ``model`` on ``eval.split``: the same items, prompts and noise for every model.

    The assets' networks are moved to the model's device.
    """
    assets.to(model.device)
    images, tasks = assets.images(config.eval.split), tasks_of(config.train)
    model.eval()
    with precision(model, config):
        samples = {
            name: task.generate(model, assets, config, range(min(_asked(task, config), len(images))))
            for name, task in tasks.items()
        }
    real = {
        name: task.true_images(images, range(min(REAL, len(samples[name]))))
        for name, task in tasks.items()
        if task.output == IMAGE
    }
    scores, declarations = {}, {}
    for name, task in tasks.items():
        for metric, score in task_scores(task, samples[name], assets, config).items():
            scores[task.score(metric)] = score
            declarations[task.score(metric)] = _declaration(metric, task)
    for metric, score in language_scores(model, assets, config).items():
        scores[metric], declarations[metric] = score, _declaration(metric, None)
    return Evaluated(scores, declarations, samples, real)


@contextmanager
def precision(model: FusionTransformer, config: Config) -> Iterator[None]:
    """Run a model as it was trained: in ``train.precision``."""
    with torch.autocast(model.device.type, torch.bfloat16, enabled=config.train.precision == "bfloat16"):
        yield


def save(evaluated: Evaluated, folder: Path) -> None:
    """Write every task's samples into a folder of its name, and per_item.json."""
    for name, samples in evaluated.samples.items():
        (folder / name).mkdir()
        _save_samples(samples, evaluated.real.get(name), folder / name)
    items = {name: score.per_item for name, score in evaluated.scores.items()}
    items |= {f"{name}_before": score.before_per_item for name, score in evaluated.scores.items()}
    kept = {name: values for name, values in items.items() if values is not None}
    (folder / "per_item.json").write_text(json.dumps(kept), encoding="utf-8")


def _save_samples(samples: Sequence[Sample], real: np.ndarray | None, folder: Path) -> None:
    """Captions as lines; images as files beside the ``real`` ones, and their prompts as lines."""
    if real is None:
        _write_lines(folder / "captions.jsonl", [vars(sample) for sample in samples])
        return
    generated = [sample for sample in samples if isinstance(sample, GeneratedImage)]
    for name, images in (("samples", [sample.image for sample in generated]), ("real", real)):
        (folder / name).mkdir()
        for index, image in enumerate(images):
            PILImage.fromarray(image).save(folder / name / f"{index:05d}.png")
    prompts = [{"id": sample.id, "sample": f"{index:05d}.png", "prompt": sample.prompt}
               for index, sample in enumerate(generated)]  # fmt: skip
    _write_lines(folder / "prompts.jsonl", prompts)


def _write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _asked(task: Task, config: Config) -> int:
    return config.eval.num_images if task.output == IMAGE else config.eval.num_captions


def _declaration(name: str, task: Task | None) -> dict[str, Any]:
    metric = declared()[name]
    title = f"{task.name}: {metric.title}" if task and task.score(name) != name else metric.title
    return {
        "title": title,
        "task": task.name if task else None,
        "meaning": f"{task.title if task else 'language'}: {metric.meaning}" if metric.meaning else "",
        "headline": metric.headline,
        "table": metric.table,
    }

"""Fingerprints of training and of what is published: the real loop, watched from hooks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from bench.experiment.execute import Experiment, finished_model, train_and_score
from bench.experiment.fingerprints.model import groups
from bench.experiment.fingerprints.request import SEEN
from bench.experiment.fingerprints.values import Values, joined, sketch
from bench.runs.identity import eval_id
from bench.training.module import FusionModule


class _Watcher:
    """Gradients before and after clipping, rates and updates of each optimiser step."""

    def __init__(self, module: FusionModule) -> None:
        self.module, self.trained = module, module.average.trained
        self.raw: dict[str, Tensor] = {}
        self.before = {name: p.detach().clone() for name, p in self.trained.items()}
        self.steps = 0
        self.losses: dict[str, list[float]] = {}
        self.norms: list[float] = []
        self.clipped: list[float] = []
        self.rates: list[float] = []
        self.gradients: dict[str, list[float]] = {}
        self.updates: dict[str, list[float]] = {}
        self.evaluated: bool | None = None  # whether the weights that are evaluated are the average

    def called(self) -> None:
        """The model is asked for an output, as evaluation does and training does not."""
        if self.evaluated is None:
            self.evaluated = _same(self.trained.values(), self.module)

    def gradient(self, name: str, parameter: Tensor) -> None:
        assert parameter.grad is not None
        self.raw[name] = parameter.grad.detach().clone()

    def stepped(self, optimizer: Optimizer) -> None:
        self.steps += 1
        self.norms.append(joined(self.raw.values()).double().norm().item())
        clipped = joined(p.grad for p in self.trained.values() if p.grad is not None)
        self.clipped.append(clipped.double().norm().item())
        self.rates += [group["lr"] for group in optimizer.param_groups]
        changes = {name: p.detach() - self.before[name] for name, p in self.trained.items()}
        self.before = {name: p.detach().clone() for name, p in self.trained.items()}
        if self.steps in SEEN:
            for name, value in self.module.last.items():
                self.losses.setdefault(name, []).append(value.item())
            for found, tensors in ((self.gradients, self.raw), (self.updates, changes)):
                for name, members in groups(tensors.items()).items():
                    found.setdefault(name, []).extend(sketch(joined(members)))


@contextmanager
def _watched(module: FusionModule) -> Iterator[_Watcher]:
    watcher = _Watcher(module)
    hooks: list[Any] = [
        p.register_post_accumulate_grad_hook(lambda p, name=name: watcher.gradient(name, p))
        for name, p in watcher.trained.items()
    ]
    hooks.append(module.model.register_forward_pre_hook(lambda model, given: watcher.called()))
    hooks.append(register_optimizer_step_post_hook(lambda optimizer, args, kwargs: watcher.stepped(optimizer)))
    try:
        yield watcher
    finally:
        for hook in hooks:
            hook.remove()


def training(values: Values, later: Values, experiment: Experiment) -> None:
    """Train and score as `bench train` does, into the folder of the config. What is published goes to ``later``."""
    config, module = experiment.config, experiment.module
    with experiment.folder.acquire(config.runtime.lease), _watched(module) as seen:
        result = train_and_score(experiment)
    values.numbers("training: learning rates", seen.rates)
    for name, numbers in seen.losses.items():
        values.numbers(f"training: {name}", numbers)
    values.numbers("training: gradient norms", seen.norms)
    values.numbers("training: clipped gradient norms", seen.clipped)
    for name, numbers in seen.gradients.items():
        values.numbers(f"training: gradient of {name}", numbers)
    for name, numbers in seen.updates.items():
        values.numbers(f"training: update of {name}", numbers)
    for what, tensors in (("weights", module.average.trained), ("average", module.average.average)):
        for name, members in groups(tensors.items()).items():
            values.sketch(f"training: last {what}, {name}", joined(members))
    values.anything("training: seen", result["seen"])
    cost = {key: value for key, value in result["cost"].items() if key.endswith(("params", "flops"))}
    values.exact("training: counted", cost)
    model, _ = finished_model(config)
    restored = [p for p in model.parameters() if p.requires_grad]
    values.exact("training: weights of the checkpoint are the average", _same(restored, module))
    values.exact("training: weights that were evaluated are the average", seen.evaluated)
    _published(later, result, experiment.folder.result_folder(eval_id(config), config.train.steps))


def _same(weights: Iterable[Tensor], module: FusionModule) -> bool:
    return all(torch.equal(one, other) for one, other in zip(weights, module.average.average.values(), strict=True))


def _published(values: Values, result: dict[str, Any], folder: Path) -> None:
    """Samples and scores of a stored result. One item more or less may be right where scores of items are few."""
    for path in sorted(folder.glob("*/*.jsonl")):
        values.exact(f"published: {path.relative_to(folder)}", path.read_text(encoding="utf-8"))
    for images in sorted(folder.glob("*/*/")):
        pixels = np.stack([np.asarray(PILImage.open(path)) for path in sorted(images.glob("*.png"))])
        values.sketch(f"published: {images.relative_to(folder)}", pixels.astype(float))
    items = json.loads((folder / "per_item.json").read_text(encoding="utf-8"))
    for name, score in result["metrics"].items():
        numbers = {key: score.pop(key) for key in ("value", "chance", "ceiling", "before")}
        values.exact(f"published: {name}, declaration", {key: it for key, it in score.items() if key != "note"})
        each = items.get(name, [])
        few = bool(each) and len(set(each)) <= len(each) // 2 + 1
        slack = (max(each) - min(each) or 1.0) / len(each) if few else 0.0
        for key, number in numbers.items():
            if number is not None:
                values.numbers(f"published: {name}, {key}", [number], slack if key == "value" else 0.0)

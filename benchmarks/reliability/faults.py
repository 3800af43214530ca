"""`python -m benchmarks.reliability.faults FAULT SWEEP_FILE`: a sweep's worker with a fault planted in it.

Each fault is one that a careless change could bring: settings and identities are as ever, what is computed is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sweeps import worker

TRAINING, SCORING = "training", "scoring"


@dataclass(frozen=True)
class Fault:
    """How to plant it, and what it can touch: the training of all runs, scoring alone, or one architecture."""

    plant: Callable[[], None]
    touches: str


def wrong_owner() -> None:
    """Let the tower of a token's own modality make its keys and values, not the one that reads it."""
    from architectures.dual_tower import DualTower

    plant(DualTower, "keys_values", lambda _: lambda self, packed, reader: self.towers[packed.kind].keys_values(packed))


def frozen_trained() -> None:
    """Train the text tower."""
    from architectures.base import TEXT
    from architectures.dual_tower import DualTower

    def faulty(normal: Callable[..., None]) -> Callable[..., None]:
        def init(self: Any, layer: Any) -> None:
            normal(self, layer)
            self.towers[TEXT].requires_grad_(True)

        return init

    plant(DualTower, "__init__", faulty)


def noise_cap_ignored() -> None:
    """Captioned images are as noisy as the schedule allows."""
    from bench.tasks.i2t import ImageToText

    _training_with(ImageToText, lambda train: replace(train, i2t_noise=1.0))


def ratio_swapped() -> None:
    """Each task has the other's share of the pairs."""
    from bench.data.mixing import Mixture

    def swapped(train: Any) -> Any:
        return replace(train, tasks=dict(zip(train.tasks, reversed(train.tasks.values()), strict=True)))

    _training_with(Mixture, swapped)


def slow_learning() -> None:
    """The learning rate is 0.3 times what was asked for."""
    from bench.training.module import FusionModule

    _training_with(FusionModule, lambda train: replace(train, lr=0.3 * train.lr))


def captions_shifted() -> None:
    """Give each training image the caption of the next one."""
    from bench.data.mixing import Mixture

    def faulty(normal: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, indices, choice: normal(self, (indices + 1) % len(self.split), choice)

    plant(Mixture, "_captions", faulty)


def guidance_dropped() -> None:
    """Images are generated without guidance, from the caption alone."""
    from bench.models import generation

    def faulty(normal: Callable[..., Any]) -> Callable[..., Any]:
        return lambda model, ids, lengths, empty, noise, scale, *how: normal(
            model, ids, lengths, empty, noise, 1.0, *how
        )

    plant(generation, "sample_latents", faulty)


def wrong_split() -> None:
    """FID and KID are distances from images of the training split."""
    from bench.config.schema import DataConfig
    from bench.data import open_split
    from bench.evaluation import scorers

    def faulty(normal: Callable[..., Any]) -> Callable[..., Any]:
        def features(assets: Any, config: Any, asked: int, task: Any = None) -> Any:
            def split(name: str) -> Any:
                return open_split(DataConfig(train_size=len(assets.images(name))), "train")  # as many

            others = SimpleNamespace(images=split, once=assets.once, device=assets.device)
            return normal(others, config, asked, task)

        return features

    plant(scorers, "reference_features", faulty)


def plant(owner: Any, name: str, faulty: Callable[[Any], Any]) -> None:
    """Replace an attribute by ``faulty(attribute)``."""
    setattr(owner, name, faulty(getattr(owner, name)))


def _training_with(owner: type, change: Callable[[Any], Any]) -> None:
    """Have a class made with changed settings of training, wherever they stand among its arguments."""
    from bench.config.schema import TrainConfig

    def faulty(normal: Callable[..., None]) -> Callable[..., None]:
        return lambda self, *given: normal(self, *[change(g) if isinstance(g, TrainConfig) else g for g in given])

    plant(owner, "__init__", faulty)


FAULTS = {
    "K/V made by the wrong owner": Fault(wrong_owner, "dual_tower"),
    "a frozen weight trained": Fault(frozen_trained, "dual_tower"),
    "the noise cap ignored": Fault(noise_cap_ignored, TRAINING),
    "the ratio swapped": Fault(ratio_swapped, TRAINING),
    "guidance dropped": Fault(guidance_dropped, SCORING),
    "learning rate x 0.3": Fault(slow_learning, TRAINING),
    "captions shifted by one image": Fault(captions_shifted, TRAINING),
    "FID on the wrong split": Fault(wrong_split, SCORING),
}


if __name__ == "__main__":
    FAULTS[sys.argv[1]].plant()
    sys.exit(worker.main(Path(sys.argv[2])))

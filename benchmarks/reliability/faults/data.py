"""Faults in the data: order, noise, captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.reliability.faults.planting import TRAINING, Fault, plant, slip, training_with


def noise_cap_ignored() -> None:
    """Captioned images are as noisy as the schedule allows."""
    from bench.tasks.i2t import ImageToText

    training_with(ImageToText, lambda train: replace(train, i2t_noise=1.0))


def ratio_swapped() -> None:
    """Each task has the other's share of the pairs."""
    from bench.data.mixing import Mixture

    def swapped(train: Any) -> Any:
        return replace(train, tasks=dict(zip(train.tasks, reversed(train.tasks.values()), strict=True)))

    training_with(Mixture, swapped)


def captions_shifted() -> None:
    """Give each training image the caption of the next one."""
    from bench.data.mixing import Mixture

    def faulty(normal: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, indices, choice: normal(self, (indices + 1) % len(self.split), choice)

    plant(Mixture, "_captions", faulty)


def one_order() -> None:
    """Every seed walks the data in the order of seed 0."""
    from bench.data import mixing

    mixing._order.cache_clear()
    slip(mixing._order, "[seed, epoch]", "[0, epoch]")


def noise_shared_by_seeds() -> None:
    """The noise of a step is that of the next step of the seed before, so seeds are no independent repeats."""
    from bench.data import mixing

    slip(mixing._step_seed, "[seed, step]", "[seed + step]")


def captions_cut() -> None:
    """Captions longer than 18 tokens are cut there, and lose their end."""
    from bench.data.mixing import Mixture

    slip(
        Mixture._captions,
        "self.split.lengths[indices, chosen].astype(np.int64)",
        "self.split.lengths[indices, chosen].clip(max=18).astype(np.int64)",
    )


def emptied_keep_length() -> None:
    """A caption emptied for guidance keeps its length, so its padding is read as words."""
    from bench.data.batches import Pairs

    slip(Pairs.emptied, "torch.where(where, len(self.empty_caption), self.lengths)", "self.lengths")


FAULTS = {
    "the noise cap ignored": Fault(noise_cap_ignored, TRAINING),
    "the ratio swapped": Fault(ratio_swapped, TRAINING),
    "captions shifted by one image": Fault(captions_shifted, TRAINING),
    "every seed in the order of seed 0": Fault(one_order, TRAINING),
    "noise shared by neighbouring seeds": Fault(noise_shared_by_seeds, TRAINING),
    "long captions cut": Fault(captions_cut, TRAINING),
    "emptied captions as long as before": Fault(emptied_keep_length, TRAINING),
}

"""Faults in the loss: weights, targets, masking of padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.reliability.faults.planting import TRAINING, Fault, plant, slip, training_with


def light_text() -> None:
    """The language loss weighs 0.9 of what was asked for."""
    from bench.training.module import FusionModule

    training_with(FusionModule, lambda train: replace(train, text_weight=0.9 * train.text_weight))


def padding_scored() -> None:
    """The first padding after a caption's end is a target of the language loss."""
    from bench.training.losses.text import TextLoss

    slip(TextLoss.measure, "positions < (segment.lengths - 1)", "positions < segment.lengths")


def end_not_scored() -> None:
    """The end of a caption is no target of the language loss."""
    from bench.training.losses.text import TextLoss

    slip(TextLoss.measure, "(segment.lengths - 1)", "(segment.lengths - 2)")


def rows_averaged() -> None:
    """The language loss is a mean over captions of their means, so that words of short captions weigh more."""
    from bench.training.losses.text import TextLoss

    def measure(self: Any, model: Any, outputs: Sequence[Any]) -> Any:
        import torch
        from torch.nn.functional import cross_entropy

        from bench.training.losses.base import Mean

        means = [
            cross_entropy(model.logits(row[: length - 1]).float(), ids[1:length])
            for output in outputs
            for segment, states in output.scored("text")
            for ids, length, row in zip(segment.ids, segment.lengths.tolist(), states, strict=True)
        ]
        return Mean(torch.stack([torch.zeros((), device=model.device), *means]).sum(), len(means))

    plant(TextLoss, "measure", lambda _: measure)


def target_shrunk() -> None:
    """The image loss asks for the way from the noisy image to the noise, not for the velocity."""
    from bench.training.losses.image import ImageLoss

    velocity = "velocity_target(segment.latents, segment.noise)"
    slip(ImageLoss.measure, velocity, f"(1 - segment.sigma.view(-1, 1, 1, 1)) * {velocity}")


FAULTS = {
    "text loss x 0.9": Fault(light_text, TRAINING),
    "padding scored": Fault(padding_scored, TRAINING),
    "the end token not scored": Fault(end_not_scored, TRAINING),
    "text loss averaged over rows": Fault(rows_averaged, TRAINING),
    "the velocity's target shrunk": Fault(target_shrunk, TRAINING),
}

"""The diffusion loss L_DM (paper, Eq. 1), as a flow-matching velocity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.training.losses.base import Loss, Mean, Output

if TYPE_CHECKING:
    from architectures.transformer import FusionTransformer


class ImageLoss(Loss):
    """Squared error of the predicted velocity over scored images."""

    def measure(self, model: FusionTransformer, outputs: Sequence[Output]) -> Mean:
        import torch

        from bench.models.diffusion import velocity_target

        errors = [
            (model.velocity(states).float() - velocity_target(segment.latents, segment.noise)).square()  # B C h w
            for output in outputs
            for segment, states in output.scored("image")
        ]
        if not errors:
            return Mean(torch.zeros((), device=model.device), 0)
        return Mean(torch.cat(errors).sum(), sum(error.numel() for error in errors))

"""Probe: the noise level is to be read from the states of the second layer."""

from __future__ import annotations

from bench.training.losses.base import Loss, Mean


class Probe(Loss):
    """Squared error of the noise level that a linear head reads from images in the second layer."""


    def layers(self):
        return (2,)

    def head(self, model):
        from torch import nn

        return nn.Linear(model.norm.weight.numel(), 1)

    def measure(self, model, outputs):
        import torch

        read = model.heads[self.name]
        errors = [
            (read(states.float().mean(1))[:, 0] - segment.sigma).square()  # B
            for output in outputs
            for segment, states in zip(output.batch.segments, output.hidden[2], strict=True)
            if segment.modality == "image"
        ]
        if not errors:
            return Mean(torch.zeros((), device=model.device), 0)
        return Mean(torch.cat(errors).sum(), sum(map(len, errors)))

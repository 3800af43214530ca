"""Exponential moving average of the trained weights, which is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Moving average of the trainable parameters of ``model``; with ``decay`` 0 it is their last value.

    Early on the average forgets faster, min(decay, (1 + n) / (10 + n)) after n updates, so that the
    start of a short training does not weigh on it.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}

    def follow(self) -> None:
        """Move the averages to the parameters' devices."""
        self.average = {name: average.to(self.trained[name].device) for name, average in self.average.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Update the averages by the parameters' present values."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.average.values()), list(self.trained.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the model has the averages; the trained values are restored afterwards."""
        kept = {name: p.detach().clone() for name, p in self.trained.items()}
        self._set(self.average)
        try:
            yield
        finally:
            self._set(kept)

    def hold(self) -> None:
        """Put the averages into the model for good."""
        self._set(self.average)

    @torch.no_grad()
    def _set(self, values: dict[str, Tensor]) -> None:
        for name, parameter in self.trained.items():
            parameter.copy_(values[name])

    def state_dict(self) -> dict[str, object]:
        return {"updates": self.updates, "average": self.average}

    def load_state_dict(self, state: dict) -> None:
        self.updates = state["updates"]
        for name, average in self.average.items():
            average.copy_(state["average"][name])

"""Terms of the loss: whatever they train is part of the model."""

from __future__ import annotations

import pytest
import torch
from experiments import small_config
from torch import nn

from bench.experiment import execute
from bench.system.errors import UserError
from bench.training.losses.base import Loss, Mean


class Outside(Loss):
    """A head that the model does not have."""

    name = "outside"

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place, self.kept = place, nn.Linear(3, 1)

    def head(self, model):
        return self.kept if self.place == "in the model" else None

    def measure(self, model, outputs):
        made = {
            "in the model": lambda: model.heads[self.name](torch.ones(2, 3)),
            "in the loss": lambda: self.kept(torch.ones(2, 3)),
            "made on the way": lambda: nn.Linear(3, 1)(torch.ones(2, 3)),
        }[self.place]()
        return Mean(made.sum(), 2)


@pytest.mark.parametrize("place", ["in the model", "in the loss", "made on the way"])
def test_a_loss_trains_nothing_outside_the_model(tmp_path, monkeypatch, place):
    monkeypatch.setattr("bench.training.module.losses_of", lambda train: [(Outside(place), 1.0)])
    made = execute.prepare(small_config(tmp_path))
    if place == "in the model":
        assert execute.step_flops(made.module, made.mixture) > 0
        assert "heads.outside.weight" in made.module.average.trained
        return
    with pytest.raises(UserError, match=r"test_terms.py: trains a parameter of shape .* outside the model"):
        execute.step_flops(made.module, made.mixture)

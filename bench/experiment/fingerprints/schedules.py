"""Fingerprints of schedules: learning rates, moving average, noise levels to train on and to sample along."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from bench.config.schema import EvalConfig, TrainConfig
from bench.experiment.fingerprints.request import STEPS, values_of
from bench.experiment.fingerprints.values import Values
from bench.models.diffusion import integrate, noised, training_sigmas, velocity_target
from bench.training.ema import MovingAverage
from bench.training.module import FusionModule

DECAYS = (0.0, 0.3, 0.9, 0.995)


def schedules(values: Values, module: FusionModule) -> None:
    """All of them, by their settings' values."""
    given = module.train_config
    for kind in values_of(TrainConfig, "lr_schedule"):
        for warmup in (0, 3):
            module.train_config = replace(given, lr_schedule=kind, warmup_steps=warmup)
            values.numbers(f"schedules: learning rate, {kind}, {warmup} steps of warm-up", _rates(module))
    module.train_config = given
    for decay in DECAYS:
        values.numbers(f"schedules: moving average, decay {decay}", _averages(decay))
    for distribution in values_of(TrainConfig, "timestep_distribution"):
        drawn = training_sigmas(distribution, 256, torch.Generator().manual_seed(1)).sort().values
        values.numbers(f"schedules: noise levels, {distribution}", drawn[::32].tolist())
    clean, noise, sigma = torch.arange(8.0).view(2, 1, 2, 2), torch.ones(2, 1, 2, 2), torch.tensor([0.25, 1.0])
    values.numbers("schedules: noised", noised(clean, noise, sigma).flatten().tolist())
    values.numbers("schedules: velocity", velocity_target(clean, noise).flatten().tolist())
    for sampler in values_of(EvalConfig, "sampler"):
        for steps in (1, 5):
            levels, end = _sampled(sampler, steps)
            values.numbers(f"schedules: levels of sampling, {sampler}, {steps} steps", levels)
            values.numbers(f"schedules: end of sampling, {sampler}, {steps} steps", end)


def _rates(module: FusionModule) -> list[float]:
    made: Any = module.configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    found = []
    for _ in range(STEPS + 1):
        found += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    return found


def _averages(decay: float) -> list[float]:
    """The average of one weight that is 1, 2, 3 ..."""
    weight = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(weight.weight)
    average, found = MovingAverage(weight, decay), []
    for step in range(1, 16):
        nn.init.constant_(weight.weight, float(step))
        average.update()
        found.append(average.average["weight"].item())
    return found


def _sampled(sampler: str, steps: int) -> tuple[list[float], list[float]]:
    """Noise levels at which the velocity is asked for, and where a curved flow ends."""
    levels: list[float] = []

    def velocity(latents: Tensor, sigma: Tensor) -> Tensor:
        levels.append(sigma[0].item())
        return latents.sin() + sigma.view(-1, 1, 1, 1).square()

    end = integrate(velocity, torch.linspace(-2, 2, 8).view(2, 1, 2, 2), sampler, steps)
    return levels, end.flatten().tolist()

"""The image objective: rectified flow as in Stable Diffusion 3, on diffusers' schedulers.

A noise level sigma runs from 0 (clean) to 1 (noise alone): x_sigma = (1 - sigma) x + sigma e, and the model predicts
the velocity e - x.

Another formula wants a setting of its own: run ids hash settings, not code, so a run finished before an edit would be
taken for done.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from diffusers.training_utils import compute_density_for_timestep_sampling
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(latents (B, C, h, w), sigma (B,)) -> velocity (B, C, h, w)."""


def training_sigmas(distribution: str, rows: int, random: torch.Generator) -> Tensor:
    """Noise levels to train on, (B,): ``logit_normal`` (Stable Diffusion 3) or ``uniform``."""
    return compute_density_for_timestep_sampling(distribution, rows, logit_mean=0.0, logit_std=1.0, generator=random)


def noised(latents: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Noisy latents x_sigma, (B, C, h, w)."""
    sigma = sigma.view(-1, 1, 1, 1)
    return (1 - sigma) * latents + sigma * noise


def velocity_target(latents: Tensor, noise: Tensor) -> Tensor:
    """Target of the model at any noise level, (B, C, h, w)."""
    return noise - latents


def integrate(velocity: Velocity, noise: Tensor, sampler: str, steps: int) -> Tensor:
    """Follow the flow from ``noise`` (B, C, h, w) to clean latents in ``steps`` steps.

    ``euler`` evaluates the velocity once a step, ``heun`` twice (once in the last).
    """
    if sampler == "heun":
        scheduler = FlowMatchHeunDiscreteScheduler()
        scheduler.set_timesteps(steps, device=noise.device)
    else:
        scheduler = FlowMatchEulerDiscreteScheduler()
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), device=noise.device)
    latents = noise
    for timestep in scheduler.timesteps:
        sigma = (timestep / scheduler.config.num_train_timesteps).expand(len(latents))  # B
        latents = scheduler.step(velocity(latents, sigma), timestep, latents).prev_sample  # B C h w
    return latents

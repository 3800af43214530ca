"""The noise path and the samplers against diffusers' schedulers and closed forms."""

from __future__ import annotations

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from bench.models.diffusion import integrate, noised, training_sigmas, velocity_target


def test_noise_path_is_the_schedulers():
    scheduler = FlowMatchEulerDiscreteScheduler()
    latents, noise = torch.randn(5, 2, 3, 3), torch.randn(5, 2, 3, 3)
    timesteps = scheduler.timesteps[[0, 100, 500, 900, 999]]
    sigma = timesteps / scheduler.config.num_train_timesteps
    torch.testing.assert_close(noised(latents, noise, sigma), scheduler.scale_noise(latents, timesteps, noise))


@pytest.mark.parametrize(("sampler", "steps"), [("euler", 1), ("euler", 7), ("heun", 2), ("heun", 7)])
def test_the_true_velocity_leads_back(sampler, steps):
    """Along a straight path every sampler is exact: from noise to the latents, in any number of steps."""
    latents, noise = torch.randn(2, 4, 2, 2), torch.randn(2, 4, 2, 2)
    velocity = velocity_target(latents, noise)
    found = integrate(lambda x, sigma: velocity, noise, sampler, steps)
    torch.testing.assert_close(found, latents, rtol=1e-3, atol=3e-3)


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2)])
def test_the_samplers_converge_in_their_order(sampler, order):
    """dx/dsigma = x from 1 to 0 shrinks x by e; halving the step divides the error by 2^order."""
    noise = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    exact = noise.item() * torch.e**-1
    errors = [abs(integrate(lambda x, sigma: x, noise, sampler, n).item() - exact) for n in (16, 32)]
    assert errors[0] / errors[1] > 0.8 * 2**order


def test_training_sigmas():
    random = torch.Generator().manual_seed(0)
    uniform = training_sigmas("uniform", 20_000, random)
    normal = training_sigmas("logit_normal", 20_000, random)
    for sigmas in (uniform, normal):
        assert sigmas.min() >= 0 and sigmas.max() <= 1 and abs(sigmas.mean() - 0.5) < 0.01
    assert abs(uniform.std() - 12**-0.5) < 0.01
    assert abs(torch.logit(normal).std() - 1) < 0.02

"""Sampling and captioning with kept prefixes against literal full passes, one row and one guess at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from test_architectures import CHANNELS, SIDE, VOCABULARY, build, llm  # noqa: F401 - llm is a fixture

import architectures
from architectures.sequence import Image, Text
from bench.data.encoded import padded
from bench.sampling import describe, sample_latents

EMPTY = [1, 2]
PROMPTS = [[1, 9, 8, 7, 2], [1, 30, 2], [1, 5, 6, 5, 6, 40, 2]]
every = pytest.mark.parametrize("name", sorted(architectures.catalogue()))


@every
@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_sampling_is_the_literal_full_pass(llm, name, guidance_scale):  # noqa: F811
    """Each row alone, text mapped anew at every step, with and without caption in passes of their own."""
    model = build(llm, name)
    noise = torch.randn(len(PROMPTS), CHANNELS, SIDE, SIDE)
    ids, lengths = (torch.from_numpy(array.astype(np.int64)) for array in padded(PROMPTS))
    found = sample_latents(model, ids, lengths, EMPTY, noise, guidance_scale, "euler", steps=4)

    for row, prompt in enumerate(PROMPTS):
        scheduler = FlowMatchEulerDiscreteScheduler()
        scheduler.set_timesteps(sigmas=[1.0, 0.75, 0.5, 0.25])
        latents = noise[row : row + 1]
        with torch.no_grad():
            for timestep in scheduler.timesteps:
                sigma = timestep[None] / 1000
                with_caption, without = (
                    model.velocity(model([Text(torch.tensor([text])), Image(latents, sigma)])[0][1])
                    for text in (prompt, EMPTY)
                )
                guided = without + guidance_scale * (with_caption - without)
                latents = scheduler.step(guided, timestep, latents).prev_sample
        assert (found[row] - latents[0]).norm() <= 1e-4 * latents.norm()


@every
def test_captions_are_the_literal_greedy_ones(llm, name):  # noqa: F811
    """The whole sequence again for every token; a row that has ended says no more."""
    model = build(llm, name)
    latents = torch.randn(5, CHANNELS, SIDE, SIDE)
    begin = 1
    free = describe(model, latents, begin, end=VOCABULARY, max_tokens=8)
    assert all(len(row) == 8 for row in free)
    end = free[0][3]  # a token that is sure to come
    found = describe(model, latents, begin, end, max_tokens=8)
    for row in range(len(latents)):
        written = [begin]
        with torch.no_grad():
            while len(written) <= 8:
                items = [Image(latents[row : row + 1], torch.zeros(1)), Text(torch.tensor([written]))]
                token = int(model.logits(model(items)[0][1])[0, -1].argmax())
                if token == end:
                    break
                written.append(token)
        assert found[row] == written[1:]


def test_a_drawing_does_not_depend_on_its_batch(llm):  # noqa: F811
    model = build(llm, "dual_tower")
    noise = torch.randn(len(PROMPTS), CHANNELS, SIDE, SIDE)
    ids, lengths = (torch.from_numpy(array.astype(np.int64)) for array in padded(PROMPTS))
    together = sample_latents(model, ids, lengths, EMPTY, noise, 2.0, "euler", steps=3)
    alone = sample_latents(model, ids[1:2], lengths[1:2], EMPTY, noise[1:2], 2.0, "euler", steps=3)
    torch.testing.assert_close(alone[0], together[1], rtol=1e-4, atol=1e-5)

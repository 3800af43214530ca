"""Sampling and captioning with kept prefixes against literal full passes, one row and one guess at a time."""

from __future__ import annotations

import literal
import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from tiny_fusion import CHANNELS, SIDE, VOCABULARY, build

import architectures
from architectures.sequence import Image, Past, Text
from bench.data.encoded import padded
from bench.models.sampling import sample_captions, sample_latents

EMPTY = [1, 2]
PROMPTS = [[1, 9, 8, 7, 2], [1, 30, 2], [1, 5, 6, 5, 6, 40, 2]]
every = pytest.mark.parametrize("name", sorted(architectures.catalogue()))
with_equations = pytest.mark.parametrize("name", sorted(literal.EQUATIONS))


@with_equations
def test_a_denoising_step_is_the_equations(llm, name):
    """One step from noise alone moves by the guided velocity: within 1e-5 of the literal one, captions ragged."""
    model = build(llm, name)
    noise = torch.randn(len(PROMPTS), CHANNELS, SIDE, SIDE)
    ids, lengths = (torch.from_numpy(array.astype(np.int64)) for array in padded(PROMPTS))
    found = noise - sample_latents(model, ids, lengths, EMPTY, noise, 3.0, "euler", steps=1)

    image = Image(noise, torch.ones(len(PROMPTS)))
    empty = Text(torch.tensor([EMPTY] * len(PROMPTS)))
    with torch.no_grad():
        with_caption, without = (
            torch.cat([model.velocity(row[1][None]) for row in literal.final_states(model, [text, image])])
            for text in (Text(ids, lengths), empty)
        )
    expected = without + 3.0 * (with_caption - without)
    assert (found - expected).norm() <= 1e-5 * expected.norm()


@with_equations
def test_a_captions_scores_are_the_equations(llm, name, monkeypatch):
    """Every token that is written was chosen by the literal scores, within 1e-5."""
    model = build(llm, name)
    latents = torch.randn(3, CHANNELS, SIDE, SIDE)
    seen, score = [], model.logits
    with monkeypatch.context() as patch:
        patch.setattr(model, "logits", lambda states: seen.append(score(states)) or seen[-1])
        written = sample_captions(model, latents, begin=1, end=VOCABULARY, max_tokens=40)
    found = torch.cat(seen, dim=1)  # rows 40 V
    read = Text(torch.tensor([[1, *row[:-1]] for row in written]))
    with torch.no_grad():
        states = literal.final_states(model, [Image(latents, torch.zeros(3)), read])
        expected = torch.stack([score(row[1]) for row in states])
    assert (found - expected).norm() <= 1e-5 * expected.norm()


@with_equations
def test_text_goes_on_after_padding_and_an_image(llm, name):
    """[text, image, text]: the last text token by token, after captions of unlike length."""
    model = build(llm, name)
    ids, lengths = (torch.from_numpy(array.astype(np.int64)) for array in padded(PROMPTS))
    image = Image(torch.randn(3, CHANNELS, SIDE, SIDE), torch.zeros(3))
    told = torch.randint(0, VOCABULARY, (3, 30))
    found = []
    with torch.inference_mode():
        past = Past.empty(("text", "image", "text"), len(model.blocks))
        for items in ([Text(ids, lengths)], [image], *([Text(token)] for token in told.split(1, dim=1))):
            (states,), past = model(items, past)
            found.append(states)
    with torch.no_grad():
        rows = literal.final_states(model, [Text(ids, lengths), image, Text(told)])
    expected = torch.stack([row[2] for row in rows])
    assert (torch.cat(found[2:], dim=1) - expected).norm() <= 1e-5 * expected.norm()


@every
def test_sequences_may_part_from_one_past(llm, name):
    """What is kept is shared: those that go on in turns, each in its own way, do not spoil it for each other."""
    model = build(llm, name)
    first, second = (Image(torch.randn(3, CHANNELS, SIDE, SIDE), torch.zeros(3)) for _ in range(2))
    with torch.inference_mode():
        prompt = Text(torch.tensor(3 * [PROMPTS[0]]))
        _, start = model([prompt], Past.empty(("text", "image", "text"), len(model.blocks)))
        ways = [model([image], start)[1] for image in (first, second)]
        after = Text(torch.tensor([[5], [6], [7]]))
        found = [model([after], past)[0][0] for past in ways]
        for image, states in zip((first, second), found, strict=True):
            (_, _, expected), _ = model([prompt, image, after])
            assert (states - expected).norm() <= 1e-5 * expected.norm()


@every
def test_rows_that_leave_are_not_missed(llm, name):
    """A compacted past goes on with the rows named, in their order, as if the others had never been."""
    model = build(llm, name)
    images, tokens = Image(torch.randn(5, CHANNELS, SIDE, SIDE), torch.zeros(5)), torch.randint(0, VOCABULARY, (5, 4))
    rows = torch.tensor([0, 4, 3])
    with torch.inference_mode():
        (_, expected), _ = model([images, Text(tokens)])
        _, past = model([images], Past.empty(("image", "text"), len(model.blocks)), needs_output=[False])
        for position in range(4):
            if position == 2:
                past.compact(rows)
                tokens, expected = tokens[rows], expected[rows]
            (states,), past = model([Text(tokens[:, position : position + 1])], past)
            assert (states[:, 0] - expected[:, position]).norm() <= 1e-5 * expected[:, position].norm()


@every
@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_sampling_is_the_literal_full_pass(llm, name, guidance_scale):
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
def test_captions_are_the_literal_greedy_ones(llm, name):
    """The whole sequence again for every token; a row that has ended says no more."""
    model = build(llm, name)
    latents = torch.randn(5, CHANNELS, SIDE, SIDE)
    begin = 1
    free = sample_captions(model, latents, begin, end=VOCABULARY, max_tokens=8)
    assert all(len(row) == 8 for row in free)
    end = free[0][3]  # a token that is sure to come
    found = sample_captions(model, latents, begin, end, max_tokens=8)
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

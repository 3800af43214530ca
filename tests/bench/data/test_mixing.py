"""Batches are a pure function of seed and step, shared by whatever is compared."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.config.schema import TrainConfig
from bench.data.encoded import EncodedSplit
from bench.data.mixing import Mixture, Shares, Step, step_loader

PICTURES, EMPTY = 40, [1, 2]


@pytest.fixture(scope="module")
def split() -> EncodedSplit:
    """Latents that name their picture; two or three captions each, whose tokens name picture and caption."""
    latents = np.arange(PICTURES, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2, 2), dtype=np.float32)
    lengths = np.array([[5, 6, 0 if i % 2 else 7] for i in range(PICTURES)], dtype=np.int32)
    tokens = np.zeros((PICTURES, 3, 7), dtype=np.int32)
    for picture in range(PICTURES):
        for caption, length in enumerate(lengths[picture]):
            tokens[picture, caption, :length] = 100 + 10 * picture + caption
    return EncodedSplit(latents, tokens, lengths)


def mixture(split: EncodedSplit, seed: int = 0, **settings) -> Mixture:
    return Mixture(split, TrainConfig(**{"batch_size": 8, "steps": 30, **settings}), seed, EMPTY)


def pairs_of(mix: Mixture) -> list:
    return [pairs for step in range(len(mix)) for pairs in mix[step][:2] if pairs is not None]


def test_a_step_depends_on_seed_and_step_alone(split):
    forwards = [mixture(split)[step] for step in range(5)]
    mix = mixture(split)
    backwards = [mix[step] for step in reversed(range(5))][::-1]
    for left, right in zip(forwards, backwards, strict=True):
        for one, other in zip(left[:2], right[:2], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    other = mixture(split, seed=1)[0]
    assert not torch.equal(other.t2i.latents, forwards[0].t2i.latents)
    assert not torch.equal(other.t2i.noise, forwards[0].t2i.noise)


def test_an_epoch_shows_every_picture_once(split):
    mix = mixture(split)
    steps = PICTURES // 8
    for epoch in range(3):
        every = [pairs for s in range(epoch * steps, (epoch + 1) * steps) for pairs in mix[s][:2] if pairs]
        seen = [pairs.latents[:, 0, 0, 0] for pairs in every]
        assert sorted(torch.cat(seen).tolist()) == list(range(PICTURES))


@pytest.mark.parametrize("fraction", [0.0, 1 / 3, 0.5, 0.6667, 1.0])
def test_the_ratio_is_exact(split, fraction):
    """Never more than one pair off what the fraction of all pairs so far would be; the batch stays full."""
    mix = mixture(split, t2i_fraction=fraction, batch_size=7)
    drawn = 0
    for step in range(len(mix)):
        t2i, i2t, _ = mix[step]
        counts = [0 if pairs is None else len(pairs.latents) for pairs in (t2i, i2t)]
        assert sum(counts) == 7
        drawn += counts[0]
        assert abs(drawn - 7 * (step + 1) * fraction) < 1


def test_noise_cap(split):
    """Images to be described have noise up to the cap, the same draw scaled; images to be drawn do not notice."""
    clean, half, full = (mixture(split, i2t_noise=cap) for cap in (0.0, 0.5, 1.0))
    everything = torch.cat([full[s].i2t.sigma for s in range(len(full))])
    assert everything.max() > 0.9 and everything.min() < 0.1
    for step in range(len(full)):
        assert (clean[step].i2t.sigma == 0).all()
        torch.testing.assert_close(half[step].i2t.sigma, 0.5 * full[step].i2t.sigma)
        assert torch.equal(clean[step].t2i.sigma, full[step].t2i.sigma)
        assert torch.equal(clean[step].t2i.noise, full[step].t2i.noise)


def test_captions_are_the_pictures_own(split):
    for pairs in pairs_of(mixture(split, caption_dropout=0.0)):
        for latents, ids, length in zip(pairs.latents, pairs.ids, pairs.lengths, strict=True):
            picture, caption = divmod(int(ids[0]) - 100, 10)
            assert picture == int(latents[0, 0, 0])
            assert int(length) == split.lengths[picture, caption] > 0
            assert (ids[:length] == ids[0]).all() and (ids[length:] == 0).all()


def test_caption_dropout_empties_only_what_is_drawn(split):
    mix = mixture(split, caption_dropout=0.3, steps=200)
    dropped = torch.cat([mix[s].t2i.lengths == len(EMPTY) for s in range(len(mix))]).float().mean().item()
    assert abs(dropped - 0.3) < 0.05
    assert all((mix[s].i2t.lengths > len(EMPTY)).all() for s in range(len(mix)))


def test_the_loader_starts_where_training_stands(split):
    mix = mixture(split)
    resumed = list(step_loader(mix, lambda: 27, workers=0))
    assert len(resumed) == 3
    assert torch.equal(resumed[0].t2i.noise, mix[27].t2i.noise)


def scored(part: Step) -> Shares:
    """A number for everything that a step, or a rank's part of it, takes a mean over."""
    images = [[] if pairs is None else pairs.noise[:, 0, 0, 0].tolist() for pairs in part[:2]]
    captions = [] if part.i2t is None else zip(part.i2t.ids, part.i2t.lengths, strict=True)
    return Shares([float(id) for ids, length in captions for id in ids[1:length]], images[0], sum(images, []))


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.6667, 1.0])
def test_ranks_share_a_step(split, ranks, fraction):
    """All is dealt once, evenly; the means of the parts, weighed by their shares, average to the mean of the whole."""
    mix = mixture(split, t2i_fraction=fraction)
    for step in (mix[place] for place in range(5)):
        parts = [step.share(rank, ranks) for rank in range(ranks)]
        owns = [scored(part) for part in parts]
        sizes = [len(own.images) for own in owns]
        assert max(sizes) - min(sizes) <= 1
        for name, every in scored(step)._asdict().items():
            dealt = [(getattr(part.shares, name), getattr(own, name)) for part, own in zip(parts, owns, strict=True)]
            assert sorted(sum((own for _, own in dealt), [])) == sorted(every)
            if every:
                mean = sum(share * np.mean(own) for share, own in dealt if own) / ranks
                assert mean == pytest.approx(np.mean(every))
        for pairs in (pairs for part in parts for pairs in part[:2] if pairs is not None):
            assert pairs.ids.shape[1] == pairs.lengths.max()


def test_padding_is_trimmed(split):
    for pairs in pairs_of(mixture(split)):
        assert pairs.ids.shape[1] == pairs.lengths.max()

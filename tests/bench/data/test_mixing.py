"""Batches are a pure function of seed and step, shared by whatever is compared."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from batches import batch_of, image, image_of, text, text_of
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bench.config.load import load
from bench.config.schema import TrainConfig
from bench.data.batches import Batch, ImageSegment, Step, TextSegment
from bench.data.encoded import EncodedSplit
from bench.data.mixing import Mixture, _order, _step_seed, step_loader
from bench.models.diffusion import training_sigmas
from bench.tasks.base import tasks_of

IMAGES, EMPTY = 40, [1, 2]


@pytest.fixture(scope="module")
def split() -> EncodedSplit:
    """Latents that name their image; two or three captions each, whose tokens name image and caption."""
    latents = np.arange(IMAGES, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2, 2), dtype=np.float32)
    lengths = np.array([[5, 6, 0 if i % 2 else 7] for i in range(IMAGES)], dtype=np.int32)
    tokens = np.zeros((IMAGES, 3, 7), dtype=np.int32)
    for number in range(IMAGES):
        for caption, length in enumerate(lengths[number]):
            tokens[number, caption, :length] = 100 + 10 * number + caption
    return EncodedSplit(latents, tokens, lengths)


def shares_of(fraction: float) -> dict[str, int]:
    """`train.tasks`, as a request for a fraction of text-to-image samples is understood."""
    return load("smoke", [f"train.t2i_fraction={fraction}"]).train.tasks


def mixture(split: EncodedSplit, seed: int = 0, fraction: float = 0.6667, **settings) -> Mixture:
    train = TrainConfig(**{"batch_size": 8, "steps": 30, "tasks": shares_of(fraction), **settings})
    return Mixture(split, train, seed, EMPTY, tasks_of(train))


def batches_of(mix: Mixture) -> list[Batch]:
    return [batch for step in range(len(mix)) for batch in mix[step].batches]


def same(one: Step, other: Step) -> bool:
    """Bit by bit."""

    def equal(x, y):
        return torch.equal(x, y) if isinstance(x, Tensor) else x == y

    return [batch.task for batch in one.batches] == [batch.task for batch in other.batches] and all(
        type(a) is type(b) and all(map(equal, a, b))
        for left, right in zip(one.batches, other.batches, strict=True)
        for a, b in zip(left.segments, right.segments, strict=True)
    )


def test_a_step_depends_on_seed_and_step_alone(split):
    forwards = [mixture(split)[step] for step in range(5)]
    mix = mixture(split)
    backwards = [mix[step] for step in reversed(range(5))][::-1]
    assert all(same(left, right) for left, right in zip(forwards, backwards, strict=True))
    assert not same(forwards[0], forwards[1])
    other = mixture(split, seed=1)[0]
    assert not torch.equal(image(other, "t2i").latents, image(forwards[0], "t2i").latents)
    assert not torch.equal(image(other, "t2i").noise, image(forwards[0], "t2i").noise)


def test_an_epoch_shows_every_image_once(split):
    mix = mixture(split)
    steps = IMAGES // 8
    for epoch in range(3):
        every = [batch for s in range(epoch * steps, (epoch + 1) * steps) for batch in mix[s].batches]
        seen = [image_of(batch).latents[:, 0, 0, 0] for batch in every]
        assert sorted(torch.cat(seen).tolist()) == list(range(IMAGES))


@pytest.mark.parametrize("fraction", [0.0, 0.3333, 0.5, 0.6667, 1.0])
def test_the_ratio_is_exact(split, fraction):
    """Never more than one pair off what the fraction of all pairs so far would be; the batch stays full."""
    mix = mixture(split, fraction=fraction, batch_size=7)
    generated = 0
    for step in range(len(mix)):
        counts = [0 if (batch := batch_of(mix[step], task)) is None else len(batch) for task in ("t2i", "i2t")]
        assert sum(counts) == 7
        generated += counts[0]
        assert abs(generated - 7 * (step + 1) * fraction) < 1


class Everything:
    """A task that uses every random number of its pairs."""

    def segments(self, pairs):
        noisy = ImageSegment(pairs.latents, pairs.noise, torch.stack([pairs.sigma, pairs.uniform, pairs.dropout], 1))
        return noisy, TextSegment(pairs.ids, pairs.lengths)


def rows_of(step: Step) -> list[tuple[str, list]]:
    """Task and content of every pair of a step, in their order."""
    return [
        (batch.task, [values.tolist() for values in (*image_row, ids[:length])])
        for batch in step.batches
        for *image_row, ids, length in zip(*image_of(batch)[:3], *text_of(batch)[:2], strict=True)
    ]


def shared_out(split: EncodedSplit, shares: list[int], size: int) -> Mixture:
    tasks = dict(zip("abc", shares, strict=False))
    return Mixture(split, TrainConfig(batch_size=size, tasks=tasks), 0, EMPTY, dict.fromkeys(tasks, Everything()))


some_shares = st.sampled_from([2, 3]).flatmap(
    lambda tasks: st.lists(st.one_of(st.integers(0, 4), st.sampled_from([3333, 6667])), min_size=tasks, max_size=tasks)
).filter(any)  # fmt: skip


@given(some_shares, st.integers(1, 9))
def test_any_number_of_tasks_get_their_shares(split, shares, size):
    """Rows are never negative, fill the batch, are at most a pair a task off, and exact after a period of the shares.

    Of numbers alone, so that a period of 10,000 steps is no matter."""
    mix, total = shared_out(split, shares, size), sum(shares)
    for step in {*range(20), *range(total - 2, total + 1), 12_345_678}:
        before, after = (np.array(mix._rows_until(at * size)) for at in (step, step + 1))
        rows = after - before
        assert (rows >= 0).all() and rows.sum() == size
        assert (np.abs(before - step * size * np.array(shares) / total) < len(shares) - 0.9).all()
        assert all(row == 0 for row, share in zip(rows, shares, strict=True) if share == 0)
        if step % total == 0:
            assert before.tolist() == [step // total * size * share for share in shares]
    for step in range(3):
        rows = np.array(mix._rows_until((step + 1) * size)) - mix._rows_until(step * size)
        assert [(batch.task, len(batch)) for batch in mix[step].batches] == [
            (task, row) for task, row in zip("abc", rows, strict=False) if row
        ]


@given(some_shares, some_shares, st.integers(1, 9))
def test_runs_of_other_shares_have_all_pairs_in_common(split, one, other, size):
    """Each pair is the same, noise and caption included, in whichever task it is."""
    for step in (0, 1, 2, 500):
        left, right = (rows_of(shared_out(split, shares, size)[step]) for shares in (one, other))
        assert [row for _, row in left] == [row for _, row in right] and len(left) == size


def test_runs_of_other_shares_have_the_overlap_of_each_task_in_common(split):
    few, many = mixture(split, fraction=0.25, i2t_noise=0.5), mixture(split, fraction=0.75, i2t_noise=0.5)
    for step in range(10):
        first, last = rows_of(few[step]), rows_of(many[step])
        common = [(one, two) for one, two in zip(first, last, strict=True) if one[0] == two[0]]
        assert len(common) == 4 and all(one == two for one, two in common)  # 2 + 6 and 6 + 2 rows
    assert {task for one, two in common for task, _ in (one, two)} == {"t2i", "i2t"}


@pytest.mark.parametrize(("size", "cap"), [(7, 0.0), (48, 0.5)])
def test_two_thirds_are_the_batches_that_they_always_were(split, size, cap):
    """Written out as format 1 had it, with a floating-point fraction."""
    fraction, drop = 0.6667, 0.1
    mix = mixture(split, 3, fraction, batch_size=size, i2t_noise=cap, caption_dropout=drop)

    def until(step):
        return math.floor(step * size * fraction + 1e-6)

    for step in (*range(12), 9_999, 10_000, 99_999):
        random = torch.Generator().manual_seed(_step_seed(3, step))
        places = [divmod(place, IMAGES) for place in range(step * size, (step + 1) * size)]
        numbers = [_order(3, epoch, IMAGES)[place] for epoch, place in places]
        latents = torch.tensor(split.latents[numbers])
        noise = torch.randn(latents.shape, generator=random)
        sigma = training_sigmas("logit_normal", size, random)
        uniform, choice, dropped = (torch.rand(size, generator=random) for _ in range(3))
        chosen = [int(c * (split.lengths[n] > 0).sum()) for n, c in zip(numbers, choice.numpy(), strict=True)]
        captions = [split.tokens[n, c, : split.lengths[n, c]].tolist() for n, c in zip(numbers, chosen, strict=True)]
        emptied = [EMPTY if d < drop else caption for d, caption in zip(dropped, captions, strict=True)]
        t2i = until(step + 1) - until(step)
        for task, rows, level, said in (
            ("t2i", slice(t2i), sigma, emptied),
            ("i2t", slice(t2i, None), uniform * cap, captions),
        ):
            found, words = image(mix[step], task), text(mix[step], task)
            assert torch.equal(found.latents, latents[rows]) and torch.equal(found.noise, noise[rows])
            assert torch.equal(found.sigma, level[rows])
            assert [ids[:n].tolist() for ids, n in zip(words.ids, words.lengths, strict=True)] == said[rows]


@pytest.mark.parametrize("size", [1, 6, 8, 48, 96])
def test_two_thirds_are_counted_as_they_always_were(split, size):
    mix, steps = mixture(split, batch_size=size), np.unique(np.geomspace(1, 200_000, 20_000).astype(int))
    for step in steps.tolist():
        assert mix._rows_until(step * size)[0] == math.floor(step * size * 0.6667 + 1e-6)


def test_noise_cap(split):
    """Images that condition have noise up to the cap, the same numbers scaled; images to generate do not notice."""
    clean, half, full = (mixture(split, i2t_noise=cap) for cap in (0.0, 0.5, 1.0))
    everything = torch.cat([image(full[s], "i2t").sigma for s in range(len(full))])
    assert everything.max() > 0.9 and everything.min() < 0.1
    for step in range(len(full)):
        assert (image(clean[step], "i2t").sigma == 0).all()
        torch.testing.assert_close(image(half[step], "i2t").sigma, 0.5 * image(full[step], "i2t").sigma)
        assert torch.equal(image(clean[step], "t2i").sigma, image(full[step], "t2i").sigma)
        assert torch.equal(image(clean[step], "t2i").noise, image(full[step], "t2i").noise)


def test_captions_are_the_images_own_and_no_longer_than_need_be(split):
    for batch in batches_of(mixture(split, caption_dropout=0.0)):
        assert text_of(batch).ids.shape[1] == text_of(batch).lengths.max()  # padding is trimmed
        for latents, ids, length in zip(image_of(batch).latents, *text_of(batch)[:2], strict=True):
            number, caption = divmod(int(ids[0]) - 100, 10)
            assert number == int(latents[0, 0, 0])
            assert int(length) == split.lengths[number, caption] > 0
            assert (ids[:length] == ids[0]).all() and (ids[length:] == 0).all()


def test_caption_dropout_empties_prompts_only(split):
    mix = mixture(split, caption_dropout=0.3, steps=200)
    lengths = torch.cat([text(mix[s], "t2i").lengths for s in range(len(mix))])
    assert abs((lengths == len(EMPTY)).float().mean().item() - 0.3) < 0.05
    assert all((text(mix[s], "i2t").lengths > len(EMPTY)).all() for s in range(len(mix)))


def test_the_loader_starts_where_training_stands(split):
    mix = mixture(split)
    resumed = list(step_loader(mix, lambda: 27, workers=0))
    assert len(resumed) == 3
    assert torch.equal(image(resumed[0], "t2i").noise, image(mix[27], "t2i").noise)


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.6667, 1.0])
def test_ranks_share_a_step(split, ranks, fraction):
    """All rows are dealt once, evenly, and in their order. (What a rank's means weigh: `test_data_parallel.py`.)"""
    mix = mixture(split, fraction=fraction)
    for step in (mix[place] for place in range(5)):
        parts = [step.share(rank, ranks) for rank in range(ranks)]
        whole = rows_of(step)
        assert [rows_of(part) for part in parts] == [whole[rank::ranks] for rank in range(ranks)]
        for batch in (batch for part in parts for batch in part.batches):
            assert text_of(batch).ids.shape[1] == text_of(batch).lengths.max()

"""Which samples, noise and captions a training step sees: a pure function of seed and step.

All architectures draw the same; so do runs that differ only in the noise cap or in the ratio of the tasks, as far as
the tasks overlap. A run that was interrupted therefore continues as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from bench.config.schema import TrainConfig
from bench.data.encoded import EncodedSplit
from bench.models.diffusion import training_sigmas


class Pairs(NamedTuple):
    """Image-caption pairs of one task. The tokens of a caption stand between a beginning and an end."""

    latents: Tensor  # (B, C, h, w)
    noise: Tensor  # (B, C, h, w)
    sigma: Tensor  # (B,) noise level of the image, 0 to 1
    ids: Tensor  # (B, n) right-padded
    lengths: Tensor  # (B,)


class Shares(NamedTuple):
    """What a mean over one rank's part of a step weighs, so that the average over ranks is the mean over the step."""

    tokens: float = 1.0  # a mean over scored caption tokens
    drawn: float = 1.0  # over images to be drawn
    images: float = 1.0  # over all images


class Step(NamedTuple):
    """One training step: text-to-image and image-to-text pairs, either of which may be missing."""

    t2i: Pairs | None
    i2t: Pairs | None
    shares: Shares = Shares()

    def share(self, rank: int, ranks: int) -> Step:
        """The part of one of several processes: the step's pairs, drawn ones first, are dealt out like cards."""
        if ranks == 1:
            return self
        drawn, _ = self._rows()
        part = Step(_dealt(self.t2i, rank, ranks), _dealt(self.i2t, (rank - drawn) % ranks, ranks))
        counts = zip(part._counts(), self._counts(), strict=True)
        return part._replace(shares=Shares(*(ranks * own / every if every else 1.0 for own, every in counts)))

    def _rows(self) -> tuple[int, int]:
        """Pairs of each task."""
        t2i, i2t = (0 if pairs is None else len(pairs.lengths) for pairs in (self.t2i, self.i2t))
        return t2i, i2t

    def _counts(self) -> tuple[int, int, int]:
        """What each of the ``Shares`` counts; the first token of a caption is given, not scored."""
        drawn, described = self._rows()
        tokens = 0 if self.i2t is None else int(self.i2t.lengths.sum()) - described
        return tokens, drawn, drawn + described


class Mixture(Dataset):
    """``mixture[step]`` is the batch of that step.

    The split is walked in a new order each epoch. Of each step's pairs the first ones are text-to-image; their number
    follows ``t2i_fraction`` exactly in the long run.
    """

    def __init__(self, split: EncodedSplit, train: TrainConfig, seed: int, empty_caption: list[int]) -> None:
        self.split, self.train, self.seed = split, train, seed
        self.empty_caption = torch.tensor(empty_caption)

    def __len__(self) -> int:
        return self.train.steps

    def __getitem__(self, step: int) -> Step:
        size, train = self.train.batch_size, self.train
        random = torch.Generator().manual_seed(_draw_seed(self.seed, step))
        indices = self._indices(step)
        latents = torch.from_numpy(np.array(self.split.latents[indices]))  # B C h w
        noise = torch.randn(latents.shape, generator=random)  # B C h w
        sigma = training_sigmas(train.timestep_distribution, size, random)  # B
        cap_share = torch.rand(size, generator=random)  # B
        choice = torch.rand(size, generator=random)  # B, which caption of each image
        dropped = torch.rand(size, generator=random) < train.caption_dropout  # B
        ids, lengths = self._captions(indices, choice)

        t2i = self._t2i_until(step + 1) - self._t2i_until(step)
        null_ids, null_lengths = self._dropped(ids, lengths, dropped)
        drawn = Pairs(latents[:t2i], noise[:t2i], sigma[:t2i], null_ids[:t2i], null_lengths[:t2i])
        described = Pairs(latents[t2i:], noise[t2i:], (cap_share * train.i2t_noise)[t2i:], ids[t2i:], lengths[t2i:])
        return Step(_trimmed(drawn) if t2i else None, _trimmed(described) if t2i < size else None)

    def _t2i_until(self, step: int) -> int:
        return math.floor(step * self.train.batch_size * self.train.t2i_fraction + 1e-6)

    def _indices(self, step: int) -> np.ndarray:
        places = np.arange(step * self.train.batch_size, (step + 1) * self.train.batch_size)
        epochs, offsets = np.divmod(places, len(self.split))
        return np.array([_order(self.seed, int(e), len(self.split))[o] for e, o in zip(epochs, offsets, strict=True)])

    def _captions(self, indices: np.ndarray, choice: Tensor) -> tuple[Tensor, Tensor]:
        available = (self.split.lengths[indices] > 0).sum(1)  # B
        chosen = (choice.numpy() * available).astype(int)  # B
        ids = torch.from_numpy(self.split.tokens[indices, chosen].astype(np.int64))  # B L
        return ids, torch.from_numpy(self.split.lengths[indices, chosen].astype(np.int64))

    def _dropped(self, ids: Tensor, lengths: Tensor, dropped: Tensor) -> tuple[Tensor, Tensor]:
        """Captions emptied for classifier-free guidance."""
        empty = torch.zeros_like(ids[0])
        empty[: len(self.empty_caption)] = self.empty_caption
        return torch.where(dropped[:, None], empty, ids), torch.where(dropped, len(self.empty_caption), lengths)


class _StepsFrom(Sampler):
    """Steps from wherever training stands when it (re)starts; as long as the whole run, so that loops end as one."""

    def __init__(self, steps: int, start: Callable[[], int]) -> None:
        self.steps, self.start = steps, start

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start(), self.steps))


def step_loader(mixture: Mixture, start: Callable[[], int], workers: int) -> DataLoader:
    """One batch per step, from the step that ``start()`` gives when iteration begins."""
    return DataLoader(mixture, batch_size=None, sampler=_StepsFrom(len(mixture), start), num_workers=workers)


def _dealt(pairs: Pairs | None, first: int, ranks: int) -> Pairs | None:
    """Each ``ranks``-th pair from ``first`` on, None where there is none."""
    if pairs is None or first >= len(pairs.lengths):
        return None
    return _trimmed(Pairs(*(field[first::ranks] for field in pairs)))


def _trimmed(pairs: Pairs) -> Pairs:
    return pairs._replace(ids=pairs.ids[:, : int(pairs.lengths.max())])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(size)


def _draw_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))

"""Checks of FID and KID: known answers, and distances of real images from real images, by independent arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor

from bench.data.captioned_images import CaptionedImages
from bench.evaluation.metrics.fid import CANNOT_RANK, fid, kid
from bench.evaluation.selftest.checks import Check, Scores, at_most, equals
from bench.models.feature_net import FeatureNet

BATCH = 256
SPLITS = 20  # random halves of one set, for the distance by chance
DEVIATIONS = 5  # beyond which a distance is no chance
SHIFT, DIMENSIONS, DRAWS, POINTS = 0.5, 8, 400, 16  # of the Gaussians with a known KID


@dataclass(frozen=True)
class Features:
    """Features of real images: those taken for generated ones, and those they are compared with."""

    asked: np.ndarray  # (n, d)
    others: np.ndarray  # (m, d)

    @classmethod
    def of(cls, split: CaptionedImages, net: FeatureNet, asked: int) -> Features:
        """Features of the whole split, resized by Pillow and scaled here, independently of the harness."""
        rows, device = torch.arange(len(split)).split(BATCH), net.squeeze.weight.device
        with torch.inference_mode():
            found = [net.embed(_pixels(split.images(part.tolist()), net.image_size).to(device)) for part in rows]
        features = torch.cat(found).flatten(1).double().cpu().numpy()
        return cls(features[:asked], features[asked:])

    @property
    def all(self) -> np.ndarray:
        """Features of all images, (n + m, d)."""
        return np.concatenate([self.asked, self.others])


def checks(clean: Scores, features: Features, seed: int) -> list[Check]:
    """Checks of FID and KID. `clean` was measured on the images of `features.asked`."""
    rng = np.random.default_rng(seed)
    one, two = features.asked, features.others
    of_fid, of_kid = clean["fid"].value, clean["kid"].value
    scale, expected = float(two.var(0).sum()), frechet(one, two)
    return [
        equals("fid", "by eigenvalues, own resizing", of_fid, expected, 1e-3 * expected + 1e-5 * scale),
        equals("kid", "written out, own resizing", of_kid, kernel_distance(one, two[: len(one)]), 1e-4),
        at_most("fid", "real from real: as random halves", of_fid, _chance(frechet, one, two, rng)),
        at_most("kid", "real from real: as random halves", of_kid, _chance(kernel_distance, one, two[: len(one)], rng)),
        at_most("fid", "a set from itself", abs(fid(one, one, None).value), 1e-4 * scale),
        equals("kid", "a set from itself: below 0", kid(one, one, None).value, kernel_distance(one, one), 1e-4),
        _gaussians(rng),
        _unbiased(rng),
        _rank_bound(rng, one.shape[1]),
    ]


def frechet(one: np.ndarray, two: np.ndarray) -> float:
    """Frechet distance by symmetric eigenvalues: tr (A B)^1/2 = tr (A^1/2 B A^1/2)^1/2."""
    a, b = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    return float(((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * cross)


def kernel_distance(one: np.ndarray, two: np.ndarray) -> float:
    """MMD^2 with the kernel (x.y / d + 1)^3, unbiased: no point is paired with itself."""

    def within(x: np.ndarray) -> float:
        kernel = (x @ x.T / x.shape[1] + 1) ** 3
        return (kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1))

    return float(within(one) + within(two) - 2 * ((one @ two.T / one.shape[1] + 1) ** 3).mean())


def _chance(distance, one: np.ndarray, two: np.ndarray, rng: np.random.Generator) -> float:
    """Largest distance by chance between two sets of these sizes, split at random from both together."""
    together = np.concatenate([one, two])
    found = []
    for _ in range(SPLITS):
        order = rng.permutation(len(together))
        found.append(distance(together[order[: len(one)]], together[order[len(one) :]]))
    return float(np.mean(found) + DEVIATIONS * np.std(found, ddof=1))


def _gaussians(rng: np.random.Generator) -> Check:
    """FID of Gaussians whose covariances commute: the trace of their root is a sum over axes."""
    deviations = np.linspace(0.5, 2, DIMENSIONS)
    rotation = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    shift = np.arange(DIMENSIONS) / 4
    one = _points(rng, deviations) @ rotation.T
    two = _points(rng, deviations[::-1]) @ rotation.T + shift
    expected = (shift**2).sum() + ((deviations - deviations[::-1]) ** 2).sum()
    return equals("fid", "two Gaussians, closed form", fid(one, two, None).value, expected, 1e-6 * expected)


def _points(rng: np.random.Generator, deviations: np.ndarray) -> np.ndarray:
    """Points whose sample mean is 0 and whose sample covariance is diagonal with these deviations."""
    points = rng.normal(size=(4 * len(deviations), len(deviations)))
    points -= points.mean(0)
    points = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points, rowvar=False))).T
    return points * deviations


def _unbiased(rng: np.random.Generator) -> Check:
    """KID of N(0, I) and N(a, I): its mean over small samples is the kernel distance of the distributions.

    With A = |a|^2 that is (A^3 + 6 A^2 + 6 A) / d^3 + (3 A^2 + 3 A) / d^2 + 3 A / d: x.y of two independent points has
    the moments 0, d, 0 in the first, A, A^2 + 2 A + d, A^3 + 6 A^2 + 3 A d + 6 A in the second, and 0, d + A, 0 across.
    """
    d, shift = DIMENSIONS, SHIFT * np.ones(DIMENSIONS)
    a = float((shift**2).sum())
    expected = (a**3 + 6 * a**2 + 6 * a) / d**3 + (3 * a**2 + 3 * a) / d**2 + 3 * a / d
    draws = [
        kid(rng.normal(size=(POINTS, d)) + shift, rng.normal(size=(POINTS, d)), None).value
        for _ in range(DRAWS)
    ]
    error = float(np.std(draws, ddof=1)) / DRAWS**0.5
    name = f"N = {POINTS}, mean of {DRAWS}: closed form"
    return equals("kid", name, float(np.mean(draws)), expected, DEVIATIONS * error)


def _rank_bound(rng: np.random.Generator, d: int) -> Check:
    """FID's note that it does not rank: there below 2d images, and gone from 2d on."""
    enough = rng.normal(size=(2 * d, d))
    notes = [fid(one, enough, None).note or "" for one in (enough[:-1], enough)]
    passed = [CANNOT_RANK in note for note in notes] == [True, False]
    return Check("fid", "refuses to rank below N = 2d", (float(2 * d),), f"refused at N < {2 * d}", passed)


def _pixels(images: np.ndarray, size: int) -> Tensor:
    """uint8 (n, H, W, 3) to (n, 3, size, size) in [-1, 1], an image and a channel at a time."""
    if images.shape[1:3] == (size, size):
        levels = images.astype(np.float32).transpose(0, 3, 1, 2)
    else:
        resized = [[_resized(image[..., channel], size) for channel in range(3)] for image in images]
        levels = np.array(resized, dtype=np.float32)
    return torch.from_numpy(levels * (2 / 255) - 1)


def _resized(channel: np.ndarray, size: int) -> np.ndarray:
    """One channel resized as clean-fid does: antialiased and not rounded."""
    image = PILImage.fromarray(channel.astype(np.float32))
    return np.asarray(image.resize((size, size), PILImage.Resampling.BILINEAR))

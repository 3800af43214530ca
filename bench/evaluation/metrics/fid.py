"""FID and KID between two sets of features, by clean-fid's own functions.

Features are extracted elsewhere, so clean-fid's defaults (CUDA, 12 workers, a download, a resize to 299 pixels, files
in site-packages) never come into play.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

import numpy as np

from bench.evaluation.metrics.base import IMAGE, Images, Metric, MetricFile, Score
from bench.system.errors import UserError

SUBSETS, SUBSET = 100, 1000  # clean-fid's own numbers for KID
CANNOT_RANK = "N < 2d: biased, does not rank"
FID = Metric(
    "fid", "FID", "lower", "squared distance of features",
    "how far the features of generated images lie from those of real ones, as two Gaussians", headline=True,
)  # fmt: skip
KID = Metric(
    "kid", "KID", "lower", "MMD^2, cubic kernel", "the same distance without Gaussians, and unbiased on few images",
    headline=True,
)  # fmt: skip


def fid(features: np.ndarray, reference_features: np.ndarray, weights_label: str | None) -> Score:
    """Return the Frechet distance of two feature sets, (n, d) and (m, d) floats.

    Its bias grows as n shrinks and depends on the model, so with n or m below 2d a worse model can win: the note says
    so. Raises UserError for sets that cannot be compared.
    """
    features, reference_features = _checked(features, reference_features)
    smallest = min(len(features), len(reference_features))
    notes = [CANNOT_RANK] if smallest < 2 * features.shape[1] else []
    with _quiet() as said:
        value = _frechet(features, reference_features)
    if "singular" in said.getvalue():
        notes.append("singular covariance: 1e-6 added to its diagonal")
    return FID.score(float(value), len(features), weights_label, note="; ".join(notes) or None)


def kid(features: np.ndarray, reference_features: np.ndarray, weights_label: str | None, seed: int = 0) -> Score:
    """Return the kernel distance (cubic MMD^2, unbiased) of two feature sets, (n, d) and (m, d) floats.

    Mean over clean-fid's 100 random subsets of at most 1000, drawn from NumPy's global generator, which is seeded here
    and given back as it was. Around 0 for a perfect model, and below it by chance. Raises UserError as `fid` does.
    """
    from cleanfid.fid import kernel_distance  # brings torch

    features, reference_features = _checked(features, reference_features)
    every_subset_is_the_set = len(features) == len(reference_features) <= SUBSET
    state = np.random.get_state()
    try:
        np.random.seed(seed)
        value = kernel_distance(reference_features, features, 1 if every_subset_is_the_set else SUBSETS, SUBSET)
    finally:
        np.random.set_state(state)
    return KID.score(value, len(features), weights_label)


def _checked(features: np.ndarray, reference_features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64 (float32 loses a small KID to cancellation), or say what is wrong with them."""
    for name, array in (("generated", features), ("reference", reference_features)):
        if np.ndim(array) != 2:
            raise UserError(f"{name} features have shape {np.shape(array)}; (images, dimensions) is needed")
        if len(array) < 2:
            raise UserError(f"the {name} set has {len(array)} image(s); FID and KID need at least 2")
        if not np.isfinite(array).all():
            raise UserError(f"{name} features hold a value that is not finite; check the feature net's weights")
    if features.shape[1] != reference_features.shape[1]:
        raise UserError(
            f"generated features have {features.shape[1]} dimensions, reference features {reference_features.shape[1]};"
            " extract both with one feature net"
        )
    return np.asarray(features, np.float64), np.asarray(reference_features, np.float64)


def _frechet(one: np.ndarray, two: np.ndarray) -> float:
    from cleanfid.fid import fid_from_feats  # brings torch

    try:
        return fid_from_feats(one, two)
    except ValueError:
        # A singular product's root gets an imaginary part by rounding, and clean-fid's bound on it is absolute:
        # features of unit size pass, and FID grows with the square of the features.
        size = np.sqrt(one.var(0).sum() + two.var(0).sum())
        return size**2 * fid_from_feats(one / size, two / size)


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Catch what clean-fid prints, and SciPy's warnings: of singular matrices, of an argument that clean-fid passes."""
    with contextlib.redirect_stdout(io.StringIO()) as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield said


class Distances(MetricFile):
    """FID and KID: distances of generated images from real ones of the split that were not asked for."""

    of = IMAGE
    place = 10
    metrics = (FID, KID)

    def measure(self, subject: Images) -> dict[str, Score]:
        from bench.evaluation.scorers import feature_net, reference_features, weights_label

        label = weights_label(subject.config.eval.features, "features")
        features = feature_net(subject.assets, subject.config).features(subject.images)
        reference = reference_features(subject.assets, subject.config, len(subject.images), subject.task)
        # between sets of one size KID needs no subsets
        return {"fid": fid(features, reference, label), "kid": kid(features, reference[: len(features)], label)}

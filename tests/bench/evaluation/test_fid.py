"""FID and KID: known answers, clean-fid's own call on a folder of pictures, and what must be refused."""

from __future__ import annotations

import socket
import warnings

import numpy as np
import pytest
import torch
from cleanfid.fid import compute_fid, get_folder_features, kernel_distance
from PIL import Image

from bench.evaluation.metrics.fid import CANNOT_RANK, fid, kid
from bench.system.errors import UserError


def gaussian(n: int, mean: np.ndarray, covariance: np.ndarray, seed: int) -> np.ndarray:
    """(n, d) points whose sample mean and covariance are exactly the given ones."""
    points = np.random.default_rng(seed).normal(size=(n, len(mean)))
    points -= points.mean(0)
    points = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points, rowvar=False))).T
    return points @ np.linalg.cholesky(covariance).T + mean


@pytest.mark.parametrize("n", [200, 12])  # with fewer points than dimensions the covariance is singular
def test_a_set_is_at_distance_zero_from_itself(n):
    features = np.random.default_rng(0).normal(size=(n, 24)).astype(np.float32)
    assert fid(features, features, None).value == pytest.approx(0, abs=1e-4)
    assert kid(features, features, None).value < 0.01


def test_two_gaussians_have_the_closed_form():
    d = 8
    scales = np.linspace(0.5, 2, d)
    # covariances that commute: tr((S1 S2)^1/2) is the sum of the products of their axes' standard deviations
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(d, d)))[0]
    one, two = rotation @ np.diag(scales**2) @ rotation.T, rotation @ np.diag(scales[::-1] ** 2) @ rotation.T
    shift = np.arange(d) / 4
    expected = (shift**2).sum() + ((scales - scales[::-1]) ** 2).sum()
    score = fid(gaussian(400, np.zeros(d), one, 0), gaussian(300, shift, two, 1), "embedded:features:0")
    assert score.value == pytest.approx(expected, rel=1e-9)
    assert (score.n, score.direction, score.weights, score.note) == (400, "lower", "embedded:features:0", None)


def test_too_few_images_are_measured_and_marked():
    rng = np.random.default_rng(0)
    many, few = rng.normal(size=(100, 16)), rng.normal(size=(31, 16))
    assert CANNOT_RANK in fid(few, many, None).note
    assert CANNOT_RANK in fid(many, few, None).note
    assert fid(many, rng.normal(size=(32, 16)), None).note is None


@pytest.mark.parametrize("size", [1e-3, 1, 1e5])
def test_collapsed_models_have_a_distance_too(size):
    """Few different pictures give singular covariances, where clean-fid itself may give up."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(200, 16)) * np.logspace(-3, 2, 16) * size
    for distinct in (1, 2, 3):
        features = rng.normal(size=(distinct, 16))[rng.integers(0, distinct, 150)] * 100 * size
        one, two = np.cov(features, rowvar=False), np.cov(reference, rowvar=False)
        cross = np.sqrt(np.linalg.eigvals(one @ two).real.clip(0)).sum()
        gap = ((features.mean(0) - reference.mean(0)) ** 2).sum()
        expected = gap + np.trace(one) + np.trace(two) - 2 * cross
        assert fid(features, reference, None).value == pytest.approx(expected, rel=1e-4)


def folder(path, seed: int, n: int = 40) -> np.ndarray:
    path.mkdir()
    images = np.random.default_rng(seed).integers(0, 256 - 60 * seed, (n, 32, 32, 3), dtype=np.uint8)
    for i, image in enumerate(images):
        Image.fromarray(image).save(path / f"{i:03d}.png")
    return images


def test_equal_to_clean_fid_on_folders_of_pictures(tmp_path):
    one, two = folder(tmp_path / "one", 0), folder(tmp_path / "two", 1)
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.AvgPool2d(8), torch.nn.Flatten(), torch.nn.Linear(48, 12), torch.nn.Tanh()
    ).eval()

    def extract(images: torch.Tensor) -> torch.Tensor:
        return net(images.float() / 255 - 0.5)

    settings = {"num_workers": 0, "device": torch.device("cpu"), "custom_fn_resize": lambda x: x, "verbose": False}
    folders = [str(tmp_path / name) for name in ("one", "two")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = compute_fid(*folders, custom_feat_extractor=extract, use_dataparallel=False, **settings)
    ours = [extract(torch.from_numpy(images).permute(0, 3, 1, 2)).detach().numpy() for images in (one, two)]
    assert fid(*ours, None).value == pytest.approx(theirs, rel=1e-6)

    generated, reference = (get_folder_features(f, extract, **settings).astype(np.float64) for f in folders)
    for n in (40, 25):  # as many as the reference, where one subset says all, and fewer
        np.random.seed(0)
        theirs = kernel_distance(reference, generated[:n])
        assert kid(ours[0][:n], ours[1], None).value == pytest.approx(theirs, rel=1e-6)


def test_silent_offline_and_repeatable(capsys, monkeypatch, recwarn):
    def refuse(*_args):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(90, 4)), rng.normal(size=(80, 4)) * 1.1
    np.random.seed(7)
    state = np.random.get_state()
    scores = [kid(one, two, None).value for _ in range(2)]
    assert scores[0] == scores[1] != kid(one, two, None, seed=1).value
    assert all(np.array_equal(a, b) for a, b in zip(state, np.random.get_state(), strict=True))
    fid(np.zeros((10, 4)), one, None)  # a collapsed model's covariance is all zero
    assert capsys.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.parametrize("measure", [fid, kid])
@pytest.mark.parametrize(
    ("features", "says"),
    [
        (np.zeros((0, 4)), "0 image"),
        (np.zeros((1, 4)), "1 image"),
        (np.zeros((9, 5)), "5 dimensions"),
        (np.zeros(9), "shape"),
        (np.full((9, 4), np.nan), "not finite"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(measure, features, says):
    with pytest.raises(UserError, match=says):
        measure(features, np.random.default_rng(0).normal(size=(50, 4)), None)

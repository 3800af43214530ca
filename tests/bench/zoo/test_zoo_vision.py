"""The committed feature net and autoencoder: what is pinned is good enough to measure with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from bench.config.part_files import WEIGHTS
from bench.models.codec import decode_latents, encode_images
from bench.models.feature_net import FeatureNet, to_pixels
from bench.models.pretrained import load_features, load_vae
from bench.scenes import Object, Scene, all_right, render_batch, sample_scenes
from bench.zoo import train_features, train_vae
from bench.zoo.images import check_scenes

N = 256  # scenes of each kind
N_DECODED = 128


def slack(bound: float, n: int) -> float:
    """Three standard errors of a fraction near `bound`, measured on `n` scenes."""
    return 3 * (bound * (1 - bound) / n) ** 0.5


@pytest.fixture(scope="module")
def net() -> FeatureNet:
    return load_features("embedded")


@pytest.fixture(scope="module")
def vae():
    return load_vae("embedded")


def test_feature_net_reads_every_attribute(net):
    measured = train_features.measure(net, N)
    for name, bound in train_features.BOUNDS.items():
        assert measured[name] >= bound - slack(bound, N), name


def test_reconstructions_stay_readable(vae, net):
    measured = train_vae.measure(vae, net, N_DECODED)
    for name, bound in train_vae.BOUNDS.items():
        assert measured[name] >= bound - slack(bound, N_DECODED), name
    for objects in (1, 2):
        assert abs(measured[f"latent_mean_{objects}"]) < 0.1
        assert abs(measured[f"latent_std_{objects}"] - 1) < 0.15  # the scale is that of a mix of both kinds
        assert measured[f"noisy_all_right_{objects}"] > 0.9  # the latent space is smooth


@pytest.mark.slow
@pytest.mark.parametrize("part", [train_features, train_vae])
def test_bounds_on_all_check_scenes(part):
    measured = part.check()
    assert {name: measured[name] for name, bound in part.BOUNDS.items() if measured[name] < bound} == {}


def test_reading_says_what_is_not_there(net):
    scenes = [Scene((), background) for background in ("black", "white", "gray", "brown")]
    assert net.read(render_batch(scenes)) == scenes
    swapped = Scene((Object("red", "ring", "large", "top left"), Object("green", "star", "small", "top right")), "gray")
    other = Scene((Object("green", "star", "small", "top left"), Object("red", "ring", "large", "top right")), "gray")
    read = net.read(render_batch([swapped]))[0]
    assert all_right(read, swapped) and not all_right(read, other)


def test_features_tell_pictures_apart(net):
    scenes = sample_scenes("zoo", 64, 1, seed=11)
    features = net.features(render_batch(scenes))
    assert features.shape == (64, 64) and features.dtype == np.float32
    assert np.array_equal(features, net.features(render_batch(scenes)))
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    assert distance[~np.eye(64, dtype=bool)].min() > 1e-3
    assert net.features(np.empty((0, 32, 32, 3), np.uint8)).shape == (0, 64)


def test_larger_pictures_are_shrunk_without_aliasing(net):
    scenes, images = check_scenes(2, 32)
    large = render_batch(scenes, 96)
    box = np.stack([np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)) for image in large])
    ours = ((to_pixels(large, 32) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    assert np.abs(ours - box).max() < 1.5
    assert np.mean([all_right(a, b) for a, b in zip(net.read(large), scenes, strict=True)]) > 0.9


def test_feature_net_survives_saving(net, tmp_path):
    _, images = check_scenes(1, 8)
    net.save_pretrained(tmp_path)
    assert np.array_equal(FeatureNet.from_pretrained(tmp_path).features(images), net.features(images))


def test_autoencoder_has_the_promised_shape(vae):
    _, images = check_scenes(1, 4)
    latents = encode_images(vae, images)
    assert latents.shape == (4, 8, 4, 4) and latents.dtype == torch.float32
    assert torch.allclose(latents[:1], encode_images(vae, images[:1]), atol=1e-4)  # rows do not see each other
    assert decode_latents(vae, latents).shape == (4, 32, 32, 3)


def test_sizes_on_disk():
    for kind, most in (("features", 1.0), ("vae", 3.0)):
        files = list((WEIGHTS / kind).iterdir())
        assert sum(path.stat().st_size for path in files) / 1e6 <= most
        assert {"README.md", "config.json"} <= {path.name for path in files}

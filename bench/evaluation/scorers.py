"""Networks that score, and features of real images; each made once for all evaluations on the same assets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from transformers import CLIPModel, CLIPProcessor

from bench.config.schema import Config
from bench.data.assets import Assets
from bench.models.feature_net import FeatureNet
from bench.models.pretrained import load_clip, load_features, weights_digest
from bench.tasks.base import Task

REFERENCE_BATCH = 1024


def feature_net(assets: Assets, config: Config) -> FeatureNet:
    """The feature net of FID, KID and image attributes, on the assets' device."""
    name = config.eval.features
    return assets.once(("features", name), lambda: load_features(name)).to(assets.device)


def image_text_model(assets: Assets, config: Config) -> tuple[CLIPModel, CLIPProcessor]:
    """The CLIP model, on the assets' device, and its processor."""
    clip, processor = assets.once(("clip", config.eval.clip), lambda: load_clip(config.eval.clip))
    return clip.to(assets.device), processor


def reference_features(assets: Assets, config: Config, asked: int, task: Task | None = None) -> np.ndarray:
    """Features of the split's images, as the task has them to be, beyond the ``asked`` first, or of all if those are
    fewer, (m, d)."""
    images, net = assets.images(config.eval.split), feature_net(assets, config)

    def make() -> np.ndarray:
        others = range(asked if len(images) >= 2 * asked else 0, len(images))
        chunks = [others[start : start + REFERENCE_BATCH] for start in range(0, len(others), REFERENCE_BATCH)]
        real = [task.true_images(images, chunk) if task else images.images(chunk) for chunk in chunks]
        return np.concatenate([net.features(chunk) for chunk in real])

    label = weights_label(config.eval.features, "features")
    return assets.once(("reference", task.key if task else None, config.eval.split, label, asked), make)


def weights_label(name: str, kind: str) -> str:
    """Label of the weights that measured: scores with different labels are never compared."""
    source = "embedded" if name == "embedded" else Path(name).name
    return f"{source}:{kind}:{weights_digest(name, kind)}"

"""Networks that score, and features of real images; each made once for all evaluations on the same assets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import CLIPModel, CLIPProcessor

from bench.config.schema import Config
from bench.data.assets import Assets
from bench.models.feature_net import FeatureNet
from bench.models.pretrained import load_clip, load_features, weights_digest

REFERENCE_BATCH = 1024


def feature_net(assets: Assets, config: Config) -> FeatureNet:
    """The feature net of FID, KID and image attributes, on the assets' device."""
    name = config.eval.features
    return assets.once(("features", name), lambda: load_features(name)).to(assets.device)


def image_text_model(assets: Assets, config: Config) -> tuple[CLIPModel, CLIPProcessor]:
    """The CLIP model, on the assets' device, and its processor."""
    clip, processor = assets.once(("clip", config.eval.clip), lambda: load_clip(config.eval.clip))
    return clip.to(assets.device), processor


def reference_features(assets: Assets, config: Config, asked: int) -> np.ndarray:
    """Features (m, d) of the split's images after the first ``asked``, or of all if fewer than that remain."""
    images, net = assets.images(config.eval.split), feature_net(assets, config)

    def make() -> np.ndarray:
        others = torch.arange(asked if len(images) >= 2 * asked else 0, len(images))
        chunks = [chunk.tolist() for chunk in others.split(REFERENCE_BATCH)]
        return np.concatenate([net.features(images.images(chunk)) for chunk in chunks])

    return assets.once(("reference", config.eval.split, weights_label(config.eval.features, "features"), asked), make)


def weights_label(name: str, kind: str) -> str:
    """Label of the weights that measured: scores with different labels are never compared."""
    source = "embedded" if name == "embedded" else Path(name).name
    return f"{source}:{kind}:{weights_digest(name, kind)}"

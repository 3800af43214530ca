"""Train and check the feature net. About 4 minutes on one core."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from bench.models.feature_net import FeatureNet, to_pixels
from bench.scenes import ATTRIBUTES, Scene, all_right, compare
from bench.scenes.scene import BACKGROUNDS, COLOURS, POSITIONS, SHAPES, SIZES
from bench.zoo.images import TRAIN_SEED, check_scenes, mixed_scenes

STEPS, BATCH, POOL, LR = 1200, 128, 49152, 2e-3
CHECKED = 4096  # scenes of each kind
BOUNDS = {f"{name}_{k}": 0.99 for k in (1, 2) for name in (*ATTRIBUTES, "all_right")}
ABSENT = -100  # the label that cross entropy ignores


def train(folder: Path) -> None:
    """Train from scratch, deterministically, and write the net with its model card into `folder`."""
    torch.manual_seed(TRAIN_SEED)
    scenes, images = mixed_scenes(POOL, TRAIN_SEED)
    labels = targets(scenes)
    net = FeatureNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), LR, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=STEPS, pct_start=0.1)
    for step in range(STEPS):
        rows = torch.randint(len(scenes), (BATCH,))
        pixels = _disturb(to_pixels(images[rows.numpy()], net.image_size))
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(pixels)
        loss = _loss(logits, {name: label[rows] for name, label in labels.items()})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"features: step {step + 1}/{STEPS}, loss {loss.item():.4f}", file=sys.stderr, flush=True)
    _standardise(net.eval(), images[:8192])
    net.save_pretrained(folder)
    (folder / "README.md").write_text(_card(measure(net)), encoding="utf-8")


@torch.no_grad()
def _standardise(net: FeatureNet, images: np.ndarray) -> None:
    """Scale the features to unit variance on average, and the heads inversely: the readings stay as they are.

    The cubic kernel of KID needs features of this size; FID is then of one order with other nets'.
    """
    scale = float(net.features(images).std(0).mean())
    for weights in net.squeeze.parameters():
        weights.div_(scale)
    for head in (net.quadrant_head, net.background_head):
        head.weight.mul_(scale)


def check() -> dict[str, float]:
    """Measure the committed net on fresh scenes; see `measure`."""
    from bench.models.pretrained import load_features

    return measure(load_features("embedded"))


def measure(net: FeatureNet, n: int = CHECKED) -> dict[str, float]:
    """The fraction of right values per attribute, and of scenes all right, for one and for two objects."""
    found: dict[str, float] = {}
    for objects in (1, 2):
        scenes, images = check_scenes(objects, n)
        found |= readable(net, scenes, images, objects)
    return found


def readable(net: FeatureNet, scenes: list[Scene], images: np.ndarray, objects: int) -> dict[str, float]:
    """Accuracy of the net on `images` of `scenes`, named `<attribute>_<objects>`."""
    pairs = list(zip(net.read(images), scenes, strict=True))
    scores = [compare(claim, scene) for claim, scene in pairs]
    found = {f"{name}_{objects}": float(np.mean([score[name] for score in scores])) for name in ATTRIBUTES}
    return found | {f"all_right_{objects}": float(np.mean([all_right(claim, scene) for claim, scene in pairs]))}


def targets(scenes: list[Scene]) -> dict[str, Tensor]:
    """Labels per quadrant (n, 4): presence in {0, 1}, others an index or ABSENT; and "background" (n,)."""
    labels = {name: torch.full((len(scenes), 4), ABSENT) for name in ("colour", "shape", "size")}
    presence = torch.zeros(len(scenes), 4)
    for i, scene in enumerate(scenes):
        for o in scene.objects:
            q = POSITIONS.index(o.position)
            presence[i, q] = 1
            labels["colour"][i, q] = COLOURS.index(o.colour)
            labels["shape"][i, q] = SHAPES.index(o.shape)
            labels["size"][i, q] = SIZES.index(o.size)
    background = torch.tensor([BACKGROUNDS.index(scene.background) for scene in scenes])
    return labels | {"presence": presence, "background": background}


def _disturb(pixels: Tensor) -> Tensor:
    """Slight blur for half of the batch, slight noise for all: generated images are never as clean as rendered ones."""
    half = len(pixels) // 2
    blurred = gaussian_blur(pixels[:half], [3, 3], [float(torch.empty(1).uniform_(0.2, 0.7))] * 2)
    level = torch.empty(len(pixels), 1, 1, 1).uniform_(0, 0.12)
    return torch.cat([blurred, pixels[half:]]) + level * torch.randn_like(pixels)


def _loss(logits: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(logits["presence"][..., 0].float(), labels["presence"])
    for name in ("colour", "shape", "size", "background"):
        loss = loss + F.cross_entropy(logits[name].float().flatten(0, -2), labels[name].flatten(), ignore_index=ABSENT)
    return loss


def _card(measured: dict[str, float]) -> str:
    rows = "\n".join(f"| {name} | {measured[f'{name}_1']:.4f} | {measured[f'{name}_2']:.4f} |"
                     for name in (*ATTRIBUTES, "all_right"))  # fmt: skip
    return f"""# Feature net

Reads the attributes of a rendered scene, and gives the 64 features that FID and KID compare. A convolutional net
on 32 x 32 images (others are resized, antialiased); its last map has one cell of 16 channels per quadrant, and
linear heads on it read presence, colour, shape and size of the object there, and the background.

Made by `python -m bench zoo build features`: {STEPS} steps of {BATCH} scenes drawn from all (colour, shape) pairs,
one and two objects, with slight blur and noise.

Measured on {CHECKED} fresh scenes of each kind: the fraction read right.

| | one object | two objects |
|---|---|---|
{rows}

It was trained on the synthetic scenes only: on other images its features and readings mean nothing.
"""

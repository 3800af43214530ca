"""Train and check the image autoencoder: 32 x 32 images to 4 x 4 x 8 latents. About half an hour on one core."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from bench.models.codec import decode_latents, encode_images
from bench.models.feature_net import FeatureNet, to_pixels
from bench.zoo.images import TRAIN_SEED, check_scenes, mixed_scenes
from bench.zoo.train_features import readable

CYCLES = ((3200, 2e-3), (1600, 1.2e-3))  # steps and highest learning rate of each rise and fall
BATCH, POOL = 32, 49152
DEVIATION = 0.1  # of the posterior, fixed: a learned one starts wide and shuts channels before they carry anything
KL_WEIGHT = 1e-4  # against squared error per value in [-1, 1]: bounds the latents, so that the noise makes them smooth
PERCEPTUAL_WEIGHT = 0.02
PERCEPTUAL_FROM = 1280  # steps: before that, squared error alone learns as fast and costs less
CHECKED = 2048  # scenes of each kind
BOUNDS = {f"all_right_{k}": 0.97 for k in (1, 2)}
CONFIG = {
    "block_out_channels": (16, 32, 64, 80),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "latent_channels": 8,
    "norm_num_groups": 4,
    "mid_block_add_attention": False,
    "sample_size": 32,
}


def train(folder: Path) -> None:
    """Train from scratch, deterministically; write float16 weights and a model card. Needs the feature net."""
    from bench.models.pretrained import load_features

    torch.manual_seed(TRAIN_SEED)
    judge = load_features("embedded").requires_grad_(False).to(memory_format=torch.channels_last)
    _, images = mixed_scenes(POOL, TRAIN_SEED)
    vae = AutoencoderKL(**CONFIG)
    for cycle in range(len(CYCLES)):
        _train_cycle(vae, judge, images, cycle)
    _fix_deviation(vae.eval())
    _standardise(vae, images[:8192])
    vae.half().save_pretrained(folder)
    measured = measure(AutoencoderKL.from_pretrained(folder).eval(), judge)
    (folder / "README.md").write_text(_card(measured), encoding="utf-8")


def _train_cycle(vae: AutoencoderKL, judge: FeatureNet, images: np.ndarray, cycle: int) -> None:
    """Train through one of CYCLES, in place."""
    steps, lr = CYCLES[cycle]
    optimizer = torch.optim.AdamW(vae.parameters(), lr, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.03)
    for step in range(steps):
        sharpen = cycle > 0 or step >= PERCEPTUAL_FROM
        pixels = to_pixels(images[torch.randint(len(images), (BATCH,)).numpy()], 32).contiguous()
        with torch.autocast("cpu", torch.bfloat16):
            mean = vae.encode(pixels).latent_dist.mean
            decoded = vae.decode(mean + DEVIATION * torch.randn_like(mean)).sample.float()
            perceptual = _perceptual(judge, decoded[::2], pixels[::2]) if sharpen else torch.zeros(())  # half
        squared = F.mse_loss(decoded, pixels)
        kl = mean.float().square().mean() / 2  # but for a constant
        loss = squared + PERCEPTUAL_WEIGHT * perceptual + KL_WEIGHT * kl
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            parts = f"squared {squared.item():.5f}, perceptual {perceptual.item():.4f}, kl {kl.item():.3f}"
            print(f"vae: cycle {cycle + 1}, step {step + 1}/{steps}, {parts}", file=sys.stderr, flush=True)


def check() -> dict[str, float]:
    """Measure the committed autoencoder on fresh scenes; see `measure`."""
    from bench.models.pretrained import load_features, load_vae

    return measure(load_vae("embedded"), load_features("embedded"))


def measure(vae: AutoencoderKL, judge: FeatureNet, n: int = CHECKED) -> dict[str, float]:
    """Measure reconstructions of one- and two-object scenes: attributes by the feature net, and the squared error.

    Also the mean and standard deviation of the scaled latents, and "noisy_all_right_<k>": the same reading after
    the latents took noise of a tenth of their deviation, which a smooth latent space forgives.
    """
    found: dict[str, float] = {}
    for objects in (1, 2):
        scenes, images = check_scenes(objects, n)
        latents = encode_images(vae, images)
        decoded = decode_latents(vae, latents)
        noisy = latents + 0.1 * torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
        name = f"all_right_{objects}"
        found |= readable(judge, scenes, decoded, objects)
        found[f"noisy_{name}"] = readable(judge, scenes, decode_latents(vae, noisy), objects)[name]
        found[f"rms_error_{objects}"] = float(np.sqrt(np.mean((decoded.astype(float) - images) ** 2)))
        found[f"latent_mean_{objects}"] = latents.mean().item()
        found[f"latent_std_{objects}"] = latents.std().item()
    return found


def _perceptual(judge: FeatureNet, decoded: Tensor, pixels: Tensor) -> Tensor:
    """Squared distance between the feature net's activations, each stage scaled to unit power."""
    with torch.no_grad():
        wanted = judge.maps(pixels)
    pairs = list(zip(judge.maps(decoded), wanted, strict=True))[1:]
    return torch.stack([F.mse_loss(a.float(), b.float()) / b.float().square().mean() for a, b in pairs]).mean()


def _fix_deviation(vae: AutoencoderKL) -> None:
    """Make the posterior's deviation, which was not trained, DEVIATION everywhere."""
    rows = slice(vae.config.latent_channels, None)  # those that give the log variance
    with torch.no_grad():
        vae.quant_conv.weight[rows] = 0.0
        vae.quant_conv.bias[rows] = 2 * np.log(DEVIATION)


def _standardise(vae: AutoencoderKL, images: np.ndarray) -> None:
    """Record the shift and scale that give the latents of `images` zero mean and unit deviation."""
    vae.register_to_config(shift_factor=0.0, scaling_factor=1.0)
    latents = encode_images(vae, images)
    shift, scale = latents.mean().item(), 1 / latents.std().item()
    vae.register_to_config(shift_factor=round(shift, 6), scaling_factor=round(scale, 6))


def _card(measured: dict[str, float]) -> str:
    rows = "\n".join(f"| {name} | {measured[f'{name}_1']:.4f} | {measured[f'{name}_2']:.4f} |" for name in (
        "all_right", "colour", "shape", "size", "position", "background", "noisy_all_right", "rms_error",
        "latent_mean", "latent_std"))  # fmt: skip
    return f"""# Image autoencoder

A diffusers `AutoencoderKL`: 32 x 32 RGB images to 4 x 4 latents of 8 channels. Latents are used as
`(mean - shift_factor) * scaling_factor`, which has about zero mean and unit deviation. Weights are stored in float16.

Made by `python -m bench zoo build vae`: {sum(steps for steps, _ in CYCLES)} steps of {BATCH} scenes drawn from all
(colour, shape) pairs, one and two objects; squared error, plus {PERCEPTUAL_WEIGHT} of a distance between the feature
net's activations, plus {KL_WEIGHT} of the KL divergence per latent value, whose posterior deviation is {DEVIATION}.

Reconstructions of {CHECKED} fresh scenes of each kind, read by the feature net (`noisy_all_right`: after noise of
0.1 was added to the scaled latents; `rms_error` in levels of 255):

| | one object | two objects |
|---|---|---|
{rows}

It was trained on the synthetic scenes only; other images come back blurred or wrong.
"""

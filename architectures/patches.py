"""Image input and head: latents to tokens and back. `Patches` is the default that all four architectures share."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn
from torch.nn import functional as F

SIGMA_SCALE = 1000.0  # the sinusoids expect timesteps, the noise level runs from 0 to 1
FREQUENCIES = 256


@dataclass(frozen=True)
class ImageTokens:
    """Settings of the image tokens. All but the first three are choices that the paper leaves open."""

    channels: int
    size: int  # latent height and width
    patch_size: int = 1
    positions: str = "sequential"  # rotary positions count on through an image, or are "shared" by all its tokens
    delimiters: bool = False  # a learnt token before and after the image's
    attention: str = "bidirectional"  # or "causal", inside one image
    time_conditioning: str = "add"  # the noise level's embedding is added to every image token, or "none"


class ImageInput(nn.Module):
    """Interface of an image input: image tokens before the blocks, the predicted velocity after them."""

    tokens: int  # how many an image has

    def forward(self, latents: Tensor, sigma: Tensor) -> Tensor:
        """Embed noisy latents: (B, C, h, w), (B or 1,) -> (B, n, d)."""
        raise NotImplementedError

    def conditioning(self, sigma: Tensor) -> Tensor | None:
        """Compute what blocks may read beside the tokens (``Segment.conditioning``): (B or 1,) -> (B or 1, ...)."""
        return None

    def head(self, states: Tensor) -> Tensor:
        """Predict the velocity from the final states: (B, n, d) -> (B, C, h, w)."""
        raise NotImplementedError


class Patches(ImageInput):
    """Trainable linear patchify layer (paper, Sec. 4.1) with learnt positions, and the linear head back to latents."""

    def __init__(self, image: ImageTokens, width: int, norm: nn.Module) -> None:
        super().__init__()
        self.patch_size, self.side = image.patch_size, image.size // image.patch_size
        values = image.channels * image.patch_size**2
        self.project = nn.Linear(values, width)
        self.position = nn.Parameter(torch.zeros(self.side**2, width))
        self.time: nn.Module | None = None
        if image.time_conditioning == "add":
            self.frequencies = Timesteps(FREQUENCIES, flip_sin_to_cos=True, downscale_freq_shift=0)
            self.time = TimestepEmbedding(FREQUENCIES, width)
        self.delimiters = nn.Parameter(0.02 * torch.randn(2, width)) if image.delimiters else None
        self.norm = copy.deepcopy(norm).requires_grad_(True)
        self.output = nn.Linear(width, values)
        self.tokens = self.side**2 + 2 * image.delimiters

    def forward(self, latents: Tensor, sigma: Tensor) -> Tensor:
        """Embed patches, positions and noise level: (B, C, h, w), (B or 1,) -> (B, n, d)."""
        patches = F.pixel_unshuffle(latents, self.patch_size).flatten(2).transpose(1, 2)  # B n C*p*p
        tokens = self.project(patches) + self.position  # B n d
        if self.time is not None:
            frequencies = self.frequencies(sigma * SIGMA_SCALE).to(latents.dtype)
            tokens = tokens + self.time(frequencies)[:, None]  # B n d
        if self.delimiters is not None:
            begin, end = self.delimiters.expand(len(tokens), 2, -1).split(1, dim=1)
            tokens = torch.cat([begin, tokens, end], dim=1)  # B n+2 d
        return tokens

    def head(self, states: Tensor) -> Tensor:
        """Project the normalised states back to patches of values: (B, n, d) -> (B, C, h, w)."""
        if self.delimiters is not None:
            states = states[:, 1:-1]
        patches = self.output(self.norm(states)).transpose(1, 2)  # B C*p*p n
        return F.pixel_shuffle(patches.unflatten(2, (self.side, self.side)), self.patch_size)  # B C h w

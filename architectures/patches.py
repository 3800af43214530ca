"""Latents to tokens and back: the patchify layer, noise level conditioning and image head all architectures share."""

from __future__ import annotations

import copy

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.sequence import ImageTokens

SIGMA_SCALE = 1000.0  # the sinusoids expect timesteps, the noise level runs from 0 to 1
FREQUENCIES = 256


class Patches(nn.Module):
    """A trainable linear patchify layer (paper, Sec. 4.1) with learnt positions, and the head that undoes it."""

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

    @property
    def tokens(self) -> int:
        """How many tokens an image has, delimiters and all."""
        return self.side**2 + (0 if self.delimiters is None else 2)

    def forward(self, latents: Tensor, sigma: Tensor) -> Tensor:
        """(B, C, h, w), (B,) -> (B, n, d)."""
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
        """(B, n, d) -> (B, C, h, w)."""
        if self.delimiters is not None:
            states = states[:, 1:-1]
        patches = self.output(self.norm(states)).transpose(1, 2)  # B C*p*p n
        return F.pixel_shuffle(patches.unflatten(2, (self.side, self.side)), self.patch_size)  # B C h w

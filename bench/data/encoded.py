"""A split as training wants it: VAE latents and caption tokens, computed once and memory-mapped from the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.config.schema import Config
from bench.data import data_digest
from bench.data.captioned_images import CaptionedImages
from bench.models.pretrained import weights_digest
from bench.system.files import flush_tree

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import PreTrainedTokenizerBase

ENCODE_BATCH = 256
FORMAT = 1  # raise when what the files hold changes


@dataclass(frozen=True)
class EncodedSplit:
    """N pictures with up to R captions of up to L tokens each, beginning and end included."""

    latents: np.ndarray  # (N, C, h, w) float32, about zero mean and unit deviation
    tokens: np.ndarray  # (N, R, L) int32, right-padded with 0
    lengths: np.ndarray  # (N, R) int32, 0 where a picture has fewer captions

    def __len__(self) -> int:
        return len(self.latents)


class Source(NamedTuple):
    """What an encoding is made from."""

    pictures: CaptionedImages
    vae: AutoencoderKL
    tokenizer: PreTrainedTokenizerBase


def encoded_split(config: Config, split: str, source: Callable[[], Source]) -> EncodedSplit:
    """Open the encoded ``split`` from the cache; the first process to ask encodes ``source()`` while others wait."""
    parts = [FORMAT, data_digest(config.data, config.runtime.cache), split, weights_digest(config.model.vae, "vae")]
    key = hashlib.sha256(repr([*parts, weights_digest(config.model.llm, "llm")]).encode()).hexdigest()[:12]
    folder = Path(config.runtime.cache) / "encoded" / f"{split}-{key}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.parent / f".{folder.name}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                for draft in folder.parent.glob(f".{folder.name}-*"):  # of a process that died
                    shutil.rmtree(draft)
                _encode_into(folder, source())
    return EncodedSplit(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("latents", "tokens", "lengths")))


def encode_images(vae: AutoencoderKL, images: np.ndarray) -> Tensor:
    """(n, H, W, 3) uint8 -> (n, C, h, w): the posterior's mean, shifted and scaled as the VAE's config says."""
    batches = torch.from_numpy(images).split(ENCODE_BATCH)
    with torch.inference_mode():
        means = [vae.encode(_to_unit(batch.to(vae.device))).latent_dist.mode() for batch in batches]
    latents = torch.cat(means)
    return (latents - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor


def decode_latents(vae: AutoencoderKL, latents: Tensor) -> np.ndarray:
    """(n, C, h, w) -> (n, H, W, 3) uint8."""
    latents = latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    with torch.inference_mode():
        pixels = torch.cat([vae.decode(batch).sample for batch in latents.split(ENCODE_BATCH)])
    pixels = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu().numpy()


def token_ids(tokenizer: PreTrainedTokenizerBase, captions: list[str]) -> list[list[int]]:
    """Token ids of each caption between the tokens that begin and end a text."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    bodies = tokenizer(captions, add_special_tokens=False)["input_ids"] if captions else []
    return [[begin, *body, tokenizer.eos_token_id] for body in bodies]


def padded(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Right-pad with 0: ids (B, n) int32 and lengths (B,) int32."""
    lengths = np.array([len(row) for row in rows], dtype=np.int32)
    ids = np.zeros((len(rows), lengths.max(initial=0)), dtype=np.int32)
    for row, target in zip(rows, ids, strict=True):
        target[: len(row)] = row
    return ids, lengths


def _to_unit(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1  # B H W 3 -> B 3 H W in [-1, 1]


def _encode_into(folder: Path, source: Source) -> None:
    pictures, vae, tokenizer = source
    chunks = np.array_split(np.arange(len(pictures)), -(-len(pictures) // 1024))
    latents = np.concatenate([encode_images(vae, pictures.images(chunk.tolist())).cpu().numpy() for chunk in chunks])

    captions = [pictures.captions(index) for index in range(len(pictures))]
    flat, flat_lengths = padded(token_ids(tokenizer, [caption for row in captions for caption in row]))
    most = max(len(row) for row in captions)
    tokens = np.zeros((len(pictures), most, flat.shape[1]), dtype=np.int32)
    lengths = np.zeros((len(pictures), most), dtype=np.int32)
    held = np.arange(most) < np.array([len(row) for row in captions])[:, None]  # N R, row-major as the flat list
    tokens[held], lengths[held] = flat, flat_lengths

    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, array in (("latents", latents), ("tokens", tokens), ("lengths", lengths)):
            np.save(draft / f"{name}.npy", array)
        flush_tree(draft)
        os.rename(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise

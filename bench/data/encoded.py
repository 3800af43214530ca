"""Encoded splits: VAE latents and caption tokens, computed once and memory-mapped from the cache."""

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

from bench.config.schema import Config
from bench.data import data_digest
from bench.data.captioned_images import CaptionedImages
from bench.models.codec import encode_images, padded, token_ids
from bench.models.pretrained import weights_digest
from bench.system.files import flush_tree

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import PreTrainedTokenizerBase

CHUNK = 1024  # images decoded and encoded at a time
FORMAT = 1  # raise when the content of the files changes


@dataclass(frozen=True)
class EncodedSplit:
    """N images with up to R captions of up to L tokens each, beginning and end included."""

    latents: np.ndarray  # (N, C, h, w) float32, about zero mean and unit deviation
    tokens: np.ndarray  # (N, R, L) int32, right-padded with 0
    lengths: np.ndarray  # (N, R) int32, 0 where an image has fewer captions

    def __len__(self) -> int:
        return len(self.latents)


class Source(NamedTuple):
    """Images, autoencoder and tokenizer that a split is encoded with."""

    images: CaptionedImages
    vae: AutoencoderKL
    tokenizer: PreTrainedTokenizerBase


def encoded_split(config: Config, split: str, source: Callable[[], Source]) -> EncodedSplit:
    """Open the encoded ``split`` from the cache; the first process to ask encodes ``source()`` while others wait."""
    digest, size = data_digest(config.data, config.runtime.cache), config.data.image_size
    parts = [FORMAT, digest, size, split, weights_digest(config.model.vae, "vae")]
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


def _encode_into(folder: Path, source: Source) -> None:
    """Encode a split chunk by chunk, so that its images need not fit into memory together."""
    images, vae, tokenizer = source
    captions = [images.captions(index) for index in range(len(images))]
    flat, flat_lengths = padded(token_ids(tokenizer, [caption for row in captions for caption in row]))
    most = max(len(row) for row in captions)
    tokens = np.zeros((len(images), most, flat.shape[1]), dtype=np.int32)
    lengths = np.zeros((len(images), most), dtype=np.int32)
    held = np.arange(most) < np.array([len(row) for row in captions])[:, None]  # N R, row-major as the flat list
    tokens[held], lengths[held] = flat, flat_lengths

    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _encode_latents(draft / "latents.npy", images, vae)
        np.save(draft / "tokens.npy", tokens)
        np.save(draft / "lengths.npy", lengths)
        flush_tree(draft)
        os.rename(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _encode_latents(path: Path, images: CaptionedImages, vae: AutoencoderKL) -> None:
    written: np.memmap | None = None
    for chunk in np.array_split(np.arange(len(images)), -(-len(images) // CHUNK)):
        latents = encode_images(vae, images.images(chunk.tolist())).cpu().numpy()
        if written is None:
            shape = (len(images), *latents.shape[1:])
            written = np.lib.format.open_memmap(path, mode="w+", dtype=latents.dtype, shape=shape)
        written[chunk[0] : chunk[-1] + 1] = latents
    assert written is not None
    written.flush()

"""Assets of a run: frozen pretrained networks and data, loaded when first needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from architectures.base import IMAGE, TEXT
from bench.config.part_files import check_image_size, pixels_per_latent, resolve
from bench.config.schema import Config
from bench.data import open_split
from bench.data.captioned_images import CaptionedImages
from bench.data.encoded import EncodedSplit, Source, encoded_split
from bench.models.codec import token_ids
from bench.models.controls import random_language_model
from bench.models.pretrained import load_llm, load_vae

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

T = TypeVar("T")


class Assets:
    """The pretrained parts and the data of a config. Runs of one process that share them share one Assets object."""

    def __init__(self, config: Config) -> None:
        self.config, self.device = config, torch.device("cpu")
        self.llm: PreTrainedModel
        self.tokenizer: PreTrainedTokenizerBase
        self.llm, self.tokenizer = load_llm(config.model.llm)
        if _drawn(config) is not None:
            self.llm = random_language_model(self.llm, config.seed)
        self.llm.requires_grad_(False)
        self._known: dict[Hashable, Any] = {}
        self._images: dict[str, CaptionedImages] = {}
        self._encoded: dict[str, EncodedSplit] = {}

    @cached_property
    def vae(self) -> AutoencoderKL:
        """The frozen image autoencoder."""
        return load_vae(self.config.model.vae)

    @property
    def pixels_per_latent(self) -> int:
        """Pixels that one latent stands for, along each side."""
        return pixels_per_latent(self.vae.config.block_out_channels)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one image's latents."""
        side = self.config.data.image_size // self.pixels_per_latent
        return self.vae.config.latent_channels, side, side

    @cached_property
    def empty_caption(self) -> list[int]:
        """The tokens of an empty text, begin and end: the unconditional input of classifier-free guidance."""
        return token_ids(self.tokenizer, [""])[0]

    @cached_property
    def exam(self) -> list[dict[str, str]]:
        """Questions and answers of exact-match QA beside the language model (exam.jsonl), [] if none are."""
        return self._beside_llm("exam.jsonl")

    @cached_property
    def texts(self) -> list[str]:
        """Held-out texts beside the language model (text.jsonl), [] if none are."""
        return [row["text"] for row in self._beside_llm("text.jsonl")]

    def to(self, device: torch.device) -> Assets:
        """Move the networks to the device that scores; the scorers' own follow when they are next used."""
        self.device = device
        for network in (self.llm, self.vae):
            network.to(device)
        return self

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of ``make()``, computed once and kept for later evaluations on these assets."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def images(self, split: str) -> CaptionedImages:
        """Images and reference captions of a split."""
        if split not in self._images:
            self._images[split] = open_split(self.config.data, split)
        return self._images[split]

    def latents(self, split: str, rows: range) -> Tensor:
        """Latents of a split's images, (n, C, h, w)."""
        return torch.from_numpy(np.array(self.encoded(split).latents[rows.start : rows.stop : rows.step]))

    def encoded(self, split: str) -> EncodedSplit:
        """Latents and caption tokens of a split."""
        if split not in self._encoded:
            self._encoded[split] = encoded_split(
                self.config, split, lambda: Source(self.images(split), self.vae, self.tokenizer)
            )
        return self._encoded[split]

    def longest_sequence(self, config: Config, layouts: Iterable[Sequence[str]]) -> int:
        """Tokens of the longest sequence that a run of ``config`` makes: that of a task's layout, or text alone."""
        _, side, _ = self.latent_shape
        image = (side // config.model.patch_size) ** 2 + 2 * config.model.image_delimiters
        read = max(self.encoded(split).tokens.shape[2] for split in ("train", config.eval.split))
        text = max(read, 1 + config.eval.max_caption_tokens)
        tokens = {IMAGE: image, TEXT: text}
        longest = max(sum(tokens[kind] for kind in layout) for layout in layouts)
        alone = [f"{item['prompt']} {item['answer']}" for item in self.exam] + self.texts
        longest_alone = max(map(len, self.tokenizer(alone)["input_ids"])) if alone else 0
        return max(longest, longest_alone)

    def _beside_llm(self, name: str) -> list[dict]:
        folder = resolve(self.config.model.llm, "llm")
        path = folder / name if isinstance(folder, Path) else None
        if path is None or not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _drawn(config: Config) -> int | None:
    """The seed of a random language model; None where it is the pretrained one."""
    return config.seed if config.model.control == "random_language_model" else None


_open: dict[tuple, Assets] = {}


def assets_of(config: Config) -> Assets:
    """The Assets of ``config``, on the CPU, where models are built: the last one opened in this process if data and
    pretrained parts are the same.

    Raises UserError for pretrained parts that cannot be used, or that the image size does not suit.
    """
    key = (repr(config.data), config.model.llm, _drawn(config), config.model.vae, config.runtime.cache)
    if key not in _open:
        _open.clear()
        _open[key] = Assets(config)
    assets = _open[key].to(torch.device("cpu"))
    check_image_size(config.data.image_size, config.model.patch_size, assets.pixels_per_latent)
    return assets

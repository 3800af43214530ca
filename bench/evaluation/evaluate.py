"""Score a model: draw images, write captions, examine its language; every number as a `Score`, every item kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.data.assets import World
from bench.data.captioned_images import CaptionedImages
from bench.data.encoded import decode_latents, padded, token_ids
from bench.evaluation.metrics import Score
from bench.evaluation.scoring import caption_scores, image_scores, language_scores
from bench.models.sampling import describe, sample_latents

REAL = 16  # pictures of the data to lay beside the first that were drawn


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation found, by metric, and what it found it on."""

    scores: dict[str, Score]
    images: np.ndarray  # (n, H, W, 3) uint8
    real: np.ndarray  # the data's own of the first `REAL` prompts, likewise
    prompts: list[str]
    image_ids: list[str]
    captions: list[str]
    references: list[list[str]]
    caption_ids: list[str]


def evaluate(model: FusionTransformer, world: World, config: Config) -> Evaluated:
    """Score ``model`` on ``eval.split``. The same items, prompts and noise for every model that is asked.

    Where the model is, there the world's networks go.
    """
    world.to(model.device)
    pictures, encoded = world.pictures(config.eval.split), world.encoded(config.eval.split)
    model.eval()
    with precision(model, config):
        drawn = range(min(config.eval.num_images, len(pictures)))
        prompts = [prompt(pictures, index) for index in drawn]
        images = draw(model, world, config, prompts)
        seen = range(min(config.eval.num_captions, len(pictures)))
        captions = write(model, world, config, torch.from_numpy(np.array(encoded.latents[: len(seen)])))
    real = pictures.images(drawn[:REAL])
    references = [pictures.captions(index) for index in seen]
    scores = image_scores(images, prompts, world, config)
    scores |= caption_scores(captions, world, config)
    scores |= language_scores(model, world, config)
    ids = pictures.ids
    return Evaluated(
        scores, images, real, prompts, [ids[i] for i in drawn], captions, references, [ids[i] for i in seen]
    )


def draw(model: FusionTransformer, world: World, config: Config, prompts: list[str]) -> np.ndarray:
    """Images (n, H, W, 3) uint8 of ``prompts``. The noise of image i depends on ``eval.seed`` and i alone."""
    settings = config.eval
    ids, lengths = (torch.from_numpy(array.astype(np.int64)) for array in padded(token_ids(world.tokenizer, prompts)))
    shape = (len(prompts), *world.latent_shape)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(settings.seed))  # n C h w
    latents = []
    for rows in torch.arange(len(prompts)).split(settings.batch_size):
        latents.append(
            sample_latents(
                model,
                ids[rows].to(model.device),
                lengths[rows].to(model.device),
                world.empty_caption,
                noise[rows].to(model.device),
                settings.guidance_scale,
                settings.sampler,
                settings.sampler_steps,
            )
        )
    return decode_latents(world.vae, torch.cat(latents).to(world.vae.device))


def write(model: FusionTransformer, world: World, config: Config, latents: Tensor) -> list[str]:
    """Captions of clean latents (n, C, h, w)."""
    begin, end = world.empty_caption
    captions: list[str] = []
    for batch in latents.split(config.eval.batch_size):
        written = describe(model, batch.to(model.device), begin, end, config.eval.max_caption_tokens)
        captions += [text.strip() for text in world.tokenizer.batch_decode(written, skip_special_tokens=True)]
    return captions


@contextmanager
def precision(model: FusionTransformer, config: Config) -> Iterator[None]:
    """Run a model as it was trained: in ``train.precision``."""
    with torch.autocast(model.device.type, torch.bfloat16, enabled=config.train.precision == "bfloat16"):
        yield


def prompt(pictures: CaptionedImages, index: int) -> str:
    """One of the picture's captions, each wording in its turn."""
    captions = pictures.captions(index)
    return captions[index % len(captions)]


def save(evaluated: Evaluated, folder: Path) -> None:
    """Write samples/ and real/<index>.png, prompts.jsonl, captions.jsonl and per_item.json into ``folder``."""
    for name, pictures in (("samples", evaluated.images), ("real", evaluated.real)):
        (folder / name).mkdir()
        for index, picture in enumerate(pictures):
            Picture.fromarray(picture).save(folder / name / f"{index:05d}.png")
    _write_lines(
        folder / "prompts.jsonl",
        [
            {"id": i, "sample": f"{n:05d}.png", "prompt": p}
            for n, (i, p) in enumerate(zip(evaluated.image_ids, evaluated.prompts, strict=True))
        ],
    )
    _write_lines(
        folder / "captions.jsonl",
        [
            {"id": i, "caption": caption, "references": references}
            for i, caption, references in zip(
                evaluated.caption_ids, evaluated.captions, evaluated.references, strict=True
            )
        ],
    )
    items = {name: score.per_item for name, score in evaluated.scores.items() if score.per_item is not None}
    (folder / "per_item.json").write_text(json.dumps(items), encoding="utf-8")


def _write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

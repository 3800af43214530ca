"""Which metrics score what a model drew, wrote and kept, and against what: references, chance and ceilings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPModel, CLIPProcessor

from architectures.sequence import Text
from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.data.assets import World
from bench.data.captioned_images import CaptionedImages
from bench.data.encoded import decode_latents
from bench.evaluation.metrics import Score
from bench.evaluation.metrics.attributes import caption_attributes, image_attributes
from bench.evaluation.metrics.cider import CiderReferences, caption_length, cider
from bench.evaluation.metrics.clip_score import clip_score
from bench.evaluation.metrics.fid import fid, kid
from bench.evaluation.metrics.language import LogitsFunction, exam, perplexity
from bench.models.feature_net import FeatureNet
from bench.models.pretrained import load_clip, load_features, weights_digest

REFERENCE_BATCH = 1024


def image_scores(images: np.ndarray, prompts: list[str], world: World, config: Config) -> dict[str, Score]:
    """`image_measures`, each with its ceiling: what the real pictures get after the autoencoder."""
    ceilings = world.once(
        ("ceilings", config.eval.split, config.eval.features, config.eval.clip, len(images)),
        lambda: image_measures(_rebuilt(world, config.eval.split, len(images)), prompts, world, config),
    )
    measured = image_measures(images, prompts, world, config)
    return {name: replace(score, ceiling=ceilings[name].value) for name, score in measured.items()}


def image_measures(images: np.ndarray, prompts: list[str], world: World, config: Config) -> dict[str, Score]:
    """Distances are to real pictures of the split that were not asked for, where it has enough of them."""
    net, clip = feature_net(world, config), image_text_model(world, config)
    label, clip_label = _label(config.eval.features, "features"), _label(config.eval.clip, "clip")
    pictures = world.pictures(config.eval.split)
    reference = world.once(
        ("reference", config.eval.split, label, len(images)), lambda: _reference_features(pictures, net, len(images))
    )
    features = net.features(images)
    scores = {
        "fid": fid(features, reference, label),
        "kid": kid(features, reference[: len(features)], label),  # between sets of one size: no subsets
        "clip_score": clip_score(images, prompts, *clip, clip_label),
    }
    if pictures.scenes is not None:
        scores |= image_attributes(images, pictures.scenes[: len(images)], net, label)
    return scores


def feature_net(world: World, config: Config) -> FeatureNet:
    """The net under FID and KID, which reads attributes too, on the world's device."""
    return world.once(("features", config.eval.features), lambda: load_features(config.eval.features)).to(world.device)


def image_text_model(world: World, config: Config) -> tuple[CLIPModel, CLIPProcessor]:
    """The model under the CLIP score, on the world's device, and its processor."""
    clip, processor = world.once(("clip", config.eval.clip), lambda: load_clip(config.eval.clip))
    return clip.to(world.device), processor


def _reference_features(pictures: CaptionedImages, net: FeatureNet, asked: int) -> np.ndarray:
    """Features of the split's pictures beyond the ``asked`` first, or of all if those are fewer, (m, d)."""
    others = torch.arange(asked if len(pictures) >= 2 * asked else 0, len(pictures))
    chunks = [chunk.tolist() for chunk in others.split(REFERENCE_BATCH)]
    return np.concatenate([net.features(pictures.images(chunk)) for chunk in chunks])


def _rebuilt(world: World, split: str, n: int) -> np.ndarray:
    """The first real pictures after the VAE alone, (n, H, W, 3) uint8: the best that drawing can do."""
    latents = torch.from_numpy(np.array(world.encoded(split).latents[:n]))
    return decode_latents(world.vae, latents.to(world.vae.device))


def caption_scores(captions: list[str], world: World, config: Config) -> dict[str, Score]:
    """CIDEr weighs words by the references of the whole split, so that it does not change with the sample."""
    split = config.eval.split
    pictures = world.pictures(split)
    by_id = dict(zip(pictures.ids, captions, strict=False))
    refs_by_id = {name: pictures.captions(index) for index, name in enumerate(pictures.ids)}
    references = world.once(("CIDEr references", split), lambda: CiderReferences(refs_by_id))
    scores = {"cider": cider(by_id, references), "caption_length": caption_length(by_id, refs_by_id)}
    if pictures.scenes is not None:
        scores |= caption_attributes(captions, pictures.scenes[: len(captions)])
    return scores


def language_scores(model: FusionTransformer, world: World, config: Config) -> dict[str, Score]:
    """What the language model knew before the fusion, and knows after it."""

    def after(ids: Tensor, lengths: Tensor) -> Tensor:
        (states,), _ = model([Text(ids.to(model.device))])
        return model.logits(states)

    def before(ids: Tensor, lengths: Tensor) -> Tensor:
        return world.llm(ids.to(world.llm.device)).logits

    def measured(logits: LogitsFunction) -> dict[str, Score]:
        scores = {}
        if world.exam:
            scores["exam"] = exam(logits, world.tokenizer, world.exam)
        if world.texts:
            scores["perplexity"] = perplexity(logits, world.tokenizer, world.texts)
        return scores

    known = world.once(("language", config.runtime.products), lambda: measured(before))
    kept = measured(after)
    return {f"{name}_{when}": s[name] for name in kept for when, s in (("before", known), ("after", kept))}


def _label(name: str, kind: str) -> str:
    """Whose weights measured: numbers with different labels are never compared."""
    source = "embedded" if name == "embedded" else Path(name).name
    return f"{source}:{kind}:{weights_digest(name, kind)}"

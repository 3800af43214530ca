"""CLIP score of images and their captions, by torchmetrics on any CLIPModel that transformers loads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.multimodal import CLIPScore
from transformers import CLIPModel, CLIPProcessor
from transformers.modeling_outputs import BaseModelOutputWithPooling

from bench.evaluation.metrics import Score
from bench.evaluation.metrics.chance import derangement
from bench.system.errors import UserError


def clip_score(
    images: np.ndarray,
    captions: Sequence[str],
    clip: CLIPModel,
    processor: CLIPProcessor,
    weights_label: str | None,
    batch_size: int = 64,
) -> Score:
    """Return 100 x the mean cosine of images (n, H, W, 3) uint8 and their captions, not below 0 as in torchmetrics.

    Captions longer than the text encoder are cut by the tokenizer, which keeps the end token that CLIP reads; the note
    says how many. Chance pairs each image with another image's caption. `per_item` is not clipped at 0. Raises
    UserError for no images or a caption too few.
    """
    if len(images) == 0 or len(images) != len(captions):
        raise UserError(f"CLIP score needs as many captions as images, and some: {len(images)} and {len(captions)}")
    longest = clip.text_model.config.max_position_embeddings
    model = _Projected(clip)
    metric = CLIPScore(
        lambda: (model, _Truncating(processor, longest)),  # type: ignore[arg-type, return-value]
        sync_on_compute=False,  # of several processes that train, one alone scores
    ).to(clip.device)
    was_training = clip.training
    clip.eval()
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size]))  # B H W 3
            metric.update(batch.permute(0, 3, 1, 2).to(clip.device), list(captions[start : start + batch_size]))
        value = metric.compute().item()
    clip.train(was_training)

    image, text = _unit(model.image_features), _unit(model.text_features)  # n D, n D
    partner = derangement(len(images))
    too_long = sum(len(ids) > longest for ids in processor.tokenizer(list(captions), verbose=False)["input_ids"])
    return Score(
        value=value,
        n=len(images),
        direction="higher",
        unit="100 x cosine",
        weights=weights_label,
        chance=None if partner is None else (100 * (image * text[partner]).sum(-1)).mean().item(),
        note=f"{too_long / len(captions):.1%} of captions cut at {longest} tokens" if too_long else None,
        per_item=(100 * (image * text).sum(-1)).tolist(),
    )


class _Projected(nn.Module):
    """A CLIPModel whose features are tensors (transformers 5 wraps them) and are kept (torchmetrics keeps a sum)."""

    def __init__(self, clip: CLIPModel) -> None:
        super().__init__()
        self.clip = clip
        self.config = clip.config
        self.image_features: list[Tensor] = []
        self.text_features: list[Tensor] = []

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        self.image_features.append(_projected(self.clip.get_image_features(pixel_values)))
        return self.image_features[-1]  # B D

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        self.text_features.append(_projected(self.clip.get_text_features(input_ids, attention_mask)))
        return self.text_features[-1]  # B D


class _Truncating:
    """A processor whose tokenizer cuts long captions before the end token; torchmetrics would cut that token off."""

    def __init__(self, processor: CLIPProcessor, longest: int) -> None:
        self.processor = processor
        self.longest = longest

    def __call__(self, return_tensors: str, padding: bool, text: list[str] | None = None, images: list | None = None):
        if text is None:
            return self.processor.image_processor(images, return_tensors=return_tensors)
        return self.processor.tokenizer(
            text, return_tensors=return_tensors, padding=padding, truncation=True, max_length=self.longest
        )


def _projected(output: Tensor | BaseModelOutputWithPooling) -> Tensor:
    projected = output if isinstance(output, Tensor) else output.pooler_output
    assert projected is not None
    return projected


def _unit(features: list[Tensor]) -> Tensor:
    return nn.functional.normalize(torch.cat(features).float().cpu(), dim=-1)

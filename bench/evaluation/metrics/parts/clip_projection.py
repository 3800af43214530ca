"""A CLIPModel and its processor as torchmetrics wants them: features as tensors, captions cut before the end token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import CLIPModel, CLIPProcessor
from transformers.modeling_outputs import BaseModelOutputWithPooling


class Projected(nn.Module):
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


class Truncating:
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


def unit(features: list[Tensor]) -> Tensor:
    return nn.functional.normalize(torch.cat(features).float().cpu(), dim=-1)

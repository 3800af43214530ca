"""CLIP score: the model's own forward, a picture and a caption at a time, and what strangers' captions get."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from bench.selftest.checks import Check, Scores, equals

SHOWN = 32
TOLERANCE = 0.01  # of 100 x cosine


def checks(
    images: np.ndarray, prompts: list[str], clean: Scores, clip: CLIPModel, processor: CLIPProcessor
) -> list[Check]:
    """`clean` was measured of these pictures (n, H, W, 3) uint8 and their captions."""
    assert clean["clip_score"].per_item is not None
    found = float(np.mean(clean["clip_score"].per_item[:SHOWN]))
    literal = [_cosine(*pair, clip, processor) for pair in zip(images[:SHOWN], prompts[:SHOWN], strict=True)]
    return [equals("clip_score", f"CLIPModel's own forward ({SHOWN})", found, 100 * float(np.mean(literal)), TOLERANCE)]


@torch.inference_mode()
def _cosine(image: np.ndarray, caption: str, clip: CLIPModel, processor: CLIPProcessor) -> float:
    longest = clip.text_model.config.max_position_embeddings
    inputs = processor(
        images=Image.fromarray(image), text=[caption], return_tensors="pt", truncation=True, max_length=longest
    )
    output = clip(**inputs.to(clip.device))
    return torch.cosine_similarity(output.image_embeds, output.text_embeds).item()

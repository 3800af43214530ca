"""Checks of the CLIP score: the model's own forward, a pair at a time, and each image among all captions."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image as PILImage
from transformers import CLIPModel, CLIPProcessor

from bench.evaluation.selftest.checks import Check, Scores, equals

SHOWN = 32
TOLERANCE = 0.01  # of 100 x cosine
FOUND = 0.5  # least share of images to which no other caption is closer; guesses find 1 / 32


def checks(
    images: np.ndarray, prompts: list[str], clean: Scores, clip: CLIPModel, processor: CLIPProcessor
) -> list[Check]:
    """Checks of `clean`, measured on these images (n, H, W, 3) uint8 and their captions."""
    per_item = clean["clip_score"].per_item
    assert per_item is not None
    found = np.array(per_item[:SHOWN])
    cosines = _cosines(images[:SHOWN], prompts[:SHOWN], clip, processor)
    share = float(np.mean(found >= cosines.max(1) - TOLERANCE))
    name = f"no other of {SHOWN} captions is closer"
    return [
        equals("clip_score", "CLIPModel's own forward", float(found.mean()), float(cosines.trace()) / SHOWN, TOLERANCE),
        Check("clip_score", name, (share,), f"at least {FOUND}", share >= FOUND),
    ]


@torch.inference_mode()
def _cosines(images: np.ndarray, captions: list[str], clip: CLIPModel, processor: CLIPProcessor) -> np.ndarray:
    """100 x cosine of every image (rows) and every caption, each brought in alone, so that none is padded."""
    longest = clip.text_model.config.max_position_embeddings
    image_embeds, text_embeds = [], []
    for image, caption in zip(images, captions, strict=True):
        inputs = processor(
            images=PILImage.fromarray(image), text=[caption], return_tensors="pt", truncation=True, max_length=longest
        )
        output = clip(**inputs.to(clip.device))
        image_embeds.append(output.image_embeds[0])  # of length 1, as the texts'
        text_embeds.append(output.text_embeds[0])
    return (100 * torch.stack(image_embeds) @ torch.stack(text_embeds).T).cpu().numpy()

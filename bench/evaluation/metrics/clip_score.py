"""CLIP score of images and their captions, by torchmetrics on any CLIPModel that transformers loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.metrics.base import IMAGE, Images, Metric, MetricFile, Score
from bench.evaluation.metrics.parts.chance import derangement
from bench.system.errors import UserError

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPProcessor

CLIP_SCORE = Metric(
    "clip_score", "CLIP score", "higher", "100 x cosine",
    "how well each generated image fits its prompt, by an image-text model", headline=True,
)  # fmt: skip


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
    import torch
    from torchmetrics.multimodal import CLIPScore

    from bench.evaluation.metrics.parts.clip_projection import Projected, Truncating, unit

    if len(images) == 0 or len(images) != len(captions):
        raise UserError(f"CLIP score needs as many captions as images, and some: {len(images)} and {len(captions)}")
    longest = clip.text_model.config.max_position_embeddings
    model = Projected(clip)
    metric = CLIPScore(
        lambda: (model, Truncating(processor, longest)),  # type: ignore[arg-type, return-value]
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

    image, text = unit(model.image_features), unit(model.text_features)  # n D, n D
    partner = derangement(len(images))
    too_long = sum(len(ids) > longest for ids in processor.tokenizer(list(captions), verbose=False)["input_ids"])
    return CLIP_SCORE.score(
        value,
        len(images),
        weights_label,
        chance=None if partner is None else (100 * (image * text[partner]).sum(-1)).mean().item(),
        note=f"{too_long / len(captions):.1%} of captions cut at {longest} tokens" if too_long else None,
        per_item=(100 * (image * text).sum(-1)).tolist(),
    )


class ClipScore(MetricFile):
    """CLIP score: how well each generated image fits its prompt."""

    of = IMAGE
    place = 20
    metrics = (CLIP_SCORE,)

    def measure(self, subject: Images) -> dict[str, Score]:
        from bench.evaluation.scorers import image_text_model, weights_label

        clip = image_text_model(subject.assets, subject.config)
        label = weights_label(subject.config.eval.clip, "clip")
        return {"clip_score": clip_score(subject.images, subject.prompts, *clip, label)}

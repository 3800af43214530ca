"""CLIP score against the cosine written out, one picture and caption at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_pretrained import tiny_clip

from bench.evaluation.metrics.clip_score import clip_score
from bench.system.errors import UserError

CAPTIONS = [
    "a red circle",
    "",
    "blue square on the left",
    "a red circle on the left of a blue square on top of a green circle",  # longer than the text encoder
    "two green",
]


@pytest.fixture(scope="module")
def clip():
    return tiny_clip(longest=8)


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)


@torch.no_grad()
def literal_cosine(model, processor, image: np.ndarray, caption: str) -> float:
    """100 x cosine through CLIPModel's own forward."""
    inputs = processor(
        images=Image.fromarray(image), text=[caption], return_tensors="pt", truncation=True, max_length=8
    )
    output = model(**inputs)
    return 100 * torch.cosine_similarity(output.image_embeds, output.text_embeds).item()


def test_equal_to_the_cosine_written_out(clip):
    images = pictures(5)
    score = clip_score(images, CAPTIONS, *clip, "embedded:clip:0", batch_size=2)
    expected = [literal_cosine(*clip, image, caption) for image, caption in zip(images, CAPTIONS, strict=True)]
    assert score.per_item == pytest.approx(expected, abs=1e-3)
    assert score.value == pytest.approx(max(np.mean(expected), 0), abs=1e-3)
    assert (score.n, score.direction, score.unit, score.weights) == (5, "higher", "100 x cosine", "embedded:clip:0")
    assert np.std(expected) > 1  # the cosines differ, so a shifted caption would show


def test_long_captions_keep_their_end_token_and_are_counted(clip):
    score = clip_score(pictures(5), CAPTIONS, *clip, None)
    assert score.note == "20.0% of captions cut at 8 tokens"
    assert clip_score(pictures(3), CAPTIONS[:3], *clip, None).note is None
    cut = clip_score(pictures(1), ["a red circle on the left"], *clip, None).value  # 6 words, start and end: just fits
    assert clip_score(pictures(1), [CAPTIONS[3]], *clip, None).value == pytest.approx(cut, abs=1e-4)


def test_chance_is_the_score_of_other_images_captions(clip):
    images = np.repeat(pictures(1), 4, axis=0)  # one picture four times: other captions then score the same mean
    score = clip_score(images, CAPTIONS[:4], *clip, None)
    assert score.chance == pytest.approx(np.mean(score.per_item), abs=1e-3)
    assert clip_score(images[:1], CAPTIONS[:1], *clip, None).chance is None


def test_batches_and_training_mode_do_not_matter(clip):
    model, processor = clip
    images = pictures(5)
    model.train()
    whole = clip_score(images, CAPTIONS, model, processor, None)
    assert model.training
    model.eval()
    assert whole.per_item == pytest.approx(clip_score(images, CAPTIONS, model, processor, None, batch_size=1).per_item)


def test_only_empty_captions(clip):
    assert np.isfinite(clip_score(pictures(2), ["", ""], *clip, None).value)


@pytest.mark.parametrize(("n", "captions"), [(0, []), (2, ["a red circle"])])
def test_nothing_to_compare_is_refused(clip, n, captions):
    with pytest.raises(UserError, match="as many captions as images"):
        clip_score(pictures(n), captions, *clip, None)

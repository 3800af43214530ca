"""CIDEr-D of generated captions, by pycocoevalcap with its PTB tokenizer, and the caption length that explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pycocoevalcap.cider.cider import Cider

from bench.errors import UserError
from bench.metrics import Score
from bench.metrics.chance import derangement
from bench.metrics.ptb import check_java, one_line, tokenize

__all__ = ["caption_length", "check_java", "cider"]


def cider(captions: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> Score:
    """Return the mean CIDEr-D of one caption per image id, 0 to 10, against each image's references.

    The word weights (IDF) come from all of `references`, which may hold more images than `captions`: a subset is then
    scored by the whole set's weights. An empty caption scores 0. Chance gives each image another image's caption.
    `per_item` follows the order of `captions`. Raises UserError for missing references and without Java.
    """
    if not captions:
        raise UserError("CIDEr of no captions: generate at least one caption (eval.num_captions)")
    missing = [image for image in captions if not references.get(image)]
    if missing:
        raise UserError(f"image {missing[0]} has a caption but no reference ({len(missing)} such images)")

    images = [image for image, refs in references.items() if refs]
    tokens = iter(tokenize([*captions.values(), *(ref for image in images for ref in references[image])]))
    hypotheses = {image: next(tokens) for image in captions}
    tokenized = {image: [next(tokens) for _ in references[image]] for image in images}
    if not any(word for refs in tokenized.values() for word in refs):
        raise UserError("CIDEr has nothing to compare with: no reference caption holds a word")

    per_item = _cider_d(hypotheses, tokenized)
    partner = derangement(len(captions))
    chance = None
    if partner is not None:
        spoken = list(hypotheses.values())
        swapped = {image: spoken[j] for image, j in zip(hypotheses, partner, strict=True)}
        chance = float(np.mean(_cider_d(swapped, tokenized)))
    return Score(
        value=float(np.mean(per_item)),
        n=len(captions),
        direction="higher",
        unit="CIDEr-D x 1 (0-10)",
        weights=None,
        chance=chance,
        note="CIDEr of one image is always 0: its word weights need more" if len(images) == 1 else None,
        per_item=per_item,
    )


def caption_length(captions: Mapping[str, str], references: Mapping[str, Sequence[str]] | None = None) -> Score:
    """Return the mean words a caption; the note has the references' mean, for CIDEr-D punishes another length."""
    if not captions:
        raise UserError("caption length of no captions: generate at least one caption (eval.num_captions)")
    lengths = [float(len(one_line(caption).split())) for caption in captions.values()]
    note = None
    if references:
        expected = np.mean([len(one_line(ref).split()) for image in captions for ref in references[image]])
        note = f"references: {expected:.1f} words"
    return Score(float(np.mean(lengths)), len(lengths), "neither", "words", None, note=note, per_item=lengths)


def _cider_d(hypotheses: dict[str, str], references: dict[str, list[str]]) -> list[float]:
    """Return each hypothesis' CIDEr-D; images without one only lend their references to the IDF."""
    _, scores = Cider().compute_score(references, {image: [hypotheses.get(image, "")] for image in references})
    by_image = dict(zip(references, map(float, scores), strict=True))
    return [by_image[image] for image in hypotheses]

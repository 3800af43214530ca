"""CIDEr-D of generated captions, by pycocoevalcap with its PTB tokenizer, and the caption length that explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pycocoevalcap.cider.cider_scorer import CiderScorer, cook_refs, cook_test

from bench.evaluation.metrics.base import TEXT, Captions, Metric, MetricFile, Score
from bench.evaluation.metrics.parts.chance import derangement
from bench.evaluation.metrics.parts.ptb import check_java, one_line, tokenize
from bench.system.errors import UserError

CIDER = Metric(
    "cider", "CIDEr", "higher", "CIDEr-D x 1 (0-10)",
    "how much a caption shares with the image's own captions (CIDEr-D)", headline=True,
)  # fmt: skip
LENGTH = Metric("caption_length", "caption length", "neither", "words", "their length, which CIDEr-D punishes")


class CiderReferences:
    """Reference captions by image id, tokenized, with the word weights (IDF) that all of them give.

    Making them takes most of CIDEr's time, and one split's serve every evaluation on it. Raises UserError where no
    reference holds a word, and without Java.
    """

    def __init__(self, references: Mapping[str, Sequence[str]]) -> None:
        known = {image: refs for image, refs in references.items() if refs}
        tokens = iter(tokenize([ref for refs in known.values() for ref in refs]))
        self.tokenized = {image: [next(tokens) for _ in refs] for image, refs in known.items()}
        if not any(word for refs in self.tokenized.values() for word in refs):
            raise UserError("CIDEr has nothing to compare with: no reference caption holds a word")
        counting = CiderScorer()
        counting.crefs = [cook_refs(refs) for refs in self.tokenized.values()]
        counting.compute_doc_freq()
        self._document_frequency = counting.document_frequency

    def cider_d(self, hypotheses: Mapping[str, str]) -> list[float]:
        """Return the CIDEr-D of one tokenized caption per image id, in their order."""
        scorer = CiderScorer()
        scorer.document_frequency = self._document_frequency
        scorer.ctest = [cook_test(caption) for caption in hypotheses.values()]
        scorer.crefs = [cook_refs(self.tokenized[image]) for image in hypotheses]
        scorer.crefs += [[]] * (len(self.tokenized) - len(hypotheses))  # the IDF counts them, no caption meets them
        return [float(score) for score in scorer.compute_cider()]


def cider(captions: Mapping[str, str], references: CiderReferences) -> Score:
    """Return the mean CIDEr-D of one caption per image id, 0 to 10, against each image's references.

    The word weights come from all of `references`, which may hold more images than `captions`: a subset is then scored
    by the whole set's weights. An empty caption scores 0. Chance gives each image another image's caption. `per_item`
    follows the order of `captions`. Raises UserError for missing references and without Java.
    """
    if not captions:
        raise UserError("CIDEr of no captions: generate at least one caption (eval.num_captions)")
    missing = [image for image in captions if image not in references.tokenized]
    if missing:
        raise UserError(f"image {missing[0]} has a caption but no reference ({len(missing)} such images)")

    hypotheses = dict(zip(captions, tokenize([*captions.values()]), strict=True))
    per_item = references.cider_d(hypotheses)
    partner = derangement(len(captions))
    chance = None
    if partner is not None:
        spoken = list(hypotheses.values())
        swapped = {image: spoken[j] for image, j in zip(hypotheses, partner, strict=True)}
        chance = float(np.mean(references.cider_d(swapped)))
    images = len(references.tokenized)
    return CIDER.score(
        float(np.mean(per_item)),
        len(captions),
        chance=chance,
        note="CIDEr of one image is always 0: its word weights need more" if images == 1 else None,
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
    return LENGTH.score(float(np.mean(lengths)), len(lengths), note=note, per_item=lengths)


class Cider(MetricFile):
    """CIDEr-D of generated captions, word weights by the references of the whole split, and their length."""

    of = TEXT
    place = 10
    metrics = (CIDER, LENGTH)

    @classmethod
    def check(cls) -> None:
        check_java()

    def measure(self, subject: Captions) -> dict[str, Score]:
        split = subject.split
        by_id = dict(zip(split.ids, subject.captions, strict=False))
        known = {name: split.captions(index) for index, name in enumerate(split.ids)}
        references = subject.assets.once(("CIDEr references", split.split), lambda: CiderReferences(known))
        return {"cider": cider(by_id, references), "caption_length": caption_length(by_id, known)}

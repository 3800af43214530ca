"""Language retention: exact-match QA and perplexity, from text-only logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.metrics.base import LANGUAGE, Language, Metric, MetricFile, Score
from bench.system.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

EXAM = Metric(
    "exam", "exact-match QA", "higher", "share of answers exactly right",
    "questions to the language model, answered without an image", headline=True,
)  # fmt: skip
PERPLEXITY = Metric(
    "perplexity", "perplexity", "lower", "perplexity per token", "how surprising ordinary text is to the model"
)
LogitsFunction = Callable[["Tensor", "Tensor"], "Tensor"]
"""(token_ids (B, n), lengths (B,)) -> logits (B, n, V): rows padded on the right, no image."""


def exam(
    model_logits_fn: LogitsFunction,
    tokenizer: PreTrainedTokenizerBase,
    exam_items: Sequence[Mapping[str, str]],
    batch_size: int = 32,
) -> Score:
    """Return the share of items ("prompt", "answer") whose answer is exactly what greedy decoding generates.

    One forward decides it: as long as the argmax is right given the true answer so far, greedy decoding has written
    that same answer so far; where it is wrong first, greedy decoding departs. Greedy decoding stops after as many
    tokens as the answer has. Raises UserError for no items, or an item whose prompt and answer share a token.
    """
    import torch

    if not exam_items:
        raise UserError("exact-match QA has no items")
    rows, starts = [], []
    for item in exam_items:
        prompt = tokenizer(item["prompt"])["input_ids"]
        whole = tokenizer(f"{item['prompt']} {item['answer']}")["input_ids"]
        if len(whole) == len(prompt) or whole[: len(prompt)] != prompt or not prompt:
            raise UserError(f"exact-match QA item {dict(item)}: the answer must begin with a token of its own")
        rows.append(whole)
        starts.append(len(prompt))
    right: list[float] = []
    batches = _batches(model_logits_fn, tokenizer, rows, batch_size)
    for (logits, token_ids, lengths), first in zip(batches, _chunks(starts, batch_size), strict=True):
        hits = logits[:, :-1].argmax(-1) == token_ids[:, 1:]  # B n-1
        position = torch.arange(1, token_ids.shape[1], device=hits.device)  # of the predicted token
        asked = (position >= lengths.new_tensor(first)[:, None]) & (position < lengths[:, None])  # B n-1
        right += (hits | ~asked).all(-1).float().tolist()
    return EXAM.score(float(np.mean(right)), len(right), ceiling=1.0, per_item=right)


def perplexity(
    model_logits_fn: LogitsFunction, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], batch_size: int = 32
) -> Score:
    """Return exp of the mean negative log-likelihood (nats) per token over all texts, the first token given.

    `per_item` is each text's mean in nats. Raises UserError where no text has two tokens.
    """
    import torch

    rows = [row for row in tokenizer(list(texts))["input_ids"] if len(row) > 1] if texts else []
    if not rows:
        raise UserError("perplexity needs a text of at least two tokens")
    total, tokens, per_item = 0.0, 0, []
    for logits, token_ids, lengths in _batches(model_logits_fn, tokenizer, rows, batch_size):
        nats = torch.nn.functional.cross_entropy(
            logits[:, :-1].float().transpose(1, 2), token_ids[:, 1:], reduction="none"
        ).double()  # B n-1
        scored = torch.arange(1, token_ids.shape[1], device=nats.device) < lengths[:, None]  # B n-1
        nats = nats.masked_fill(~scored, 0).sum(-1)  # B
        total += nats.sum().item()
        tokens += int(scored.sum())
        per_item += (nats / (lengths - 1)).tolist()
    return PERPLEXITY.score(float(np.exp(total / tokens)), tokens, per_item=per_item)


def _batches(
    model_logits_fn: LogitsFunction, tokenizer: PreTrainedTokenizerBase, rows: list[list[int]], batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield logits (B, n, V), token ids (B, n) and lengths (B,), on the logits' device, rows padded on the right."""
    import torch

    pad = tokenizer.pad_token_id or 0
    for chunk in _chunks(rows, batch_size):
        lengths = torch.tensor([len(row) for row in chunk])
        longest = int(lengths.max())
        token_ids = torch.tensor([row + [pad] * (longest - len(row)) for row in chunk])
        with torch.inference_mode():
            logits = model_logits_fn(token_ids, lengths)  # B n V
            yield logits, token_ids.to(logits.device), lengths.to(logits.device)


def _chunks(items: list, size: int) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Retention(MetricFile):
    """Language retention: exact-match QA and perplexity, before the fusion and after it."""

    of = LANGUAGE
    metrics = (EXAM, PERPLEXITY)

    def measure(self, subject: Language) -> dict[str, Score]:
        model, assets = subject.model, subject.assets

        def after(ids: Tensor, lengths: Tensor) -> Tensor:
            return model.language_logits(ids.to(model.device))

        def before(ids: Tensor, lengths: Tensor) -> Tensor:
            return assets.llm(ids.to(assets.llm.device)).logits

        def measured(logits: LogitsFunction) -> dict[str, Score]:
            scores = {}
            if assets.exam:
                scores["exam"] = exam(logits, assets.tokenizer, assets.exam)
            if assets.texts:
                scores["perplexity"] = perplexity(logits, assets.tokenizer, assets.texts)
            return scores

        known = assets.once(("language", subject.config.runtime.matmul_backend), lambda: measured(before))
        return {
            name: replace(score, before=known[name].value, before_per_item=known[name].per_item)
            for name, score in measured(after).items()
        }

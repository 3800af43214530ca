"""Packed training rows of the language model: short documents that do not attend to each other, answers weighted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from bench.zoo.text import corpus

ROWS, ROW_TOKENS = 8, 128
ANSWER_WEIGHT = 8.0  # most of a text is chance and cannot be predicted; what follows "?", "=" or "means" can
ANSWERED = ("?", "Ġ=", "Ġmeans", "Ġwords", "Ġagain", "Ġreversed")
STOPS = (".", ";")
DOCUMENTS_A_DRAW = 4000


class Batch(NamedTuple):
    """Packed rows; every tensor is (rows, n)."""

    ids: Tensor
    documents: Tensor  # the number of each token's document
    positions: Tensor  # in the document
    weights: Tensor  # as a target: 0 for begin tokens and padding


def batches(words: PreTrainedTokenizerBase, shares: Mapping[str, float], first_draw: int) -> Iterator[Batch]:
    """Endless batches of documents in these ``shares``, from the draws ``first_draw``, ``first_draw`` + 1, ..."""
    answered, stops = ({words.convert_tokens_to_ids(token) for token in tokens} for tokens in (ANSWERED, STOPS))
    padding = (words.pad_token_id, -1, 0, 0.0)
    rows: list[list[tuple[int, int, int, float]]] = [[] for _ in range(ROWS)]
    draw = first_draw
    while True:
        for number, ids in enumerate(words(corpus.documents(DOCUMENTS_A_DRAW, draw, shares)).input_ids):
            document, answering = [], False
            for position, token in enumerate([*ids, words.eos_token_id][:ROW_TOKENS]):
                answering = answering and token not in stops
                document.append((token, number, position, (ANSWER_WEIGHT if answering else 1.0) if position else 0.0))
                answering = answering or token in answered
            row = next((row for row in rows if len(row) + len(document) <= ROW_TOKENS), None)
            if row is None:
                full = [row + [padding] * (ROW_TOKENS - len(row)) for row in rows]
                yield Batch(*(torch.tensor([[token[i] for token in row] for row in full]) for i in range(4)))
                rows = [[] for _ in range(ROWS)]
                row = rows[0]
            row += document
        draw += 1

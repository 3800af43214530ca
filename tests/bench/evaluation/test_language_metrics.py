"""The exam against greedy generation token by token, perplexity against a literal loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_pretrained import PAD, tiny_llama, tiny_tokenizer

from bench.evaluation.metrics.language import exam, perplexity
from bench.system.errors import UserError

TEXTS = ["a red circle on the left", "two", "blue square is the green circle of a blue square", "1 + 2 = 3"]


@pytest.fixture(scope="module")
def llama():
    return tiny_llama()


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer(end=False)


def logits_of(model):
    """Text-only logits with whatever stands right of a row's end replaced, to prove it is not read."""

    def logits(token_ids, lengths):
        mask = torch.arange(token_ids.shape[1]) < lengths[:, None]
        out = model(token_ids.where(mask, torch.tensor(7)), attention_mask=mask.long()).logits
        return out.where(mask[..., None], torch.tensor(float("nan")))

    return logits


@torch.no_grad()
def greedy(model, tokenizer, question: str, tokens: int) -> str:
    """Generate one token at a time without a cache."""
    ids = tokenizer(question)["input_ids"]
    start = len(ids)
    for _ in range(tokens):
        ids.append(model(torch.tensor([ids])).logits[0, -1].argmax().item())
    return " ".join(tokenizer.convert_ids_to_tokens(ids[start:]))


def test_exam_equals_greedy_generation(llama, tokenizer):
    questions = ["1 + 2 =", "a red", "the blue circle on the top right is", "two", "green square of", "3 + 4 ="]
    items = []
    for i, question in enumerate(questions):
        words = greedy(llama, tokenizer, question, i + 1).split()
        if i % 3 == 1:
            words[i // 2] = "with" if words[i // 2] != "with" else "of"  # one wrong word, first, middle or last
        items.append({"prompt": question, "answer": " ".join(words)})
    expected = [
        float(greedy(llama, tokenizer, item["prompt"], len(item["answer"].split())) == item["answer"]) for item in items
    ]
    assert expected == [1, 0, 1, 1, 0, 1]
    for batch_size in (1, 4, 64):
        score = exam(logits_of(llama), tokenizer, items, batch_size)
        assert score.per_item == expected
        assert (score.value, score.n, score.direction) == (pytest.approx(4 / 6), 6, "higher")


def test_perplexity_equals_a_literal_loop(llama, tokenizer):
    means, total, count = [], 0.0, 0
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        nats = []
        with torch.no_grad():
            for i in range(1, len(ids)):
                nats.append(-llama(torch.tensor([ids[:i]])).logits[0, -1].double().log_softmax(-1)[ids[i]].item())
        means.append(np.mean(nats))
        total, count = total + sum(nats), count + len(nats)
    for batch_size in (1, 3, 64):
        score = perplexity(logits_of(llama), tokenizer, TEXTS, batch_size)
        assert score.value == pytest.approx(np.exp(total / count), rel=1e-5)
        assert score.per_item == pytest.approx(means, rel=1e-5)
        assert (score.n, score.direction) == (count, "lower")


def test_a_uniform_model_has_the_vocabulary_as_perplexity(tokenizer):
    assert perplexity(lambda ids, _: torch.zeros(*ids.shape, 50), tokenizer, TEXTS).value == pytest.approx(50)


def test_rows_are_padded_on_the_right(tokenizer):
    seen = []

    def record(token_ids, lengths):
        seen.append((token_ids, lengths))
        return torch.zeros(*token_ids.shape, 40)

    perplexity(record, tokenizer, TEXTS, batch_size=2)
    for token_ids, lengths in seen:
        for row, length in zip(token_ids, lengths, strict=True):
            assert (row[:length] != PAD).all() and (row[length:] == PAD).all()


def test_nothing_to_measure_is_refused(llama, tokenizer):
    with pytest.raises(UserError, match="no items"):
        exam(logits_of(llama), tokenizer, [])
    with pytest.raises(UserError, match="a token of its own"):
        exam(logits_of(llama), tokenizer, [{"prompt": "1 + 2 =", "answer": ""}])
    for texts in ([], [""]):
        with pytest.raises(UserError, match="two tokens"):
            perplexity(logits_of(llama), tokenizer, texts)

"""Train and check the language model: a small Llama that adds two-digit numbers and answers questions about scenes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from bench.config.part_files import WEIGHTS
from bench.evaluation.metrics.language import exam, perplexity
from bench.models.pretrained import load_llm
from bench.scenes.grammar import vocabulary
from bench.zoo.new_llm import MAX_LENGTH, new_llm
from bench.zoo.text import corpus, tokenizer
from bench.zoo.text.curriculum import PHASES, Phase
from bench.zoo.text.packing import ROW_TOKENS, ROWS, Batch, batches

EXAMS = ("exam", "exam_sum", "exam_one_object", "exam_two_objects")  # the whole and each of its parts
BOUNDS = dict.fromkeys(EXAMS, 0.95) | {"word_distance": 0.5}
CLOSEST = 0.4  # cosine of two words above which they are pushed apart: left alone, synonyms drift into each other
SEED = 0


def train(folder: Path) -> None:
    """Train from scratch, deterministically; write model, tokenizer, held-out data and card to ``folder``."""
    torch.manual_seed(SEED)
    words = tokenizer.build(MAX_LENGTH)
    model = new_llm(words)
    for phase in PHASES:
        packed = batches(words, phase.shares, phase.first_draw)
        _learn(model, phase, packed, _word_ids(words))
    model.set_attn_implementation("sdpa")
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    _write_lines(folder / "exam.jsonl", corpus.exam())
    _write_lines(folder / "text.jsonl", [{"text": text} for text in corpus.held_out_texts()])
    (folder / "README.md").write_text(_card(measure(str(folder))), encoding="utf-8")


def check() -> dict[str, float]:
    """Measure the committed model; see `measure`."""
    return measure("embedded")


def measure(name: str) -> dict[str, float]:
    """Exact-match QA (all and by kind), perplexity, and one minus the largest word cosine of the model ``name``."""
    model, words = load_llm(name)
    folder = WEIGHTS / "llm" if name == "embedded" else Path(name)
    rows = [json.loads(line) for line in (folder / "exam.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in (folder / "text.jsonl").read_text(encoding="utf-8").splitlines()]
    right = exam(partial(_logits, model), words, rows).per_item or []
    scores = {"exam": sum(right) / len(right)}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [r for r, row in zip(right, rows, strict=True) if row["kind"] == kind]
        scores[f"exam_{kind.replace(' ', '_')}"] = sum(of_kind) / len(of_kind)
    scores["yes_or_no"] = exam(partial(_logits, model), words, corpus.yes_or_no_rows()).value
    scores["perplexity"] = perplexity(partial(_logits, model), words, texts).value
    return scores | {"word_distance": 1 - largest_cosine(model, words)}


@torch.inference_mode()
def largest_cosine(model: PreTrainedModel, words: PreTrainedTokenizerBase) -> float:
    """Largest cosine of the input embeddings of any two words of the captions' grammar."""
    return _cosines(model, _word_ids(words)).max().item()


def _word_ids(words: PreTrainedTokenizerBase) -> list[int]:
    return [words(word, add_special_tokens=False).input_ids[0] for word in vocabulary()]


def _cosines(model: PreTrainedModel, ids: list[int]) -> Tensor:
    """Between the embeddings of different words, (words, words); 0 on the diagonal."""
    table = model.get_parameter("model.embed_tokens.weight")  # (vocabulary, hidden)
    e = F.normalize(table[ids], dim=-1)  # (words, hidden)
    return (e @ e.T).fill_diagonal_(0)


def _logits(model: PreTrainedModel, ids: Tensor, lengths: Tensor) -> Tensor:
    """(rows, n) padded on the right -> (rows, n, vocabulary)."""
    return model(ids).logits


def _learn(model: LlamaForCausalLM, phase: Phase, packed: Iterator[Batch], word_ids: list[int]) -> None:
    optimizers = phase.optimizers(model)
    schedules = [LambdaLR(optimizer, phase.rate) for optimizer in optimizers]
    started = time.time()
    for step, batch in zip(range(phase.steps), packed, strict=False):
        loss = _loss(model, *batch)
        crowding = (_cosines(model, word_ids) - CLOSEST).relu().square().sum()
        model.zero_grad()
        (loss + crowding).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        if step % 100 == 99:
            line = f"llm, {phase.name}: step {step + 1}/{phase.steps}, loss {loss.item():.4f}"
            print(f"{line}, {time.time() - started:.0f} s", file=sys.stderr, flush=True)


def _loss(model: LlamaForCausalLM, ids: Tensor, documents: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Weighted next-token loss of packed rows (all arguments: (rows, n)); each document is seen alone."""
    same = documents[:, :, None] == documents[:, None, :]  # (rows, n, n)
    mask = (same & torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril())[:, None]  # (rows, 1, n, n)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(ids, attention_mask=mask, position_ids=positions, use_cache=False).last_hidden_state
        kept = weights[:, 1:] > 0
        logits = model.lm_head(hidden[:, :-1][kept])  # (kept, vocabulary)
    losses = F.cross_entropy(logits.float(), ids[:, 1:][kept], reduction="none")
    return (losses * weights[:, 1:][kept]).sum() / weights[:, 1:].sum()


def _write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _card(measured: dict[str, float]) -> str:
    rows = "\n".join(f"| {name} | {value:.4f} |" for name, value in measured.items())
    learned = "\n".join(
        f"- {phase.steps} steps of " + ", ".join(f"{kind} {share:.0%}" for kind, share in phase.shares.items())
        for phase in PHASES
    )
    return f"""# Language model

A transformers `LlamaForCausalLM` (4 layers of width 128, grouped-query attention) with a byte-level BPE tokenizer that
knows every word of the captions as one token. It adds two-digit numbers, answers questions about described scenes,
rewords captions, and writes ordinary sentences of a small grammar. A caption stands as `<bos> caption <eos>`.

Made by `python -m bench zoo build llm`: {sum(p.steps for p in PHASES)} steps of {ROWS} rows of {ROW_TOKENS} tokens,
generated by `bench/zoo/text/corpus.py` in the order of `bench/zoo/text/curriculum.py`:

{learned}

| measured on what training never saw | |
|---|---|
{rows}

`exam.jsonl` holds exact-match QA (sums of two-digit numbers, questions about scenes of 1 and 2 objects; an answer
counts if greedy decoding gives it exactly), `text.jsonl` the documents of the perplexity. `yes_or_no` (whether a
described scene holds an object; chance is 0.5) is no part of them. `word_distance` is one minus the
largest cosine between the embeddings of two words of the captions.

It knows these texts only; on other text it falls back to bytes it has never seen.
"""

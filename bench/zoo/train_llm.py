"""The zoo's language model: a small Llama that can add two-digit numbers and answer questions about described scenes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from bench.data.scenes.grammar import vocabulary
from bench.pretrained import WEIGHTS, load_llm
from bench.zoo import corpus, tokenizer

BOUNDS = {"exam": 0.95, "word_distance": 0.5}
STEPS, ROWS, ROW_TOKENS = 3000, 32, 128
LEARNING_RATE, WARMUP, WEIGHT_DECAY, BETAS = 3e-3, 100, 0.05, (0.9, 0.98)
ANSWER_WEIGHT = 4.0  # most of a text is chance and cannot be predicted; what follows "?" and "=" can
EMBEDDING_STD = 0.25  # at the customary 0.02 rare words' embeddings collapse into one
DOCUMENTS_A_DRAW = 4000
SEED = 0


def train(folder: Path) -> None:
    """Train on one thread (minutes) and write the model, its tokenizer, exam and held-out texts to ``folder``."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    words = tokenizer.build()
    model = _new_model(words)
    embeddings = list(model.model.embed_tokens.parameters())
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed_tokens" not in name]
    norms = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": embeddings + norms, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, STEPS, pct_start=WARMUP / STEPS, cycle_momentum=False, final_div_factor=100
    )
    started = time.time()
    for step, batch in zip(range(STEPS), _batches(words), strict=False):
        loss = _loss(model, *batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"llm step {step + 1}/{STEPS} loss {loss.item():.3f} {time.time() - started:.0f} s", flush=True)
    model.set_attn_implementation("sdpa")
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    _write_lines(folder / "exam.jsonl", corpus.exam())
    _write_lines(folder / "text.jsonl", [{"text": text} for text in corpus.held_out_texts()])


def check() -> dict[str, float]:
    """Measured on the committed weights: exam accuracy (all and by kind), perplexity, and 1 - the largest word cosine."""
    return measure("embedded")


def measure(name: str) -> dict[str, float]:
    """As `check`, for the language model called ``name``."""
    model, words = load_llm(name)
    folder = WEIGHTS / "llm" if name == "embedded" else Path(name)
    rows = [json.loads(line) for line in (folder / "exam.jsonl").read_text().splitlines()]
    texts = [json.loads(line)["text"] for line in (folder / "text.jsonl").read_text().splitlines()]
    right = [answers_rightly(model, words, row["prompt"], row["answer"]) for row in rows]
    scores = {"exam": sum(right) / len(right)}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [r for r, row in zip(right, rows, strict=True) if row["kind"] == kind]
        scores[f"exam_{kind.replace(' ', '_')}"] = sum(of_kind) / len(of_kind)
    return scores | {"perplexity": perplexity(model, words, texts), "word_distance": 1 - largest_cosine(model, words)}


@torch.inference_mode()
def answers_rightly(model: PreTrainedModel, words: PreTrainedTokenizerBase, prompt: str, answer: str) -> bool:
    """Whether greedy decoding after ``prompt`` writes exactly the tokens of ``answer`` (one pass: each is the argmax)."""
    start = words(prompt).input_ids
    wanted = words(answer, add_special_tokens=False).input_ids
    logits = model(torch.tensor([start + wanted])).logits[0, len(start) - 1 : -1]  # (n, vocabulary)
    return logits.argmax(-1).tolist() == wanted


@torch.inference_mode()
def perplexity(model: PreTrainedModel, words: PreTrainedTokenizerBase, texts: list[str]) -> float:
    """Of the documents' tokens after the begin token, the end token included."""
    total, count = 0.0, 0
    for text in texts:
        ids = torch.tensor([words(text).input_ids + [words.eos_token_id]])
        logits = model(ids).logits[0, :-1]
        total += F.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
        count += ids.shape[1] - 1
    return float(torch.tensor(total / count).exp())


@torch.inference_mode()
def largest_cosine(model: PreTrainedModel, words: PreTrainedTokenizerBase) -> float:
    """Between the input embeddings of any two words of the captions' grammar."""
    ids = [words(word, add_special_tokens=False).input_ids[0] for word in vocabulary()]
    e = F.normalize(model.get_input_embeddings().weight[ids], dim=-1)  # (words, hidden)
    return (e @ e.T - torch.eye(len(ids))).max().item()


def _new_model(words: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=tokenizer.MAX_LENGTH,
        tie_word_embeddings=False,
        initializer_range=0.05,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    AttentionInterface.register("sdpa_float32", _sdpa_float32)
    model = LlamaForCausalLM(config)
    model.set_attn_implementation("sdpa_float32")
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_STD)
    return model


def _sdpa_float32(module, query, key, value, mask, **options):  # type: ignore[no-untyped-def]  # transformers' interface
    """SDPA outside of autocast: on CPU its bfloat16 backward is several times slower."""
    with torch.autocast("cpu", enabled=False):
        return sdpa_attention_forward(module, query.float(), key.float(), value.float(), mask, **options)


def _loss(model: LlamaForCausalLM, ids: Tensor, documents: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Weighted next-token loss of packed rows, each document seen alone. ids, documents, positions, weights: (rows, n)."""
    same = documents[:, :, None] == documents[:, None, :]  # (rows, n, n)
    mask = (same & torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril())[:, None]  # (rows, 1, n, n)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(ids, attention_mask=mask, position_ids=positions, use_cache=False).last_hidden_state
        kept = weights[:, 1:] > 0
        logits = model.lm_head(hidden[:, :-1][kept])  # (kept, vocabulary)
    losses = F.cross_entropy(logits.float(), ids[:, 1:][kept], reduction="none")
    return (losses * weights[:, 1:][kept]).sum() / weights[:, 1:].sum()


def _batches(words: PreTrainedTokenizerBase) -> Iterator[list[Tensor]]:
    """Endless batches: ids, number of the document, position in it, and weight as a target (0: begin and padding)."""
    question = {words.convert_tokens_to_ids(token) for token in ("?", "Ġ=")}
    stop = {words.convert_tokens_to_ids(token) for token in (".", ";")}
    rows: list[list[tuple[int, int, int, float]]] = [[]]
    seed = 0
    while True:
        for number, ids in enumerate(words(corpus.documents(DOCUMENTS_A_DRAW, seed)).input_ids):
            document, answering = [], False
            for position, token in enumerate([*ids, words.eos_token_id]):
                answering = answering and token not in stop
                document.append((token, number, position, (ANSWER_WEIGHT if answering else 1.0) if position else 0.0))
                answering = answering or token in question
            if len(rows[-1]) + len(document) > ROW_TOKENS:
                rows[-1] += [(words.pad_token_id, -1, 0, 0.0)] * (ROW_TOKENS - len(rows[-1]))
                if len(rows) == ROWS:
                    yield [torch.tensor([[token[i] for token in row] for row in rows]) for i in range(4)]
                    rows = []
                rows.append([])
            rows[-1] += document
        seed += 1


def _write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

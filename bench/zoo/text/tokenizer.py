"""The zoo's tokenizer: byte-level BPE in the manner of Llama 3 (digits one by one, whole words before merges).

Every word of the zoo's texts is one token, the same at the start of a text and inside; all else falls back to
learned pieces and at last to bytes, so any text survives the round trip.
"""

from __future__ import annotations

import json
from functools import cache

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from bench.zoo.text.corpus import words

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
SPECIAL = (BOS, EOS, PAD)  # ids 0, 1, 2; CLIP wants an end token other than 2 (an old bug's marker) and the padding
PIECES = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s"
MERGED = 420  # vocabulary before whole words: specials, 256 bytes, and pieces for words never seen


@cache
def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token ids and merges: pieces learned from the zoo's words, then the words themselves."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = _pre_tokenizer()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=MERGED, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    learned.train_from_iterator([f" {word}" for word in words()], trainer)
    model = json.loads(learned.to_str())["model"]
    ids: dict[str, int] = model["vocab"]
    for whole in [f"Ġ{word}" for word in (*words(), *"0123456789+=")]:
        ids.setdefault(whole, len(ids))
    return ids, [tuple(merge) for merge in model["merges"]]


def build(max_length: int, end: bool = False) -> PreTrainedTokenizerFast:
    """Build the tokenizer; it puts the begin token before a text and, for CLIP (``end``), the end token after it."""
    ids, merges = vocabulary()
    inner = Tokenizer(models.BPE(vocab=ids, merges=merges, ignore_merges=True))  # a known piece is one token at once
    inner.normalizer = normalizers.Prepend(" ")
    inner.pre_tokenizer = _pre_tokenizer()
    inner.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    template = f"{BOS} $A {EOS}" if end else f"{BOS} $A"
    inner.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(token, ids[token]) for token in (BOS, EOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        padding_side="right",
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    split = pre_tokenizers.Split(Regex(PIECES), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])

"""Tiny random stand-ins for pretrained models, built by transformers itself: enough to check arithmetic, offline."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

TEXT = "a red blue green circle square on the left right top bottom one two three is and of with 1 2 3 4 + ="
WORDS = TEXT.split()
PAD, BOS, EOS = 0, 1, 3  # CLIP takes an end token of 2 for an old mistake in its configs


def tiny_tokenizer(end: bool) -> PreTrainedTokenizerFast:
    """A word tokenizer that writes a start token, and an end token where `end` is true."""
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<s>", "<unk>", "</s>", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if end else "<s> $A", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def tiny_clip(longest: int = 8) -> tuple[CLIPModel, CLIPProcessor]:
    """A random CLIP of 32 x 32 pictures and at most `longest` tokens."""
    torch.manual_seed(0)
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={
            **tower, "vocab_size": len(WORDS) + 4, "max_position_embeddings": longest,
            "pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS, "initializer_range": 0.5,
        },
        vision_config={**tower, "image_size": 32, "patch_size": 8},
        projection_dim=12,
    )  # fmt: skip
    size = {"height": 32, "width": 32}
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    return CLIPModel(config).eval(), CLIPProcessor(image_processor=images, tokenizer=tiny_tokenizer(end=True))


def tiny_llama() -> LlamaForCausalLM:
    """A random two-layer Llama over `tiny_tokenizer`'s words."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS) + 4, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.5,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()

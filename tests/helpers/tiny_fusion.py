"""A tiny random language model, and fusion models on it, for tests of architectures and of sampling."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from architectures.patches import ImageTokens
from architectures.transformer import FusionTransformer

CHANNELS, SIDE, VOCABULARY = 4, 4, 61
IMAGE_TOKENS = ImageTokens(CHANNELS, SIDE)


def tiny_language_model() -> LlamaForCausalLM:
    """A grouped-query Llama with llama3's own rope scaling."""
    torch.manual_seed(0)
    rope = {
        "rope_type": "llama3",
        "rope_theta": 10_000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        rope_parameters=rope,
        initializer_range=0.2,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config).eval()


def build(llm, name: str, image: ImageTokens = IMAGE_TOKENS, moved: bool = True, **options) -> FusionTransformer:
    """A model; ``moved`` away from step 0, so that copies differ from what they were copied from and gates are open."""
    torch.manual_seed(1)
    model = FusionTransformer(llm, name, image, options)
    if moved:
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def train_on_both_tasks(model: FusionTransformer, prompted: list[Any], captioned: list[Any]) -> None:
    """Three optimizer steps on ``[text, image]`` and ``[image, text]``."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        (_, drawn), _ = model(prompted)
        (_, told), _ = model(captioned)
        (model.velocity(drawn).square().mean() + model.logits(told).square().mean()).backward()
        optimizer.step()
        optimizer.zero_grad()

"""The untrained language model: a Llama initialised with heads that attend to earlier mentions of a token."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from bench.zoo.float_attention import use_float_attention

MAX_LENGTH = 256
EMBEDDING_STD = 0.25  # at the customary 0.02 rare words' embeddings collapse into one
KEY_GAIN, HEAD_GAIN = 1.5, 0.5


def new_llm(words: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    """The untrained model; weights from torch's generator, which the caller seeds."""
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=False,
        initializer_range=0.05,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    use_float_attention(model)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_STD)
    _initialise_mimetically(model)
    return model


@torch.no_grad()
def _initialise_mimetically(model: LlamaForCausalLM) -> None:
    """Set one query head per key head to the keys, and the output layer to the embeddings.

    Equal queries and keys find equal tokens (a mimetic initialisation), so that binding is learnt several times faster.
    """
    heads, groups = model.config.num_attention_heads, model.config.num_key_value_heads
    for layer in model.model.layers:
        key, query = layer.self_attn.k_proj.weight, layer.self_attn.q_proj.weight
        key.mul_(KEY_GAIN)
        by_group = query.view(groups, heads // groups, -1, query.shape[1])  # (groups, heads each, head_dim, hidden)
        by_group[:, 0] = key.view(groups, -1, key.shape[1])
    model.lm_head.weight.copy_(HEAD_GAIN * model.model.embed_tokens.weight)

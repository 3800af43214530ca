"""Which language models can be built on: those whose text-only logits come out exactly, and no others."""

from __future__ import annotations

import pytest
import torch
from experiments import small_config
from transformers import AutoModelForCausalLM as Causal
from transformers import (
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
    set_seed,
)

from bench.models.build import build_model
from bench.system.errors import UserError

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


def language_model(config: PreTrainedConfig):
    set_seed(0)
    model = Causal.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        for parameter in model.parameters():  # norms at 1 would hide that they are left out
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("family", [LlamaConfig, Qwen2Config, MistralConfig])
def test_llama_like_families_are_accepted(tmp_path, family):
    llm = language_model(family(**SIZES))
    model = build_model(small_config(tmp_path), llm, 4, 4)
    ids = torch.randint(50, (2, 9))
    assert torch.equal(model.language_logits(ids), llm(ids).logits)


def test_a_family_with_more_in_its_layers_is_refused(tmp_path):
    with pytest.raises(UserError, match="qwen3"):
        build_model(small_config(tmp_path), language_model(Qwen3Config(**SIZES)), 4, 4)


def test_a_family_with_other_layers_is_refused(tmp_path):
    with pytest.raises(UserError, match="not made as Llama's"):
        build_model(small_config(tmp_path), language_model(GPT2Config(vocab_size=50, n_embd=32, n_head=4)), 4, 4)


DYNAMIC = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
SHORT = {  # a language model that treats tokens beyond 32 otherwise, and the setting that is to be named
    "mistral": (MistralConfig(**SIZES, sliding_window=32), "sliding_window=32"),
    "qwen2, from layer 1 on": (
        Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=32, max_window_layers=1), "sliding_window=32"
    ),
    "dynamic": (LlamaConfig(**SIZES, rope_parameters=DYNAMIC, max_position_embeddings=32), "dynamic rope=32"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHORT)
def test_a_model_that_reaches_less_far_than_the_run_is_refused(tmp_path, name):
    config, setting = SHORT[name]
    llm = language_model(config)
    model = build_model(small_config(tmp_path), llm, 4, 4, longest=32)
    ids = torch.randint(50, (2, 32))
    assert torch.equal(model.language_logits(ids), llm(ids).logits)
    with pytest.raises(UserError, match=f"{setting} is less than this run's longest sequence, 33 tokens"):
        build_model(small_config(tmp_path), llm, 4, 4, longest=33)


@pytest.mark.parametrize(
    "config",
    [
        Qwen2Config(**SIZES, use_sliding_window=False, sliding_window=8),
        Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=8, max_window_layers=2),  # no layer has it
        MistralConfig(**SIZES, sliding_window=None),
        LlamaConfig(**SIZES),
    ],
)
def test_a_window_that_no_layer_has_is_no_limit(tmp_path, config):
    llm = language_model(config)
    model = build_model(small_config(tmp_path), llm, 4, 4, longest=70)
    ids = torch.randint(50, (2, 70))
    assert torch.equal(model.language_logits(ids), llm(ids).logits)


def test_what_differs_only_far_on_is_found_whatever_the_config_calls_it(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.models.build._limits", lambda config: {})
    llm = language_model(MistralConfig(**SIZES, sliding_window=32))
    build_model(small_config(tmp_path), llm, 4, 4, longest=32)
    with pytest.raises(UserError, match="mistral"):
        build_model(small_config(tmp_path), llm, 4, 4, longest=33)


def test_only_the_seed_decides_how_a_model_starts(tmp_path):
    """The random parts are the same for every architecture, and leave the global generator alone."""
    llm = language_model(LlamaConfig(**SIZES))
    before = torch.get_rng_state()
    models = [
        build_model(small_config(tmp_path, f"model.architecture={name}", f"seed={seed}"), llm, 4, 4)
        for name, seed in (("dual_tower", 0), ("single_tower", 0), ("dual_tower", 1))
    ]
    assert torch.equal(torch.get_rng_state(), before)
    first, same, other = (model.patches.project.weight for model in models)
    assert torch.equal(first, same) and not torch.equal(first, other)

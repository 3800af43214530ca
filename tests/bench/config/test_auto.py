"""`auto` means what the machine is fast at; attention stays in float32 on a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from experiments import small_config

import architectures
from bench.config import auto
from bench.evaluation.evaluate import precision as trained_precision
from bench.experiment.execute import prepare


@pytest.mark.parametrize(
    ("asked", "accelerator", "gpu", "flags", "means"),
    [
        ("auto", "auto", None, ["avx2", "amx_bf16"], "bfloat16"),
        ("auto", "cpu", None, ["avx512_bf16"], "bfloat16"),
        ("auto", "auto", None, ["avx2"], "float32"),
        ("auto", "auto", "a GPU", ["avx2"], "bfloat16"),
        ("auto", "cpu", "a GPU", ["avx2"], "float32"),
        ("auto", "mps", None, ["amx_bf16"], "float32"),
        ("float32", "auto", "a GPU", ["amx_bf16"], "float32"),
        ("bfloat16", "cpu", None, [], "bfloat16"),
    ],
)
def test_the_precision_is_what_is_fast_here(monkeypatch, asked, accelerator, gpu, flags, means):
    monkeypatch.setattr(auto, "gpu", lambda: gpu)
    monkeypatch.setattr(auto, "cpu_facts", lambda: {"flags": " ".join(flags)})
    assert auto.resolve_precision(asked, accelerator) == means


@pytest.mark.parametrize(
    ("asked", "precision", "accelerator", "gpu", "vendor", "flags", "means"),
    [
        ("auto", "float32", "auto", None, "AuthenticAMD", "avx2 avx512f", "onednn"),
        ("auto", "float32", "cpu", "a GPU", "AuthenticAMD", "avx512f", "onednn"),
        ("auto", "float32", "auto", "a GPU", "AuthenticAMD", "avx512f", "blas"),
        ("auto", "float32", "mps", None, "AuthenticAMD", "avx512f", "blas"),
        ("auto", "bfloat16", "cpu", None, "AuthenticAMD", "avx512f", "blas"),
        ("auto", "float32", "cpu", None, "AuthenticAMD", "avx2", "blas"),
        ("auto", "float32", "cpu", None, "GenuineIntel", "avx512f", "blas"),
        ("blas", "float32", "cpu", None, "AuthenticAMD", "avx512f", "blas"),
        ("onednn", "float32", "cpu", None, "GenuineIntel", "avx2", "onednn"),
    ],
)
def test_the_products_are_the_faster_ones(monkeypatch, asked, precision, accelerator, gpu, vendor, flags, means):
    monkeypatch.setattr(auto, "gpu", lambda: gpu)
    monkeypatch.setattr(auto, "cpu_facts", lambda: {"vendor_id": vendor, "flags": flags})
    assert auto.resolve_matmul_backend(asked, precision, accelerator) == means


def test_the_processor_says_what_it_is():
    facts = auto.cpu_facts()
    assert facts["vendor_id"] in Path("/proc/cpuinfo").read_text(encoding="utf-8") and "sse2" in facts["flags"].split()


@pytest.mark.parametrize("architecture", architectures.catalogue())
def test_bfloat16_training_multiplies_in_bfloat16_and_attends_in_float32(architecture, tmp_path, monkeypatch):
    """And its loss is the float32 one to bfloat16's two digits."""
    attended = set()
    attend = torch.nn.functional.scaled_dot_product_attention

    def spy(query, *args, **kwargs):
        attended.add(query.dtype)
        return attend(query, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    losses = {}
    for name in ("float32", "bfloat16"):
        config = small_config(tmp_path, f"model.architecture={architecture}", f"train.precision={name}")
        experiment = prepare(config)
        head = experiment.module.model.lm_head
        with trained_precision(experiment.module.model, config):
            terms = experiment.module.terms(experiment.mixture[0])
            losses[name] = experiment.module.total(terms)["loss"]
            assert head(torch.zeros(1, head.in_features)).dtype == getattr(torch, name)
    assert attended == {torch.float32}
    assert losses["bfloat16"].dtype == torch.float32
    assert 0 < abs(losses["bfloat16"] - losses["float32"]) < 1e-2 * losses["float32"]

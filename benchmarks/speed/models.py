"""Random models and batches of a shape: weights do not matter for speed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from architectures.patches import ImageTokens
from architectures.sequence import Image, Text
from architectures.transformer import FusionTransformer
from bench.config.auto import resolve_matmul_backend
from bench.models.matmul import set_matmul_backend
from benchmarks.speed.shapes import Shape

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Batch:
    """One step: text-to-image rows, with noisy images, and image-to-text rows."""

    ids: Tensor  # (rows, text tokens)
    latents: Tensor  # (rows, C, side, side)
    sigma: Tensor  # (rows,)
    t2i_rows: int  # the first rows are [text, image], the others [image, text]

    @property
    def t2i(self) -> list[Text | Image]:
        return [Text(self.ids[: self.t2i_rows]), Image(self.latents[: self.t2i_rows], self.sigma[: self.t2i_rows])]

    @property
    def i2t(self) -> list[Text | Image]:
        return [Image(self.latents[self.t2i_rows :], self.sigma[self.t2i_rows :]), Text(self.ids[self.t2i_rows :])]


def language_model_of(shape: Shape, device: str = "cpu") -> LlamaForCausalLM:
    """A random Llama, made where and in the precision in which it is used; the same for every call."""
    torch.manual_seed(0)
    with _making(shape, device):
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=shape.vocabulary,
                hidden_size=shape.width,
                intermediate_size=shape.mlp_width,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                num_key_value_heads=shape.key_value_heads,
                head_dim=shape.head_width,
                max_position_embeddings=4096,
                tie_word_embeddings=False,
                attn_implementation="sdpa",
            )
        )


def model_of(shape: Shape, architecture: str, device: str = "cpu") -> FusionTransformer:
    """A random model at step 0, the same for every call and in as far as possible for every architecture."""
    llm = language_model_of(shape, device)
    with _making(shape, device):
        model = FusionTransformer(llm, architecture, ImageTokens(shape.channels, shape.image_side))
    set_matmul_backend(model, matmul_backend_of(shape, device))
    return model


def matmul_backend_of(shape: Shape, device: str) -> str:
    """The matmul backend that ``runtime.matmul_backend=auto`` means here."""
    return resolve_matmul_backend("auto", shape.dtype, "cpu" if device == "cpu" else "gpu")


def by_blas(model: Model) -> Model:
    """The model on the same parameters, its matmuls torch's own."""
    twin = copy.deepcopy(model, {id(parameter): parameter for parameter in model.parameters()})
    set_matmul_backend(twin, "blas")
    return twin


def batch_of(shape: Shape, device: str = "cpu") -> Batch:
    """A random step's batch, the same for every call."""
    random = torch.Generator().manual_seed(0)
    ids = torch.randint(0, shape.vocabulary, (shape.rows, shape.text_tokens), generator=random)
    latents = torch.randn(shape.rows, shape.channels, shape.image_side, shape.image_side, generator=random)
    sigma = torch.rand(shape.rows, generator=random)
    return Batch(ids.to(device), latents.to(device, getattr(torch, shape.dtype)), sigma.to(device), shape.t2i_rows)


@contextmanager
def _making(shape: Shape, device: str) -> Iterator[None]:
    """Make tensors inside in the shape's dtype and on ``device``, so that none is made twice."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, shape.dtype))
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)

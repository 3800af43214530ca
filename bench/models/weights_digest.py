"""Digest of weights in memory. Frozen ones keep it in training (docs/design.md, invariant 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor


def parameters_digest(named_tensors: Iterable[tuple[str, Tensor]]) -> str:
    """Return the sha256 (64 hex digits) of names, types, shapes and bits, whatever the order, device or strides.

    Takes `module.named_parameters()` or `module.state_dict().items()`.
    """
    sha = hashlib.sha256()
    for name, tensor in sorted(named_tensors, key=lambda pair: pair[0]):
        sha.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}\n".encode())
        bits = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)  # NumPy knows no bfloat16
        sha.update(bits.numpy().data)
    return sha.hexdigest()

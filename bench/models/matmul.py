"""Matmul backends of linear layers: torch's own BLAS, or oneDNN for large float32 products on a CPU.

They compute the same sums in another order. MKL keeps its AVX-512 code to Intel's processors: on others oneDNN is up to
2.3 times faster (`make bench`, AMD EPYC of 2024), forward and backward.

Shapes: T tokens, m values in, n values out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

MIN_OPERATIONS = 2**20  # multiplications of a product; below, calling oneDNN costs more than it saves


class OneDnnLinear(nn.Linear):
    """Linear layer with the oneDNN matmul backend for large float32 products on a CPU."""

    def forward(self, states: Tensor) -> Tensor:
        if _suits_onednn(states, self.weight):
            return _OneDnnLinearFunction.apply(states, self.weight, self.bias)  # type: ignore[no-any-return]
        return super().forward(states)


MATMUL_BACKENDS: dict[str, type[nn.Linear]] = {"blas": nn.Linear, "onednn": OneDnnLinear}


def set_matmul_backend(model: nn.Module, backend: str) -> None:
    """Switch all linear layers of ``model`` to one of `MATMUL_BACKENDS`. Their weights stay as they are."""
    for module in model.modules():
        if type(module) in MATMUL_BACKENDS.values():
            module.__class__ = MATMUL_BACKENDS[backend]


def _suits_onednn(states: Tensor, weight: Tensor) -> bool:
    if torch.is_autocast_enabled("cpu") or states.device.type != "cpu" or states.dtype != torch.float32:
        return False
    return weight.dtype == torch.float32 and states.numel() * len(weight) >= MIN_OPERATIONS


class _OneDnnLinearFunction(torch.autograd.Function):
    """y = x W' + b and its gradients."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(..., m), (n, m), (n,) -> (..., n)."""
        ctx.save_for_backward(states, weight)
        return onednn_matmul(states, weight, bias)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """(..., n) -> (..., m), (n, m), (n,)."""
        states, weight = ctx.saved_tensors
        for_states, for_weight, for_bias = ctx.needs_input_grad
        flat = gradient.flatten(0, -2)  # T n
        return (
            onednn_matmul(gradient, weight.T) if for_states else None,
            onednn_matmul(flat.T, states.flatten(0, -2).T) if for_weight else None,
            flat.sum(0) if for_bias else None,
        )


def onednn_matmul(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left right' + bias by oneDNN: (..., k), (n, k), (n,) -> (..., n)."""
    if torch.compiler.is_compiling():
        return torch.ops.xfusion.matmul(left, right, bias)  # type: ignore[no-any-return]
    return _linear_pointwise(left, right, bias)


def _linear_pointwise(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], None)  # type: ignore[no-any-return]


# Opaque to the compiler, which accepts oneDNN's own operator only for weights that never change.
_library = torch.library.Library("xfusion", "DEF")
_library.define("matmul(Tensor left, Tensor right, Tensor? bias) -> Tensor")
_library.impl("matmul", _linear_pointwise, "CPU")
torch.library.register_fake("xfusion::matmul", lambda left, right, bias: left.new_empty(*left.shape[:-1], len(right)))

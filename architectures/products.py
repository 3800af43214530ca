"""Float32 matrix products of linear layers by oneDNN instead of the BLAS that torch was built with.

The same sums in another order. MKL keeps its AVX-512 code to Intel's processors: on others oneDNN multiplies up to 2.3
times faster (`make bench`, AMD EPYC of 2024), forward and backward.

Shapes: T tokens, m values in, n values out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

LEAST = 2**20  # multiplications and additions of a product; below, calling oneDNN costs more than it saves


class OneDnnLinear(nn.Linear):
    """A linear layer whose large float32 products on a CPU are oneDNN's."""

    def forward(self, states: Tensor) -> Tensor:
        if _is_for_onednn(states, self.weight):
            return _Linear.apply(states, self.weight, self.bias)  # type: ignore[no-any-return]
        return super().forward(states)


PRODUCTS: dict[str, type[nn.Linear]] = {"blas": nn.Linear, "onednn": OneDnnLinear}


def multiply_by(products: str, model: nn.Module) -> None:
    """Leave the products of all linear layers of ``model`` to one of ``PRODUCTS``. Its weights stay as they are."""
    for module in model.modules():
        if type(module) in PRODUCTS.values():
            module.__class__ = PRODUCTS[products]


def _is_for_onednn(states: Tensor, weight: Tensor) -> bool:
    if torch.is_autocast_enabled("cpu") or states.device.type != "cpu" or states.dtype != torch.float32:
        return False
    return weight.dtype == torch.float32 and states.numel() * len(weight) >= LEAST


class _Linear(torch.autograd.Function):
    """y = x W' + b, and its gradients."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(..., m), (n, m), (n,) -> (..., n)."""
        ctx.save_for_backward(states, weight)
        return product(states, weight, bias)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """(..., n) -> (..., m), (n, m), (n,)."""
        states, weight = ctx.saved_tensors
        of_states, of_weight, of_bias = ctx.needs_input_grad
        flat = gradient.flatten(0, -2)  # T n
        return (
            product(gradient, weight.T) if of_states else None,
            product(flat.T, states.flatten(0, -2).T) if of_weight else None,
            flat.sum(0) if of_bias else None,
        )


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left right' + bias by oneDNN: (..., k), (n, k), (n,) -> (..., n)."""
    if torch.compiler.is_compiling():
        return torch.ops.xfusion.product(left, right, bias)  # type: ignore[no-any-return]
    return _onednn(left, right, bias)


def _onednn(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], None)  # type: ignore[no-any-return]


# To the compiler it is a closed box: of oneDNN's operator it takes only weights that never change.
_library = torch.library.Library("xfusion", "DEF")
_library.define("product(Tensor left, Tensor right, Tensor? bias) -> Tensor")
_library.impl("product", _onednn, "CPU")
torch.library.register_fake("xfusion::product", lambda left, right, bias: left.new_empty(*left.shape[:-1], len(right)))

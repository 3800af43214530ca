"""The floor under a training step: the FLOPs it needs, at the rate at which this machine multiplies matrices.

The products and the copy here take turns with the steps, so the floor moves with the machine as they do.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.necessary import LAYERS, necessary_flops
from benchmarks.paired import Paired, Ratio, Ways, quartiles
from benchmarks.shapes import Shape

OPTIMIZER_NUMBERS = 7  # AdamW reads weight, gradient and two moments, and writes all but the gradient


class Products:
    """The matrix products of one decoder layer on all tokens of a step: forward, and both gradients.

    They write to memory that is there: what it costs to get some is not theirs.
    """

    def __init__(self, shape: Shape, device: str = "cpu") -> None:
        width, mlp = shape.width, shape.mlp_width
        narrow = shape.key_value_heads * shape.head_width
        sizes = [(width, width)] * 2 + [(width, narrow)] * 2 + [(width, mlp)] * 2 + [(mlp, width)]
        tokens, dtype = shape.rows * (shape.image_tokens + shape.text_tokens), getattr(torch, shape.dtype)
        how = {"dtype": dtype, "device": device}
        self.operands = [(torch.randn(tokens, n, **how), torch.randn(m, n, **how)) for n, m in sizes]
        self.results = [tuple(torch.randn_like(each) for each in (x @ w.T, x, w)) for x, w in self.operands]
        self.flops = sum(3 * 2 * tokens * n * m for n, m in sizes)

    def __call__(self) -> None:
        for (x, w), (y, x_gradient, w_gradient) in zip(self.operands, self.results, strict=True):
            torch.mm(x, w.T, out=y)
            torch.mm(y, w, out=x_gradient)
            torch.mm(y.T, x, out=w_gradient)


class Copy:
    """A copy that no cache holds."""

    def __init__(self, device: str = "cpu") -> None:
        self.source, self.target = torch.zeros(2**25, device=device), torch.zeros(2**25, device=device)
        self.bytes = 2 * self.source.nbytes  # read and written

    def __call__(self) -> None:
        self.target.copy_(self.source)


class Floor:
    """Beside every architecture's step: what it needs, at this machine's rates of that turn."""

    def __init__(self, shape: Shape, device: str = "cpu") -> None:
        self.shape, self.products, self.copy = shape, Products(shape, device), Copy(device)

    def ways(self, name: str) -> Ways:
        """To take turns with the step of architecture ``name``."""
        return {f"{name} products": self.products, f"{name} copy": self.copy}

    def under(self, name: str, trained: int, times: Paired, step: str) -> Ratio:
        """The step's time over the floor's."""
        needed, moved = necessary_flops(self.shape, name), trained * OPTIMIZER_NUMBERS * self.shape.itemsize
        turns = zip(times.seconds[step], times.seconds[f"{name} copy"], self._rates(name, times), strict=True)
        return quartiles(own / (needed / rate + moved * copy / self.copy.bytes) for own, copy, rate in turns)

    def utilisation(self, name: str, times: Paired, step: str) -> Ratio:
        """MFU: the FLOPs that the step needs over what the products' rate would do in its time."""
        needed = necessary_flops(self.shape, name)
        turns = zip(times.seconds[step], self._rates(name, times), strict=True)
        return quartiles(needed / (own * rate) for own, rate in turns)

    def facts(self, name: str, times: Paired) -> dict[str, Any]:
        """What the floor stands on."""
        rates = quartiles(rate / 1e9 for rate in self._rates(name, times))
        needed = necessary_flops(self.shape, name) / 1e9 if name in LAYERS else None
        return {"matmul_gflops": rates, "necessary_gflop": needed}

    def _rates(self, name: str, times: Paired) -> list[float]:
        """FLOP/s, turn by turn."""
        return [self.products.flops / each for each in times.seconds[f"{name} products"]]

"""The floor under a training step: the FLOPs it needs, at the rate at which this machine multiplies matrices.

The products and the copy here take turns with the steps, so the floor moves with the machine as they do.
"""

from __future__ import annotations

from typing import Any

import torch

from bench.models.matmul import onednn_matmul
from benchmarks.speed.models import matmul_backend_of
from benchmarks.speed.necessary import LAYERS, necessary_flops
from benchmarks.speed.paired import Paired, Ratio, Ways, quartiles
from benchmarks.speed.shapes import Shape

WHEN = ("before", "after")
OPTIMIZER_NUMBERS = 7  # AdamW reads weight, gradient and two moments, and writes all but the gradient


class Products:
    """The matrix products of one decoder layer on all tokens of a step: forward, and both gradients.

    They use the step's matmul backend. Allocation does not count: BLAS writes to
    memory that is there, and oneDNN's comes from what was freed.
    """

    def __init__(self, shape: Shape, device: str = "cpu") -> None:
        width, mlp = shape.width, shape.mlp_width
        narrow = shape.key_value_heads * shape.head_width
        sizes = [(width, width)] * 2 + [(width, narrow)] * 2 + [(width, mlp)] * 2 + [(mlp, width)]
        tokens, dtype = shape.rows * (shape.image_tokens + shape.text_tokens), getattr(torch, shape.dtype)
        how = {"dtype": dtype, "device": device}
        self.operands = [(torch.randn(tokens, n, **how), torch.randn(m, n, **how)) for n, m in sizes]
        self.results = [tuple(torch.randn_like(each) for each in (x @ w.T, x, w)) for x, w in self.operands]
        self.by_onednn = matmul_backend_of(shape, device) == "onednn"
        self.flops = sum(3 * 2 * tokens * n * m for n, m in sizes)

    def __call__(self) -> None:
        for (x, w), (y, x_gradient, w_gradient) in zip(self.operands, self.results, strict=True):
            if self.by_onednn:
                onednn_matmul(x, w)
                onednn_matmul(y, w.T)
                onednn_matmul(y.T, x.T)
            else:
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
    """Time that an architecture's step needs at least, at this machine's rates just before and after it."""

    def __init__(self, shape: Shape, device: str = "cpu") -> None:
        self.shape, self.products, self.copy = shape, Products(shape, device), Copy(device)

    def ways(self, name: str, when: str) -> Ways:
        """Products and copy to time ``when`` ("before" or "after") the step of architecture ``name`` runs."""
        return {f"{name} products {when}": self.products, f"{name} copy {when}": self.copy}

    def under(self, name: str, trained: int, times: Paired, step: str) -> Ratio:
        """The step's time over the floor's."""
        needed, moved = necessary_flops(self.shape, name), trained * OPTIMIZER_NUMBERS * self.shape.itemsize
        turns = zip(times.seconds[step], *self._rates(name, times), strict=True)
        return quartiles(own / (needed / rate + moved / bandwidth) for own, rate, bandwidth in turns)

    def utilisation(self, name: str, times: Paired, step: str) -> Ratio:
        """MFU: the FLOPs that the step needs over what the products' rate would do in its time."""
        needed = necessary_flops(self.shape, name)
        turns = zip(times.seconds[step], self._rates(name, times)[0], strict=True)
        return quartiles(needed / (own * rate) for own, rate in turns)

    def facts(self, name: str, times: Paired) -> dict[str, Any]:
        """Measured rates that the floor is computed from."""
        rates = quartiles(rate / 1e9 for rate in self._rates(name, times)[0])
        needed = necessary_flops(self.shape, name) / 1e9 if name in LAYERS else None
        return {"matmul_gflops": rates, "necessary_gflop": needed}

    def _rates(self, name: str, times: Paired) -> tuple[list[float], list[float]]:
        """FLOP/s and bytes/s, turn by turn."""
        seconds = {way: [times.seconds[f"{name} {way} {when}"] for when in WHEN] for way in ("products", "copy")}
        flops, moved = 2 * self.products.flops, 2 * self.copy.bytes
        rates = [flops / sum(each) for each in zip(*seconds["products"], strict=True)]
        return rates, [moved / sum(each) for each in zip(*seconds["copy"], strict=True)]

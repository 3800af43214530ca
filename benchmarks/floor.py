"""The floor under a training step: the FLOPs it needs, at the rate at which this machine multiplies matrices.

The products and the copy here take turns with the steps, so the floor moves with the machine as they do.
"""

from __future__ import annotations

import torch

from benchmarks.necessary import necessary_flops
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


def floor_seconds(shape: Shape, architecture: str, trained: int, rate: float, bandwidth: float) -> float:
    """Seconds of a step that does what is necessary, at ``rate`` FLOP/s and ``bandwidth`` bytes/s."""
    moved = trained * OPTIMIZER_NUMBERS * shape.itemsize
    return necessary_flops(shape, architecture) / rate + moved / bandwidth

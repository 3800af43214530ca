"""FLOPs as torch counts them, and those that its table lacks: the CPU's fused attention and oneDNN's matmuls."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count


def count_flops(work: Callable[[], Any]) -> int:
    """FLOPs of ``work()``."""
    with FlopCounterMode(display=False, custom_mapping=_CPU) as counter:
        work()
    return counter.get_total_flops()


def _forward(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(grad, query, key, value)


def _product(left: Any, right: Any, *_: Any, **__: Any) -> int:
    """(..., k), (n, k) -> (..., n)."""
    return 2 * math.prod(left) * right[0]


_CPU = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
    torch.ops.mkldnn._linear_pointwise: _product,
}

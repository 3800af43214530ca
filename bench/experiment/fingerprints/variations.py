"""Harmless variations, which may move rounding alone: those that set tolerances, and others held out to test them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SHARED = "shared"  # the scope of what all architectures have in common
NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Variation:
    """How fingerprints are computed otherwise."""

    environment: Mapping[str, str] = field(default_factory=lambda: NONE)  # of the process
    settings: tuple[str, ...] = ()
    split: bool = False  # losses and gradients from two halves of the batch
    flush_denormal: bool = False
    held_out: bool = False  # not used for tolerances


def _threads(number: int) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(number), "MKL_NUM_THREADS": str(number)}


PLAIN = "plain"
VARIATIONS = {
    PLAIN: Variation(_threads(1)),
    "two threads": Variation(_threads(2), ("runtime.threads=2",)),
    "oneDNN": Variation(_threads(1), ("runtime.matmul_backend=onednn",)),
    "split batch": Variation(_threads(1), split=True),
    "AVX2": Variation(
        _threads(1) | {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    ),
    "AVX2, oneDNN, split batch": Variation(
        _threads(1) | {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
        ("runtime.matmul_backend=onednn",), split=True,
    ),
    "MKL's compatible mode": Variation(_threads(1) | {"MKL_CBWR": "COMPATIBLE"}),
    "three threads": Variation(_threads(3), ("runtime.threads=3",), held_out=True),
    "no vector instructions": Variation(_threads(1) | {"ATEN_CPU_CAPABILITY": "default"}, held_out=True),
    "denormals flushed": Variation(_threads(1), flush_denormal=True, held_out=True),
    "other batches of evaluation": Variation(_threads(1), ("eval.batch_size=5",), held_out=True),
}  # fmt: skip
"""By name. The first is how fingerprints are made where nothing else is asked for."""

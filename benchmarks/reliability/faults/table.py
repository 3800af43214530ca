"""`python -m benchmarks.reliability.faults --table`: what each fault moves, and how much (results/faults.txt)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmarks.reliability.faults import FAULTS
from benchmarks.reliability.faults.shown import (
    HARMLESS,
    STAGES,
    TIMES,
    Move,
    Observed,
    architecture_of,
    moved,
    observed,
    shown,
)

HEAD = f"""python -m benchmarks.reliability.faults --table

A run of 8 steps with each fault, against the same run without. A number is the largest relative change of a quantity
of its stage: tensors of all batches; the learning rate; losses, step by step; how far each parameter and its average
have moved; images and captions (share of changed ones); scores. 1 also stands for another shape. Last comes the
quantity that changed most in the first stage shown to change: by more than 1e-4, and than {TIMES} times what other
rounding changes there. Faults of training and of scoring are shown in one architecture, dual_tower mostly.
"""


def table(names: list[str], place: Path) -> Iterator[str]:
    """Lines of a table: every fault, its largest change in each stage, and what is first shown to move."""

    @cache
    def normal(architecture: str) -> Observed:
        return observed(place, architecture)

    @cache
    def null(architecture: str) -> dict[str, Move]:
        return moved(normal(architecture), observed(place, architecture, None, HARMLESS))

    yield HEAD
    yield _row("fault", "group", "touches", [f"{stage:>8}" for stage in STAGES], "first to move")
    for architecture in sorted({architecture_of(FAULTS[name]) for name in names}):
        yield _line("(nothing; oneDNN in place of BLAS)", "", architecture, null(architecture), [])
    for name in names:
        fault = FAULTS[name]
        architecture = architecture_of(fault)
        moves = moved(normal(architecture), observed(place, architecture, fault))
        yield _line(name, fault.group, fault.touches, moves, shown(moves, null(architecture)))


def _line(name: str, group: str, touches: str, moves: dict[str, Move], beyond: list[str]) -> str:
    cells = [f"{moves[stage].change:8.1e}" if stage in moves else f"{'-':>8}" for stage in STAGES]
    first = moves[beyond[0]].quantity if beyond else "nothing beyond rounding"
    return _row(name, group, touches, cells, first)


def _row(name: str, group: str, touches: str, cells: list[str], first: str) -> str:
    return f"{name:<36} {group:<12} {touches:<15} {' '.join(cells)}  {first}"

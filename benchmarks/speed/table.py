"""Tables of rows as text."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.speed.growth import Point
from benchmarks.speed.paired import Ratio
from benchmarks.speed.rows import Row

GAP = "   "  # between columns
LEGEND = """\
Ratios: median of the turns' own [quartiles]. A step: forward, backward, clipping, AdamW.
floor: the FLOPs a step needs (benchmarks/speed/necessary.py) at the rate of a layer's own matrix products beside the
step, multiplied as in it, and AdamW's memory traffic; MFU: those FLOPs over that rate and the step's time.
BLAS: the same step by the products that torch itself calls, where ours are oneDNN's (runtime.matmul_backend).
literal: every tower over the whole packed sequence with a dense mask (benchmarks/speed/literal.py), again for every
denoising step and every token generated, and nothing cached.
generate: transformers' LlamaForCausalLM behind a text as long as the image."""


def table(rows: Sequence[Row]) -> str:
    """Table of one quantity at one shape."""
    others = list(dict.fromkeys(other for row in rows for other in row.over))
    is_rate = rows[0].unit.endswith("/s")
    better = "more is better" if is_rate else "less is better"
    relation = "times" if is_rate else "over"
    further = list(dict.fromkeys(name for row in rows for name in row.also))
    cells = [["", rows[0].unit, *(f"{relation} {other}" for other in others), *further]]
    for row in rows:
        ratios = [row.over.get(other) for other in others] + [row.also.get(name) for name in further]
        cells.append([row.architecture, _number(row.value), *map(_cell, ratios)])
    title = f"{rows[0].quantity} ({better}, {rows[0].turns} turn{'s' * (rows[0].turns > 1)})"
    remarks = [f"{row.architecture}: {remark}" for row in rows for remark in row.remarks]
    return "\n".join([title, *_aligned(cells), *remarks])


def growth_lines(points: Sequence[Point]) -> list[str]:
    """Lines of the growth of one size, one an architecture."""
    return [
        f"{point.size:>5} {point.grown:13} {point.architecture:16}"
        f"{_number(point.ours[0] * point.start_ms):>6} ms, {_cell(point.over_literal)} of literal"
        for point in points
    ]


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns as wide as they need; names to the left, numbers to the right."""
    columns = []
    for place, column in enumerate(zip(*cells, strict=True)):
        width = max(map(len, column))
        columns.append([cell.rjust(width) if place else cell.ljust(width) for cell in column])
    return [GAP.join(line) for line in zip(*columns, strict=True)]


def _cell(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    middle, low, high = ratio
    return _number(middle) if low == high else f"{_number(middle)} [{_number(low)}-{_number(high)}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"

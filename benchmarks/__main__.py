"""`python -m benchmarks`: training steps against the floor, the literal way and each other; a table, and JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import architectures
from bench.command_line import Parser, exit_status
from bench.errors import UserError, nearest
from bench.provenance import start_facts
from benchmarks.shapes import BASE, SHAPES, Shape


def main(arguments: list[str]) -> int:
    """Measure, print, and store where asked; returns the exit status. Raises UserError for a wrong request."""
    parser = Parser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("shapes", nargs="*", default=[*SHAPES], help=f"of {', '.join(SHAPES)} (default: all)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1, as in sweeps)")
    parser.add_argument("--seconds", type=float, default=25.0, help="for each architecture and shape (default: 25)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to store what was measured")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.shapes if name not in SHAPES]
    if unknown:
        raise UserError(f"unknown shape '{unknown[0]}'{nearest(unknown[0], SHAPES)}")
    if asked.json and asked.json.exists():
        raise UserError(f"{asked.json} exists, and is not overwritten: name another file")
    import torch

    from benchmarks.measure import step_times

    torch.set_num_threads(asked.threads)
    rows = []
    for name in asked.shapes:
        print(f"\n{name}: {_told(SHAPES[name])}\n{HEADER}", flush=True)
        for architecture in architectures.catalogue():
            rows.append(step_times(SHAPES[name], architecture, asked.seconds))
            print(_line(rows[-1]), flush=True)
    print(f"\n{LEGEND}")
    if asked.json:
        machine = start_facts(BASE, asked.threads)
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({"machine": machine, "steps": rows}, indent=2) + "\n")
        print(f"stored in {asked.json}")
    return 0


COLUMNS = ("ours ms", "literal ms", "floor ms", "ours/floor", "ours/literal", "ours/single tower")
WIDTHS = (9, 12, 10, 12, 20, 20)
HEADER = " " * 18 + "".join(f"{name:>{width}}" for name, width in zip(COLUMNS, WIDTHS, strict=True))
LEGEND = """A step: forward, backward, clipping, AdamW; float32. Ratios: median of turns [quartiles], lower is better.
floor: necessary FLOPs (benchmarks/floor.py) at the matmul rate measured beside the step, and AdamW's memory traffic."""


def _line(row: dict[str, Any]) -> str:
    cells = [f"{row[name]:.0f}" for name in ("ours_ms", "literal_ms", "floor_ms")] + [f"{row['over_floor']:.2f}"]
    for name in ("over_literal", "over_single_tower"):
        middle, low, high = row[name]
        cells.append(f"{middle:.2f} [{low:.2f}-{high:.2f}]")
    return f"{row['architecture']:18}" + "".join(f"{c:>{width}}" for c, width in zip(cells, WIDTHS, strict=True))


def _told(shape: Shape) -> str:
    return (
        f"width {shape.width}, {shape.layers} layers, {shape.image_tokens} image and {shape.text_tokens} text tokens, "
        f"{shape.drawn_rows} rows drawn and {shape.described_rows} described"
    )


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))

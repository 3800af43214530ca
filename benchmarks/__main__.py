"""`python -m benchmarks`: training steps against the floor, the literal way and each other; a table, and JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

import architectures
from bench.provenance import cpu, gpu, package_versions
from benchmarks.floor import floor_seconds, matmul_rate, memory_bandwidth, necessary_flops
from benchmarks.paired import in_turns
from benchmarks.shapes import SHAPES, Shape, batch_of, model_of
from benchmarks.steps import Step

BASE = "single_tower"  # what the others are compared with
TURNS = 15


def main() -> int:
    """Measure, print, and store where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("shapes", nargs="*", default=[*SHAPES], help=f"of {', '.join(SHAPES)} (default: all)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1, as in sweeps)")
    parser.add_argument("--seconds", type=float, default=25.0, help="for each architecture and shape (default: 25)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to store what was measured")
    asked = parser.parse_args()
    unknown = [name for name in asked.shapes if name not in SHAPES]
    if unknown:
        print(f"error: unknown shape '{unknown[0]}' (there are {', '.join(SHAPES)})", file=sys.stderr)
        return 2
    torch.set_num_threads(asked.threads)
    rows = []
    for name in asked.shapes:
        print(f"\n{name}: {_told(SHAPES[name])}\n{HEADER}", flush=True)
        for architecture in architectures.catalogue():
            rows.append(measured(SHAPES[name], architecture, asked.seconds))
            print(_line(rows[-1]), flush=True)
    print(f"\n{LEGEND}")
    if asked.json:
        versions = package_versions(("torch", "transformers"))
        machine = {"cpu": cpu(), "gpu": gpu(), "threads": asked.threads, "versions": versions}
        asked.json.write_text(json.dumps({"machine": machine, "steps": rows}, indent=2) + "\n")
        print(f"stored in {asked.json}")
    return 0


def measured(shape: Shape, architecture: str, seconds: float) -> dict[str, Any]:
    """A training step of one architecture: seconds, and ratios with their quartiles."""
    batch = batch_of(shape)
    ours = Step(model_of(shape, architecture), batch)
    literal = Step(model_of(shape, architecture), batch, literal=True)
    base = Step(model_of(shape, BASE), batch)
    trained = sum(p.numel() for p in ours.trained)
    rate, bandwidth = matmul_rate(shape), memory_bandwidth()
    times = in_turns({"ours": ours, "literal": literal, "base": base}, TURNS, seconds)
    rate = max(rate, matmul_rate(shape))  # before and after: the floor is what the machine can do
    floor = floor_seconds(shape, architecture, trained, rate, bandwidth)
    return {
        "shape": shape.name,
        "architecture": architecture,
        "turns": len(times.seconds["ours"]),
        "ours_ms": 1e3 * times.median("ours"),
        "literal_ms": 1e3 * times.median("literal"),
        "floor_ms": 1e3 * floor,
        "over_floor": times.median("ours") / floor,
        "over_literal": times.ratio("ours", "literal"),
        "over_single_tower": times.ratio("ours", "base"),
        "necessary_gflop": necessary_flops(shape, architecture) / 1e9,
        "matmul_gflops": rate / 1e9,
    }


COLUMNS = ("ours ms", "literal ms", "floor ms", "ours/floor", "ours/literal", "ours/single tower")
WIDTHS = (9, 12, 10, 12, 20, 20)
HEADER = " " * 18 + "".join(f"{name:>{width}}" for name, width in zip(COLUMNS, WIDTHS, strict=True))
LEGEND = """A step: forward, backward, clipping and AdamW, float32. Ratios: medians over turns [quartiles]; lower is better.
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
        f"{shape.drawn_rows} rows drawn and {shape.rows - shape.drawn_rows} described"
    )


if __name__ == "__main__":
    raise SystemExit(main())

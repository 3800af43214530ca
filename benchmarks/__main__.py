"""`python -m benchmarks`: what training, drawing and describing cost, against the floor, the literal way, each other
and known libraries; tables, and JSON."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import architectures
from bench.command_line import Parser, exit_status
from bench.errors import UserError, nearest
from benchmarks.shapes import BASE, SHAPES, USUAL


def main(arguments: list[str]) -> int:
    """Measure, print, and store where asked; returns the exit status. Raises UserError for a wrong request."""
    parser = Parser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("shapes", nargs="*", help=f"of {', '.join(SHAPES)} (default: those that suit the device)")
    parser.add_argument("--device", choices=[*USUAL], help="default: cuda if there is one")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1, as in sweeps)")
    parser.add_argument("--seconds", type=float, default=15, help="for each table, and three turns at least (15)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to store what was measured")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.shapes if name not in SHAPES]
    if unknown:
        raise UserError(f"unknown shape '{unknown[0]}'{nearest(unknown[0], SHAPES)}")
    if asked.json and asked.json.exists():
        raise UserError(f"{asked.json} exists, and is not overwritten: name another file")
    if asked.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for child processes too
    from bench.provenance import start_facts
    from benchmarks.measure import found_device, measure
    from benchmarks.table import LEGEND, table

    device = found_device(asked.device)
    rows = []
    for name in asked.shapes or USUAL[device]:
        print(f"\n{name}: {SHAPES[name]}", flush=True)
        for some in measure(SHAPES[name], tuple(architectures.catalogue()), device, asked.threads, asked.seconds):
            print(f"\n{table(some)}", flush=True)
            rows += some
    print(f"\n{LEGEND}")
    if asked.json:
        machine = start_facts(BASE, asked.threads)
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
        print(f"stored in {asked.json}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))

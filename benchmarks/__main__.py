"""`python -m benchmarks`: speed of training, image generation and captioning, against the floor, the literal way,
each other and other libraries; tables, and JSON. With --growth, the growth of a step's cost with its size."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import architectures
from bench.system.command_line import Parser, exit_status
from bench.system.errors import UserError, nearest
from bench.system.files import publish, write_all
from bench.system.provenance import machine_facts
from benchmarks.speed.shapes import BASE, SHAPES, USUAL


def main(arguments: list[str]) -> int:
    """Measure, print, and store where asked; returns the exit status. Raises UserError for a wrong request."""
    parser = Parser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("shapes", nargs="*", help=f"of {', '.join(SHAPES)} (default: those that suit the device)")
    parser.add_argument("--device", choices=[*USUAL], help="default: cuda if there is one")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1, as in sweeps)")
    parser.add_argument("--seconds", type=float, default=6, help="a table, but some turns at least (default: 6)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to store what was measured")
    parser.add_argument("--growth", type=Path, metavar="FOLDER", help="where growth.json, .png and .svg go")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.shapes if name not in SHAPES]
    if unknown:
        raise UserError(f"unknown shape '{unknown[0]}'{nearest(unknown[0], SHAPES)}")
    if asked.growth and (asked.json or asked.shapes):
        raise UserError("--growth has sizes and a file of its own: leave out the shapes and --json")
    if asked.growth:
        asked.json = asked.growth / "growth.json"
    if asked.json and asked.json.exists():
        raise UserError(f"{asked.json} exists, and is not overwritten: name another file")
    if asked.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for child processes too
    from benchmarks.speed.measure import found_device

    asked.device = found_device(asked.device)
    machine = machine_facts(BASE, asked.threads)
    return _growth(asked, machine) if asked.growth else _tables(asked, machine)


def _tables(asked: Namespace, machine: dict[str, Any]) -> int:
    from benchmarks.speed.measure import measure
    from benchmarks.speed.table import LEGEND, table

    rows, begin = [], time.monotonic()
    for name in asked.shapes or USUAL[asked.device]:
        print(f"\n{name}: {SHAPES[name]}", flush=True)
        for some in measure(SHAPES[name], tuple(architectures.catalogue()), asked.device, asked.threads, asked.seconds):
            print(f"\n{table(some)}", flush=True)
            rows += some
    print(f"\n{LEGEND}\nAll of it took {(time.monotonic() - begin) / 60:.1f} minutes.")
    if asked.json:
        _store(asked.json, {"machine": machine, "rows": [asdict(row) for row in rows]})
    return 0


def _growth(asked: Namespace, machine: dict[str, Any]) -> int:
    from benchmarks.speed.figure import draw
    from benchmarks.speed.growth import START, points
    from benchmarks.speed.literal import EQUATIONS, MISSING
    from benchmarks.speed.measure import setting_of
    from benchmarks.speed.table import growth_lines

    names = tuple(architectures.catalogue())
    print("".join(f"{name} is left out: {MISSING}\n" for name in names if name not in EQUATIONS), end="")
    setting = setting_of(START, names, asked.device, asked.threads, asked.seconds)
    taken = []
    for some in points(setting):
        print("\n".join(growth_lines(some)), flush=True)
        taken += some
    told = [asdict(point) for point in taken]
    _store(asked.json, {"machine": machine, "start": asdict(START), "points": told})
    where = f"{machine['device']}, {asked.threads} thread{'s' * (asked.threads > 1)}"
    about = f"Dotted: if every token cost the same. Where it does not grow: {START}. {where}."
    for path in write_all(asked.growth, draw(taken, about)):
        print(f"stored in {path}")
    return 0


def _store(file: Path, measured: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not publish(file, json.dumps(measured, indent=2) + "\n"):
        raise UserError(f"{file} has come to exist meanwhile, and is not overwritten")
    print(f"stored in {file}")


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))

"""`fingerprint`: write quantities on the way from data to score, for `python -m reports regress` to compare."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from bench.experiment.fingerprints.variations import PLAIN, VARIATIONS
from bench.system.errors import UserError, nearest, writing_to


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Where to, and under which variation."""
    parser.add_argument("--into", type=Path, default=Path("fingerprints.json"), metavar="FILE", help="(this one here)")
    parser.add_argument("--measure", action="store_true", help="and what harmless variations move: for a baseline")
    names = ", ".join(VARIATIONS)
    parser.add_argument("--variation", default=PLAIN, metavar="NAME", help=f"compute it otherwise: {names}")


def run(command: str, args: argparse.Namespace) -> int:
    """Write the file; returns 0. Raises UserError for an unknown variation."""
    from bench.system.files import write_atomically

    if args.variation not in VARIATIONS:
        raise UserError(f"--variation: unknown '{args.variation}'{nearest(args.variation, VARIATIONS)}")
    found = _measured() if args.measure else _found(args.variation)
    with writing_to(args.into.parent):
        args.into.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(args.into, json.dumps(found))
    count = sum(map(len, found["scopes"].values()))
    print(f"{count:,} quantities in {found['seconds']:.0f} s: {args.into}")
    return 0


def _found(name: str) -> dict[str, Any]:
    """Here, in an environment that is as the variation wants it before any library reads it."""
    variation = VARIATIONS[name]
    os.environ.update({**variation.environment, "TOKENIZERS_PARALLELISM": "false"})
    from bench.experiment.fingerprints.collect import collect

    return collect(variation)


def _measured() -> dict[str, Any]:
    from bench.experiment.fingerprints.measure import measured

    return measured(lambda line: print(line, file=sys.stderr, flush=True))

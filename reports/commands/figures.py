"""Draw every results folder anew, and the paper's figures and tables from all stored runs, into results/figures."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Which runs, and where things go."""
    parser.add_argument("only", nargs="*", metavar="KEY=VALUE", help="of runs that differ, those with this setting")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER")


def run(command: str, args: argparse.Namespace) -> int:
    """Print what was written. Returns 0; raises UserError for a wrong request."""
    from reports.redraw import redraw  # pandas: not for --help

    gc.set_threshold(100_000)  # millions of numbers are read, which are in no cycle: a tenth of the time
    for path in redraw(args.results, args.runs, args.only):
        print(path)
    return 0

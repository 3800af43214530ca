"""Make all files of a results folder anew, from its stored runs."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Which folder, and by which claims to judge it."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a results folder, such as results/noise")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="claims of yours, a file or folder")


def run(command: str, args: argparse.Namespace) -> int:
    """Print what was written. Returns 0; raises UserError for a folder that is none, or claims that cannot be read."""
    from reports.build import build  # pandas: not for --help

    for path in build(args.folder, args.claims):
        print(path)
    return 0

"""`build`: make all files of a results folder anew, from its stored runs. `verdicts`: judge the paper's claims, and
yours, by these runs. `settle`: plan what would decide the open ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Which folder, and by which claims to judge it."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a results folder, such as results/noise")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="claims of yours, a file or folder")


def run(command: str, args: argparse.Namespace) -> int:
    """Print what was written, verdicts, or plans. Returns 0; raises UserError for a folder or claims not to be read."""
    if command == "build":
        from reports.build import build  # pandas: not for --help

        for path in build(args.folder, args.claims):
            print(path)
        return 0
    from reports.stored.runs import read_sweep
    from reports.verdicts import hypotheses, power, text
    from reports.verdicts.judging import judged

    sweep = read_sweep(args.folder)
    found = judged(sweep, hypotheses.read(args.claims, sweep))
    print(text.markdown(sweep, found) if command == "verdicts" else power.analysis(sweep, found))
    return 0

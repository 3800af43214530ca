"""`build`: make all files of a results folder anew, from its stored runs. `verdicts`: judge the paper's claims, and
yours, by these runs. `settle`: plan what would decide the open ones. `looks`: where claims stand at the looks of a
sweep that goes on until they are decided.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench.system.errors import UserError


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Which folder, and by which claims to judge it."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a results folder, such as results/noise")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="claims of yours, a file or folder")
    if command == "looks":
        parser.add_argument("--json", action="store_true", help="for programs")


def run(command: str, args: argparse.Namespace) -> int:
    """Print what was written, verdicts, or plans. Returns 0; raises UserError for a folder or claims not to be read."""
    if command == "build":
        from reports.build import build  # pandas: not for --help

        for path in build(args.folder, args.claims):
            print(path)
        return 0
    from reports.stored.runs import read_sweep
    from reports.verdicts import hypotheses, power, study, text

    sweep = read_sweep(args.folder)
    if command == "looks" and sweep.until is None:
        raise UserError(
            f"{args.folder}: its seeds were fixed beforehand, so there are no looks: "
            f"`python -m sweeps run {sweep.name} --until-decided` begins a sweep that has them"
        )
    found = study.judged_study(sweep, hypotheses.read(args.claims, sweep))
    if command == "looks" and found.looks:
        content = study.as_dict(found.looks, sweep)
        lines = [f"{one['outcome']}: {one['text']} {one['said']}" for one in content["questions"]]
        print(json.dumps(content, indent=1) if args.json else "\n".join([*lines, *content["summary"]]))
        return 0
    say = text.markdown if command == "verdicts" else power.analysis
    print(say(sweep, found.verdicts, found.effects, found.looks))
    return 0

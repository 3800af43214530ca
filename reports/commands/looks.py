"""The looks at a sweep that goes on until its claims are decided: what is decided, what is open, what it would take."""

from __future__ import annotations

import argparse
import json

from bench.system.errors import UserError
from reports.commands import build


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Which folder, by which claims, and in which form."""
    build.add_arguments(parser, command)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(command: str, args: argparse.Namespace) -> int:
    """Print the looks. Returns 0; raises UserError for a folder whose seeds were fixed beforehand."""
    from reports.stored.runs import read_sweep
    from reports.verdicts import hypotheses, study

    sweep = read_sweep(args.folder)
    if sweep.until is None:
        raise UserError(
            f"{args.folder}: its seeds were fixed beforehand, so there are no looks: "
            f"`python -m sweeps run {sweep.name} --until-decided` begins a sweep that has them"
        )
    found = study.judged_study(sweep, hypotheses.read(args.claims, sweep))
    assert found.looks is not None
    content = study.as_dict(found.looks, sweep)
    if args.json:
        print(json.dumps(content, indent=1))
        return 0
    lines = [f"{one['outcome']}: {one['text']} {one['said']}" for one in content["questions"]]
    print("\n".join([*lines, *content["summary"]]))
    return 0

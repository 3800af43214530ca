"""Judge the paper's claims, and your own, by the runs of a results folder; or plan what would decide the open ones."""

from __future__ import annotations

import argparse

from reports.commands.build import add_arguments

__all__ = ["add_arguments", "run"]


def run(command: str, args: argparse.Namespace) -> int:
    """Print verdicts, or plans. Returns 0; raises UserError for what is no results folder, or claims not to be read."""
    from reports.stored.runs import read_sweep
    from reports.verdicts import hypotheses, power, study, text

    sweep = read_sweep(args.folder)
    found = study.judged_study(sweep, hypotheses.read(args.claims, sweep))
    parts = found.verdicts, found.effects, found.looks
    print(text.markdown(sweep, *parts) if command == "verdicts" else power.analysis(sweep, *parts))
    return 0

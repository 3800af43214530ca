"""Judge the paper's claims, and your own, by the runs of a results folder; or plan what would decide the open ones."""

from __future__ import annotations

import argparse

from reports.commands.build import add_arguments

__all__ = ["add_arguments", "run"]


def run(command: str, args: argparse.Namespace) -> int:
    """Print verdicts, or plans. Returns 0; raises UserError for what is no results folder, or claims not to be read."""
    from reports.stored.runs import read_sweep
    from reports.verdicts import hypotheses, power, text
    from reports.verdicts.axis import main_effects
    from reports.verdicts.judging import judged

    sweep = read_sweep(args.folder)
    found = judged(sweep, hypotheses.read(args.claims, sweep))
    effects = main_effects(sweep)
    print(text.markdown(sweep, found, effects) if command == "verdicts" else power.analysis(sweep, found, effects))
    return 0

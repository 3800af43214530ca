"""`metrics selftest`: check the metrics on this data, with these weights and libraries.

Every metric that an evaluation reports is measured on the truth and on corrupted copies of it, and known answers must
come out. Tables of runs measured in the same way then say so, or grey a metric that failed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.train import fix_threads
from bench.config.load import load
from bench.system.command_line import add_request, split_request

if TYPE_CHECKING:
    from bench.evaluation.selftest.checks import Check
    from bench.evaluation.selftest.sample_size import Row


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the action, a request, and a file for the verdict."""
    parser.add_argument("action", choices=["selftest"], help="check every metric")
    add_request(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdict into this file too")


def run(command: str, args: argparse.Namespace) -> int:
    """Print the checks; returns 1 if a metric failed one. Raises UserError for a wrong request."""
    config = load(*split_request(args.request))
    fix_threads(config.runtime.threads)
    from bench.evaluation.selftest import verdict as verdicts
    from bench.evaluation.selftest.run import selftest, verdict

    found = selftest(config)
    print(_table([["metric", "check", "measured", "bound", "passed"], *map(_cells, found.checks)]))
    print("\nreal images from real ones (disjoint sets of N, without replacement; mean ± standard deviation)")
    print(_table([["N", "sets", "FID", "KID"], *map(_size_cells, found.rows)]))
    stored = verdict(config, found)
    kept = verdicts.keep(Path(config.runtime.runs), stored["measure_id"], stored)
    if args.json:
        verdicts.write(args.json, stored)
    metrics = len({check.metric for check in found.checks})
    print(f"\n{len(found.checks)} checks of {metrics} metrics on {found.items} images in {found.seconds:.0f} s")
    for metric, reason in stored["failed"].items():
        print(f"FAILED {metric}: {reason}")
    print(f"{'FAILED' if found.failed else 'all passed'}; kept in {kept}")
    return 1 if found.failed else 0


def _cells(check: Check) -> list[str]:
    measured = " ".join(f"{value:.4g}" for value in check.measured)
    return [check.metric, check.name, measured, check.bound, "yes" if check.passed else "NO"]


def _size_cells(row: Row) -> list[str]:
    def shown(mean: float, spread: float | None) -> str:
        return f"{mean:.3f}" if spread is None else f"{mean:.3f} ± {spread:.3f}"

    return [str(row.n), str(row.draws), shown(row.fid, row.fid_spread), shown(row.kid, row.kid_spread)]


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

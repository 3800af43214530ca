"""The regression check. `regress`: do the folder's runs measure what the baseline says? Exit status 1 if not; writes
regress.md and regress.xml into the folder. `bless`: make its runs the baseline; shows what would change, and asks.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.system.errors import UserError, writing_to


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Which folder, and which baseline."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a results folder, made by `make regress`")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="another than the committed one of the sweep")
    if command == "bless":
        parser.add_argument("--yes", action="store_true", help="do not ask")


def run(command: str, args: argparse.Namespace) -> int:
    """Returns 1 if something drifted. Raises UserError where there is nothing to compare, or nobody to ask."""
    return _regress(args) if command == "regress" else _bless(args)


def _regress(args: argparse.Namespace) -> int:
    from bench.system.files import write_atomically
    from reports.regression import baseline, junit, measured, text
    from reports.regression.comparing import compare

    session = measured.read(args.folder)
    path = args.baseline or baseline.default_path(session.name)
    known = baseline.read(path)
    if known is None:
        raise UserError(f"no baseline {path}: `make bless` makes one")
    comparison = compare(session, known)
    with writing_to(args.folder):
        write_atomically(args.folder / "regress.md", text.markdown(comparison))
        write_atomically(args.folder / "regress.xml", junit.xml(comparison))
    print(text.terminal(comparison))
    return 0 if comparison.passed else 1


def _bless(args: argparse.Namespace) -> int:
    from reports.regression import baseline, measured
    from reports.regression.blessing import changes

    session = measured.read(args.folder)
    path = args.baseline or baseline.default_path(session.name)
    new = baseline.made(session)
    print("\n".join(changes(baseline.read(path), new, session.metrics)))
    if not (args.yes or _agreed(path, args.folder)):
        print("nothing was changed")
        return 0
    baseline.write(path, new)
    print(f"blessed: {path}; commit it")
    return 0


def _agreed(path: Path, folder: Path) -> bool:
    if not sys.stdin.isatty():
        again = f"python -m reports bless {folder} --yes"
        raise UserError(f"{path} was not touched: nobody can be asked here; if the difference is right, `{again}`")
    return input(f"Write {path}? [y/N] ").strip().lower() in ("y", "yes")

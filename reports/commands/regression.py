"""The regression check. `regress`: are fingerprints as the baseline's, or do the folder's runs measure what it says?
Exit status 1 if not; writes Markdown and JUnit beside the file, or regress.md and regress.xml into the folder. `bless`:
make them the baseline; shows what would change, and asks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench.system.errors import UserError, writing_to


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Which folder, and which baseline."""
    help_ = "a file of `python -m bench fingerprint`, or a results folder of runs, both made by `make regress`"
    parser.add_argument("folder", type=Path, metavar="FILE|FOLDER", help=help_)
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="another than the committed one")
    if command == "bless":
        parser.add_argument("--yes", action="store_true", help="do not ask")


def run(command: str, args: argparse.Namespace) -> int:
    """Returns 1 if something drifted. Raises UserError where there is nothing to compare, or nobody to ask."""
    if args.folder.suffix == ".json":
        return _regress_fingerprints(args) if command == "regress" else _bless_fingerprints(args)
    return _regress(args) if command == "regress" else _bless(args)


def _regress_fingerprints(args: argparse.Namespace) -> int:
    from bench.system.files import write_atomically
    from reports.regression.fingerprints import baseline, junit, text
    from reports.regression.fingerprints.comparing import compare

    found, path = baseline.read_fingerprints(args.folder), args.baseline or baseline.PATH
    known = baseline.read(path)
    if known is None:
        raise UserError(f"no baseline {path}: `make bless` makes one")
    comparison = compare(found, known)
    with writing_to(args.folder.parent):
        write_atomically(args.folder.with_suffix(".md"), text.markdown(comparison))
        write_atomically(args.folder.with_suffix(".xml"), junit.xml(comparison))
    print(text.terminal(comparison))
    return 0 if comparison.passed else 1


def _bless_fingerprints(args: argparse.Namespace) -> int:
    from reports.regression.fingerprints import baseline, text
    from reports.regression.fingerprints.comparing import compare

    found, path = baseline.read_fingerprints(args.folder), args.baseline or baseline.PATH
    new, old = baseline.made(found), baseline.read(path)
    print(text.terminal(compare(found, old)) if old else "a first baseline of the fingerprints")
    print("\n".join(["", "New tolerances:", *text.tolerances(new)]))
    return _written(lambda: baseline.write(path, new), path, args)


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
    return _written(lambda: baseline.write(path, new), path, args)


def _written(write: Callable[[], None], path: Path, args: argparse.Namespace) -> int:
    """Write a new baseline if that is agreed to."""
    if not (args.yes or _agreed(path, args.folder)):
        print("nothing was changed")
        return 0
    write()
    print(f"blessed: {path}; commit it")
    return 0


def _agreed(path: Path, folder: Path) -> bool:
    if not sys.stdin.isatty():
        again = f"python -m reports bless {folder} --yes"
        raise UserError(f"{path} was not touched: nobody can be asked here; if the difference is right, `{again}`")
    return input(f"Write {path}? [y/N] ").strip().lower() in ("y", "yes")

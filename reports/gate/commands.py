"""`regress` compares, `bless` moves the baseline: what `python -m reports` does for either."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.errors import UserError
from bench.files import write_atomically
from bench.store import writing_to
from reports.gate import baseline as baselines
from reports.gate import junit, measured, text
from reports.gate.blessing import changes
from reports.gate.comparing import compare


def regress(folder: Path, baseline: Path | None) -> int:
    """Compare, and write regress.md and regress.xml into the folder; 1 where something drifted or a run failed."""
    session = measured.read(folder)
    path = baseline or baselines.default_path(session.name)
    known = baselines.read(path)
    if known is None:
        raise UserError(f"no baseline {path}: `make bless` makes one")
    comparison = compare(session, known)
    with writing_to(folder):
        write_atomically(folder / "regress.md", text.markdown(comparison))
        write_atomically(folder / "regress.xml", junit.xml(comparison))
    print(text.terminal(comparison))
    return 0 if comparison.passed else 1


def bless(folder: Path, baseline: Path | None, yes: bool) -> int:
    """Show what would change, ask, and make the folder's runs the baseline. Returns 0, also where the answer is no."""
    session = measured.read(folder)
    path = baseline or baselines.default_path(session.name)
    new = baselines.made(session)
    print("\n".join(changes(baselines.read(path), new)))
    if not (yes or _agreed(path, folder)):
        print("nothing was changed")
        return 0
    baselines.write(path, new)
    print(f"blessed: {path}; commit it")
    return 0


def _agreed(path: Path, folder: Path) -> bool:
    if not sys.stdin.isatty():
        again = f"python -m reports bless {folder} --yes"
        raise UserError(f"{path} was not touched: nobody can be asked here; if the difference is right, `{again}`")
    return input(f"Write {path}? [y/N] ").strip().lower() in ("y", "yes")

"""`doctor`: check Python, Java, packages, weights, disk, memory and GPU, and how to get what is missing."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add no arguments."""


def run(command: str, args: argparse.Namespace) -> int:
    """Print what was found; returns 1 if something that is needed is missing."""
    from bench.experiment.preflight import checks

    found = checks()
    for check in found:
        mark = "ok" if check.ok else "MISSING" if check.needed else "note"
        print(f"{mark:8} {check.name:20} {check.found}")
        if not check.ok:
            print(f"{'':8} {'':20} -> {check.remedy}")
    missing = [check.name for check in found if check.needed and not check.ok]
    print(f"missing: {', '.join(missing)}" if missing else "everything needed is here")
    return 1 if missing else 0

"""`zoo build`: make the embedded weights again, deterministically. `zoo check`: measure them against their bounds."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.system.errors import UserError, nearest

ZOO = Path(__file__).parents[1] / "zoo"


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add an action and names of nets."""
    parser.add_argument("action", choices=["build", "check"], help="build: train and store; check: measure again")
    names = ", ".join(net_names())
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these, of {names} (default: all)")


def net_names() -> list[str]:
    """Names of the nets: every `train_<name>.py` of the zoo."""
    return sorted(path.stem.removeprefix("train_") for path in ZOO.glob("train_*.py"))


def run(command: str, args: argparse.Namespace) -> int:
    """Build or check; returns 1 if a net misses a bound."""
    for name in args.names:
        if name not in net_names():
            raise UserError(f"unknown net '{name}'{nearest(name, net_names())}")
    names = args.names or net_names()
    if args.action == "build":
        from bench.zoo.build import build

        build(names)
        return 0
    from bench.zoo.check import check

    return 0 if check(names) else 1

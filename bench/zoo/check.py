"""Measure the zoo again, against its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from bench.config.part_files import WEIGHTS
from bench.system.files import size_of

MOST_MEGABYTES = 10.0


def check(names: Sequence[str]) -> bool:
    """Print the named parts' measurements on fresh data, and the zoo's size; True when all bounds are kept."""
    kept = [_check_part(name) for name in names]
    megabytes = size_of(WEIGHTS) / 1e6
    print(f"{'size':10} {'megabytes':24} {megabytes:9.4f}  {_verdict(megabytes <= MOST_MEGABYTES)} (at most 10)")
    return all(kept) and megabytes <= MOST_MEGABYTES


def _check_part(name: str) -> bool:
    part = import_module(f"bench.zoo.train_{name}")
    measured = part.check()
    missing = sorted(set(part.BOUNDS) - set(measured))
    assert not missing, f"check() of {name} does not measure {missing}"
    for what, value in measured.items():
        bound = part.BOUNDS.get(what)
        verdict = "" if bound is None else f"{_verdict(value >= bound)} (at least {bound:g})"
        print(f"{name:10} {what:24} {value:9.4f}  {verdict}".rstrip(), flush=True)
    return all(measured[what] >= bound for what, bound in part.BOUNDS.items())


def _verdict(kept: bool) -> str:
    return "kept" if kept else "MISSED"

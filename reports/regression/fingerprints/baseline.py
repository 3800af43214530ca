"""The committed baseline of the fingerprints: every quantity with its tolerance, which was measured."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.experiment.fingerprints.measure import Scopes
from bench.experiment.fingerprints.variations import VARIATIONS
from bench.runs.format import FORMAT, read_own
from bench.system.errors import UserError, writing_to
from bench.system.files import write_atomically

PATH = Path(__file__).parents[1] / "baselines" / "fingerprints.json"
FACTOR = 8.0  # times the largest deviation under harmless variations
FLOOR = 1e-6  # relative: a few roundings of float32
DIGITS = 2  # of a tolerance

Tolerances = dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Fingerprints:
    """Quantities by scope and name, in the order of the way from data to score, as `bench fingerprint` wrote them."""

    environment: dict[str, Any]
    seconds: float
    scopes: Scopes
    moved: Tolerances | None = None  # by variations, at most; None for an exact quantity that one of them changed
    variations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """Quantities and how far each may move, relative to its size: None where it is not compared."""

    environment: dict[str, Any]
    thresholds: dict[str, Any]
    scopes: Scopes
    tolerances: Tolerances


def read_fingerprints(path: Path) -> Fingerprints:
    """Raises UserError where the file is none of `bench fingerprint`."""
    content = read_own(path)
    if content is None:
        raise UserError(f"no file {path}: `python -m bench fingerprint --into {path}` writes it")
    try:
        del content["schema"]
        return Fingerprints(**content)
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} holds no fingerprints ({error}): `python -m bench fingerprint` writes them") from error


def made(found: Fingerprints) -> Baseline:
    """Tolerance: FACTOR x the largest deviation of the quantity, or the median of its stage's where that is more (a
    quantity that happened to move little may move as its like do), and at least FLOOR.

    Raises UserError where variations were not measured.
    """
    if found.moved is None:
        raise UserError("a baseline needs tolerances: `python -m bench fingerprint --measure` measures them")
    tolerances: Tolerances = {}
    for scope, moved in found.moved.items():
        like: dict[str, list[float]] = {}
        for name, value in moved.items():
            if value is not None and not isinstance(found.scopes[scope][name], str):
                like.setdefault(stage(name), []).append(value)
        typical = {name: median(values) for name, values in like.items()}
        tolerances[scope] = {
            name: None if value is None else 0.0 if isinstance(found.scopes[scope][name], str)
            else float(f"{max(FLOOR, FACTOR * max(value, typical[stage(name)])):.{DIGITS}g}")
            for name, value in moved.items()
        }  # fmt: skip
    held_out = [name for name, variation in VARIATIONS.items() if variation.held_out]
    thresholds = {"factor": FACTOR, "floor": FLOOR, "variations": list(found.variations), "held_out": held_out}
    return Baseline(found.environment, thresholds, found.scopes, tolerances)


def stage(name: str) -> str:
    """The stage of a quantity on the way from data to score."""
    return name.partition(":")[0]


def read(path: Path) -> Baseline | None:
    """None where there is none. Raises UserError where the file is no baseline."""
    content = read_own(path)
    if content is None:
        return None
    try:
        scopes = content["scopes"]
        return Baseline(
            content["environment"],
            content["thresholds"],
            {scope: {name: value for name, (value, _) in found.items()} for scope, found in scopes.items()},
            {scope: {name: tolerance for name, (_, tolerance) in found.items()} for scope, found in scopes.items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is no baseline ({error}): get it back from git, or `make bless` makes one") from error


def write(path: Path, baseline: Baseline) -> None:
    """Write the file whole, replacing what was there. A quantity is a line, so that a diff can be read."""
    head = {"schema": FORMAT, "environment": baseline.environment, "thresholds": baseline.thresholds}
    lines = [f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in head.items()]
    scopes = []
    for scope, values in baseline.scopes.items():
        rows = [
            f"{json.dumps(name)}: {json.dumps([value, baseline.tolerances[scope][name]], separators=(',', ':'))}"
            for name, value in values.items()
        ]
        scopes.append(f"  {json.dumps(scope)}: {{\n" + ",\n".join(rows) + "\n  }")
    lines.append(' "scopes": {\n' + ",\n".join(scopes) + "\n }")
    with writing_to(path.parent):
        os.makedirs(path.parent, exist_ok=True)
        write_atomically(path, "{\n" + ",\n".join(lines) + "\n}\n")

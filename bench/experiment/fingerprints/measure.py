"""Deviations of fingerprints, and the largest over the harmless variations, each run in a process of its own. No torch.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.experiment.fingerprints.variations import PLAIN, VARIATIONS
from bench.system.provenance import TUNING

Scopes = dict[str, dict[str, Any]]


def deviation(old: Any, new: Any) -> float:
    """How far a quantity moved, by its largest number; infinite where an exact one, or the kind, is another."""
    if type(old) is not type(new) or isinstance(old, str):
        return 0.0 if old == new else math.inf
    slack = old["slack"] if isinstance(old, dict) else 0.0
    one, other = (value["numbers"] if isinstance(value, dict) else value for value in (old, new))
    if len(one) != len(other):
        return math.inf
    moves = [abs(a - b) for a, b in zip(one, other, strict=True)]
    if not all(map(math.isfinite, moves)):
        return 0.0 if one == other else math.inf
    furthest = max(0.0, max(moves, default=0.0) - slack)
    size = max(map(abs, one), default=0.0)
    return furthest / size if size else math.inf if furthest else 0.0


def deviations(old: Scopes, new: Scopes) -> dict[str, dict[str, float]]:
    """Deviation of every old quantity; infinite where the new ones lack it."""
    return {
        scope: {name: deviation(value, new.get(scope, {}).get(name)) for name, value in values.items()}
        for scope, values in old.items()
    }


def measured(say: Callable[[str], None]) -> dict[str, Any]:
    """The plain fingerprints, with ``moved``: each quantity's largest deviation over the variations not held out."""
    plain = fingerprint(PLAIN)
    say(f"{PLAIN}: {plain['seconds']:.0f} s")
    largest = {scope: dict.fromkeys(values, 0.0) for scope, values in plain["scopes"].items()}
    names = [name for name, variation in VARIATIONS.items() if name != PLAIN and not variation.held_out]
    for variation in names:
        other = fingerprint(variation)
        for scope, found in deviations(plain["scopes"], other["scopes"]).items():
            for name, value in found.items():
                largest[scope][name] = max(largest[scope][name], value)
        say(f"{variation}: {other['seconds']:.0f} s")
    moved = {s: {n: v if math.isfinite(v) else None for n, v in found.items()} for s, found in largest.items()}
    return plain | {"moved": moved, "variations": names}


def fingerprint(variation: str) -> dict[str, Any]:
    """Fingerprints under a variation, by a process of its own. Raises RuntimeError with its words where it fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(TUNING)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fingerprints.json"
        command = [sys.executable, "-m", "bench", "fingerprint", "--into", str(path), "--variation", variation]
        environment = {**inherited, **VARIATIONS[variation].environment}
        ran = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if ran.returncode != 0:
            raise RuntimeError(f"fingerprints under '{variation}' failed: {ran.stderr[-2000:]}")
        return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]

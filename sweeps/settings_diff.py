"""Settings of finished runs, flat, and differences between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config.checks import leaves
from bench.runs.reader import StoredRun
from bench.system.errors import UserError

ABSENT = "nothing"


@dataclass(frozen=True)
class Finished:
    """A run with a result."""

    run_id: str
    eval_id: str
    settings: dict[str, Any]  # dotted key -> value, as `flat` has it


def finished(runs: Path) -> list[Finished]:
    """Every published evaluation under `runs`. Folders of another format are skipped."""
    found = []
    for path in sorted(runs.glob("*/evals")):
        try:
            folder = StoredRun(path.parent)
            known = folder.run_json().get("identity", {})
            for eval_id, step in folder.evaluations():
                result = folder.result(eval_id, step) or {}
                scored = result.get("eval_identity") or known.get("eval", {})
                found.append(Finished(folder.run_id, eval_id, flat({"train": known.get("train", {}), "eval": scored})))
        except (UserError, ValueError):
            continue
    return found


def flat(nested: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys and values, groups without any left out; weights and data are named by digests of their content."""
    return {key: value for key, value in leaves(nested) if value != {}}


def differences(here: dict[str, Any], there: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Settings that differ between two flat ones, with both values."""
    keys = sorted(here.keys() | there.keys())
    pairs = {key: (here.get(key, ABSENT), there.get(key, ABSENT)) for key in keys}
    return {key: pair for key, pair in pairs.items() if _plain(pair[0]) != _plain(pair[1])}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value  # as JSON has it

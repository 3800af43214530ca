"""Self-test marks of stored results: numbers of a metric that failed its self-test do not rank, and say why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.evaluation.selftest import verdict as verdicts
from bench.runs import format_1

FAILED = "failed its self-test"
TESTED = "selftested"  # key of a result whose metrics were put to the test


def marked(result: dict[str, Any], runs: Path) -> dict[str, Any]:
    """A `result.json` with the verdict on its metrics, if there is one, in the notes of those that failed.

    Only a verdict on the same weights, data, library versions and code counts: its name is the result's `measure_id`.
    """
    verdict = verdicts.read(runs, result["measure_id"]) if "measure_id" in result else None
    if verdict is None:
        return result
    reasons = {format_1.name(name): reason for name, reason in verdict["failed"].items()}
    metrics = {name: _marked(score, reasons.get(name)) for name, score in result["metrics"].items()}
    return result | {"metrics": metrics, TESTED: True}


def failed(notes: Iterable[Any]) -> bool:
    """Whether a metric failed its self-test in any of the runs whose notes these are."""
    return any(isinstance(note, str) and FAILED in note for note in notes)


def _marked(score: dict[str, Any], reason: str | None) -> dict[str, Any]:
    if reason is None:
        return score
    failed = f"{FAILED} ({reason}) and does not rank"
    return score | {"note": f"{score['note']}; {failed}" if score["note"] else failed}

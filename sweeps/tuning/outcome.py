"""Outcome of a search as YAML: each arm's rates, every candidate with its scores, the budget and where it is from.

All of it follows from the request and the stored runs: the same runs give the same file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.system.errors import UserError, writing_to
from bench.system.files import write_atomically
from sweeps.tuning.arms import Arm
from sweeps.tuning.candidates import diverged, seconds_of
from sweeps.tuning.halving import Rung
from sweeps.tuning.search import Climb, Found
from sweeps.tuning.tuned import FORMAT, content_of


def check_free(path: Path, request: dict[str, Any]) -> None:
    """Refuse to replace the outcome of another request, or a file that is none. Raises UserError."""
    if not path.exists():
        return
    try:
        known = content_of(path)["request"]
    except UserError as error:
        raise UserError(f"{error}; move it away, or name another file with --output") from error
    differ = [key for key in request if known.get(key) != request[key]]
    if differ:
        raise UserError(f"{path} holds the outcome of another request (other {', '.join(differ)}): move it away, "
                        "or name another file with --output")  # fmt: skip


def content(request: dict[str, Any], command: str, found: list[Found]) -> dict[str, Any]:
    """The file's content."""
    starts = [start for one in found for point in one.points for start in point.folder.run_json().get("starts", [])]
    ended = [str(start.get("ended") or start.get("time") or "") for start in starts]
    return {
        "format": FORMAT,
        "command": command,
        "date": max(ended, default=""),  # the last run's end
        "code": sorted({str(start["code"]) for start in starts if start.get("code")}),
        "split": "validation",
        "request": request,
        "arms": [_arm(one) for one in found],
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write the file in one move. Raises UserError where it cannot be written."""
    import yaml

    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.exists() and path.read_text(encoding="utf-8") == text):
            write_atomically(path, text)


def shown(found: list[Found], path: Path) -> str:
    """A line an arm, for the terminal."""
    lines = []
    for one in found:
        rates = ", ".join(f"{key} {value:g} (x{value / one.arm.common[key]:.3g})" for key, value in one.chosen.items())
        budget = _budget(one)
        spent = f"{budget['scored']} candidates scored, {budget['runs']} runs, {budget['steps']:,} steps"
        lines.append(f"{one.arm.name}: {rates}; {spent}, {budget['seconds']:.0f} s")
        lines += [f"  {rate} is at the edge of the grid: widen tune.factors" for rate in one.at_edge]
    return "\n".join([*lines, f"written to {path}; `python -m sweeps run NAME --tuned {path}` takes these rates"])


def _arm(one: Found) -> dict[str, Any]:
    return {
        "arm": one.arm.settings,
        "chosen": one.chosen,
        "common": one.arm.common,
        "at_edge": one.at_edge,
        "budget": _budget(one),
        "climbs": [
            {"rate": climb.rate, "around": climb.centre, "chosen": climb.chosen, "rungs": _rungs(climb)}
            for climb in one.climbs
        ],
    }


def _budget(one: Found) -> dict[str, Any]:
    points = one.points
    return {
        "scored": one.scored,  # the same for every arm
        "runs": len(points),
        "steps": sum(point.step for point in points),
        "seconds": round(sum(map(seconds_of, points)), 1),
    }


def _rungs(climb: Climb) -> list[dict[str, Any]]:
    return [_rung(climb, number, rung) for number, rung in enumerate(climb.rungs)]


def _rung(climb: Climb, number: int, rung: Rung) -> dict[str, Any]:
    candidates = []
    for value, score in zip(rung.values, rung.scores, strict=True):
        points = climb.points[number, value]
        facts: dict[str, Any] = {"value": value, "score": None if score is None else round(score, 6)}
        if score is None:
            facts["diverged"] = " ".join(point.folder.run_id for point in points if diverged(point))
        candidates.append(facts | {"runs": " ".join(point.folder.run_id for point in points)})
    return {"steps": climb.points[number, rung.values[0]][0].step, "candidates": candidates}


def plan_of(arms: list[Arm], climbs: int, counts: list[int], seeds: int, rungs: list[float]) -> str:
    """The budget, before anything is trained."""
    climb = " + ".join(f"{count} at {share:.3g} of the steps" for count, share in zip(counts, rungs, strict=True))
    whole = climbs * seeds * sum(count * share for count, share in zip(counts, rungs, strict=True))
    times = f"{climbs} climbs of {climb}" if climbs > 1 else climb
    return (f"{len(arms)} arms, each with the same budget: {times}, {seeds} seed{'s' * (seeds > 1)}; "
            f"as many steps as {whole:.3g} whole runs an arm")  # fmt: skip

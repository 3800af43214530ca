"""Plan of a sweep that adds seeds until its claims are decided: what was asked for so far, and one seed more.

Nothing is remembered but sweep.json: the numbers it was begun with, and the runs asked for so far. Looks are taken when
all runs of a number of seeds are done, so they follow from the run folders.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.runs.format import read_own
from bench.system.errors import UserError
from sweeps import grid, plan
from sweeps.dimensions import Sweep, folder_name, narrow
from sweeps.plan import Plan, UntilDecided
from sweeps.point import Point
from sweeps.tuning.tuned import read as read_tuned

FIRST = 3  # seeds of the first look, where the sweep does not name more
AT_MOST = 20  # seeds, where nobody says how many
MOST = 1000
ENDING = "until-decided"  # of the results folder: the same sweep with fixed seeds has its own

Key = tuple[str, str, int]  # of a point: run_id, eval_id and step


def make(
    name: str,
    preset: str,
    overrides: list[str],
    fresh: str | None = None,
    at_most: int | None = None,
    tuned: Path | None = None,
) -> Plan:
    """The plan as far as it was asked for. `at_most`: None for the number it was begun with, or 20.

    Raises UserError for a sweep whose seeds cannot be added to, and for another `at_most` than it was begun with.
    """
    whole = grid.read(name)
    sweep = narrow(whole, overrides)
    rates = read_tuned(tuned, sweep, preset) if tuned else None
    results = plan.results_folder(f"{folder_name(whole, sweep, preset)}-{ENDING}", fresh, rates)
    begun = read_own(results / "sweep.json")
    known = begun.get("until_decided") if begun else None
    first, most = _numbers(_seeds(sweep), at_most, known)
    seeds = _further(_seeds(sweep), most)
    found = plan.planned(narrow(sweep, [f"seed={seeds}"]), preset, results, fresh, rates)
    until = UntilDecided(first, most, tuple(found.points))
    asked = {key(point) for point in found.points if point.seed in seeds[:first]}
    return replace(found, until=until, points=_points(until, asked | _asked_before(found, begun if known else None)))


def further(found: Plan, needed: Iterable[Key]) -> Plan:
    """The same with one seed more, of the arms that the `needed` runs are of."""
    assert found.until is not None
    wanted = set(needed)
    arms = {_arm(point) for point in found.points if key(point) in wanted}
    seeds = {point.seed for point in found.points}
    following = min(point.seed for point in found.until.candidates if point.seed not in seeds)
    asked = {key(point) for point in found.points}
    more = {key(point) for point in found.until.candidates if point.seed == following and _arm(point) in arms}
    return replace(found, points=_points(found.until, asked | more))


def again(found: Plan) -> Plan:
    """The plan as it stands now: another process may have added seeds."""
    assert found.until is not None
    asked = {key(point) for point in found.points} | _asked_before(found, read_own(found.results / "sweep.json"))
    return replace(found, points=_points(found.until, asked))


def key(point: Point) -> Key:
    """How sweep.json and reports name a point."""
    return point.folder.run_id, point.eval_id, point.step


def _arm(point: Point) -> tuple[str, ...]:
    return tuple(text for text in point.overrides if not text.startswith("seed="))


def _points(until: UntilDecided, asked: set[Key]) -> list[Point]:
    return [point for point in until.candidates if key(point) in asked]


def _seeds(sweep: Sweep) -> list[int]:
    """The seeds that a sweep names. Raises UserError where they vary together with other settings."""
    dimension = next(one for one in sweep.dimensions if "seed" in one.axes)
    if dimension.axes != ("seed",):
        together = " and ".join(dimension.axes)
        raise UserError(f"--until-decided: {together} vary together in this sweep, so no seed can be added")
    seeds = dimension.column("seed")
    if wrong := next((seed for seed in seeds if type(seed) is not int or seed < 0), None):
        raise UserError(f"seed: must be a whole number from 0, not '{wrong}'")
    return sorted(seeds)


def _numbers(seeds: list[int], at_most: int | None, known: dict[str, Any] | None) -> tuple[int, int]:
    """Seeds of the first look and of the last one."""
    first = max(len(seeds), FIRST)
    if known:
        if at_most not in (None, known["at_most"]):
            raise UserError(
                f"--at-most: this study was begun with {known['at_most']}, by which its looks spend their error: "
                "go on without --at-most, or begin anew with --fresh"
            )
        if known["first"] != first:
            raise UserError(f"this study was begun with {known['first']} seeds, not {first}: begin anew with --fresh")
        return first, int(known["at_most"])
    most = max(AT_MOST, first) if at_most is None else at_most
    if not first <= most <= MOST:
        raise UserError(f"--at-most: must be from {first} (the first look's seeds) to {MOST}, not {most}")
    return first, most


def _further(seeds: list[int], most: int) -> list[int]:
    """The seeds named, then the next ones."""
    return [*seeds, *range(seeds[-1] + 1, seeds[-1] + 1 + most - len(seeds))]


def _asked_before(found: Plan, begun: dict[str, Any] | None) -> set[Key]:
    """The points of its sweep.json. Raises UserError where they are none of this plan."""
    given = {(point["run_id"], point["eval_id"], point["step"]) for point in begun["points"]} if begun else set()
    if strange := given - {key(point) for point in (found.until.candidates if found.until else found.points)}:
        raise UserError(
            f"{found.results} was begun with other data, weights or settings (run {min(strange)[0]}), whose looks have "
            "spent their error: move it away, or begin anew with --fresh"
        )
    return given

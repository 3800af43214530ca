"""Runs that differ only in what an exhibit compares: of all that are stored, the largest such group."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass

from reports.paper.definitions import Exhibit
from reports.stored.settings import Run, Settings, has


@dataclass(frozen=True)
class Group:
    """Runs that may stand beside each other, and how those that were passed over differ from them."""

    runs: list[Run]
    others: list[str]  # "train.steps=150 (12 evaluations)"


def largest(exhibit: Exhibit, runs: list[Run], only: Settings) -> Group:
    """Of the runs with the exhibit's settings and `only` these, the group that compares most, and there is most of.

    The runs of a group share every setting but `by` and the seed. Empty where none compares two values.
    """
    wanted = exhibit.where | only
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if exhibit.by in run.settings and has(run, wanted):
            groups[json.dumps(_shared(exhibit, run), sort_keys=True)].append(run)
    comparing = [key for key, group in groups.items() if _compared(exhibit, group) > 1]
    if not comparing:
        return Group([], [])
    chosen = max(sorted(comparing), key=lambda key: (_compared(exhibit, groups[key]), len(groups[key])))
    here = json.loads(chosen)
    passed = [key for key in sorted(groups) if key != chosen]
    return Group(groups[chosen], [f"{_difference(here, json.loads(key))} ({_count(groups[key])})" for key in passed])


def _shared(exhibit: Exhibit, run: Run) -> Settings:
    """What must be alike. An architecture's own options go with it."""
    free = {exhibit.by, "seed", "eval.every"}
    own = exhibit.by == "model.architecture"
    return {
        key: value
        for key, value in run.settings.items()
        if key not in free and not (own and key.startswith("model.options"))
    }


def _compared(exhibit: Exhibit, runs: list[Run]) -> int:
    return len({json.dumps(run.settings[exhibit.by]) for run in runs})


def _count(runs: list[Run]) -> str:
    return f"{len(runs)} evaluation{'s' * (len(runs) > 1)}"


def _difference(here: Settings, there: Settings) -> str:
    keys = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    return ", ".join(f"{key}={there.get(key)}" for key in keys)

"""Runs that differ only in what a definition compares: of all that are stored, the largest such group."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass

from reports.paper.definitions import Definition
from reports.stored.declared import tied
from reports.stored.settings import Run, Settings, has


@dataclass(frozen=True)
class Group:
    """Runs that may stand beside each other, and how those that were passed over differ from them."""

    runs: list[Run]
    others: list[str]  # "train.steps=150 (12 evaluations)"


def largest(definition: Definition, runs: list[Run], only: Settings) -> Group:
    """The group that compares most, and there is most of, among runs with the definition's settings and `only` these.

    The runs of a group share every setting but `by` and the seed. Empty where none compares two values. Validation
    scores, such as those of a search for learning rates, count where they are asked for alone.
    """
    wanted = definition.where | only
    split = wanted.get("eval.split", "test")
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if definition.by in run.settings and run.settings.get("eval.split", "test") == split and has(run, wanted):
            groups[json.dumps(_shared(definition, run), sort_keys=True)].append(run)
    comparing = [key for key, group in groups.items() if _compared(definition, group) > 1]
    if not comparing:
        return Group([], [])
    chosen = max(sorted(comparing), key=lambda key: (_compared(definition, groups[key]), len(groups[key])))
    here = json.loads(chosen)
    passed = [key for key in sorted(groups) if key != chosen]
    return Group(groups[chosen], [f"{_difference(here, json.loads(key))} ({_count(groups[key])})" for key in passed])


def _shared(definition: Definition, run: Run) -> Settings:
    """The settings that must be equal."""
    free = {definition.by, "seed", "eval.every"}
    return {key: value for key, value in run.settings.items() if key not in free and not tied(key, [definition.by])}


def _compared(definition: Definition, runs: list[Run]) -> int:
    return len({json.dumps(run.settings[definition.by]) for run in runs})


def _count(runs: list[Run]) -> str:
    return f"{len(runs)} evaluation{'s' * (len(runs) > 1)}"


def _difference(here: Settings, there: Settings) -> str:
    keys = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    return ", ".join(f"{key}={there.get(key)}" for key in keys)

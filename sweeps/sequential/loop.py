"""Run a sweep's seeds, look, and add a seed where a claim is open: until all are decided or given up."""

from __future__ import annotations

import sys
from collections.abc import Callable

from sweeps import runner
from sweeps.launchers import Launcher
from sweeps.plan import Plan
from sweeps.report import Report
from sweeps.sequential import looks, seeds
from sweeps.sequential.looks import Looks


def run(plan: Plan, launcher: Callable[[Plan], Launcher], fail_fast: bool = False) -> int:
    """Returns the exit status: 1 where a run failed or a look could not be taken; the same command then goes on.

    Raises UserError for claims that cannot be read, before anything is trained.
    """
    told: set[str] = set()
    trained = False
    while True:
        todo = runner.to_do(plan)
        serving = launcher(plan) if todo else None  # may refuse, so before anything is written
        changed = runner.prepare(plan)
        try:
            if serving:
                if not trained:
                    _tell(looks.ask(plan.results), told)
                if runner.run(plan, todo, serving, fail_fast):
                    print("no further look is taken before these runs are done", file=sys.stderr)
                    return 1
                trained = True
            found = looks.ask(plan.results)
        except looks.NoAnswer as reason:
            print(f"no look could be taken: {reason}", file=sys.stderr)
            return 1
        _tell(found, told)
        if found.seeds < (count := len({point.seed for point in plan.points})):
            print(f"no look at {count} seeds could be taken: not all runs may be believed, see {plan.results}/table.md",
                  file=sys.stderr)  # fmt: skip
            return 1
        if not found.needed:
            return _ended(plan, found, build=not trained and (changed or not (plan.results / "runs.csv").exists()))
        plan = seeds.further(plan, found.needed)


def _tell(found: Looks, told: set[str]) -> None:
    """Print what was not said before."""
    if not found.seeds:
        return
    counts = f"{len(found.closed)} claims and effects of the axis closed, {len(found.open)} open"
    print(f"look at {found.seeds} seeds: {counts}")
    for line in found.closed:
        if line not in told:
            print(line)
    told.update(found.closed)
    if found.open:
        print(found.summary[-1])
    sys.stdout.flush()


def _ended(plan: Plan, found: Looks, build: bool) -> int:
    """Say how it ended; make the report if it is missing."""
    if build:
        Report(plan.results).build()
    states = [one["state"] for one in found.questions]
    given_up = states.count("futile")
    if not states:
        print(f"no claim can be judged by these runs, see {plan.results}")
    elif not given_up:
        print(f"all {len(states)} decided with {found.seeds} seeds, see {plan.results}")
    else:
        words = f"{len(states) - given_up} of {len(states)} decided with {found.seeds} seeds, {given_up} given up"
        print(f"{words}, see {plan.results}")
    return 0

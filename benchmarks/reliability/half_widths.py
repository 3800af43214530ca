"""`python -m benchmarks.reliability.half_widths FOLDER`: simultaneous intervals against those of separate paired tests.

Half-widths of all pairs of architectures, of each headline metric of a results folder with three seeds or more, over
those of the method before: each pair's own differences alone, at Holm's strictest step of `--comparisons`.
"""

from __future__ import annotations

import math
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats

from bench.system.command_line import Parser, exit_status
from bench.system.errors import UserError
from reports.statistics.differences import Differences, item_size
from reports.statistics.intervals import LEVEL
from reports.statistics.judging import Judgement, judge
from reports.stored.declared import ARCHITECTURE
from reports.stored.runs import Sweep, read_sweep
from reports.stored.settings import Run, finished
from reports.verdicts.axis import values_of
from reports.verdicts.pairing import Pairs, against

COMPARISONS = 11  # of the paper's claims on architectures: the family that was corrected together
HALF = 0.5


def separate(differences: Differences, comparisons: int) -> float:
    """Half the width at Holm's strictest step of the paired t-test, with items as a second source where there are."""
    k, n = len(differences.values), differences.count
    sources = [(float(stats.sem(differences.values)), k - 1.0)]
    if differences.items is not None:
        sources.append((float(item_size(differences.items)), n - 1.0))
    reaches = [float(stats.t.isf(LEVEL / comparisons / 2, free)) * size for size, free in sources]
    whole = math.hypot(*(size for size, _ in sources))
    weighted = sum(reach * size for reach, (size, _) in zip(reaches, sources, strict=True)) / whole if whole else 0.0
    return max(weighted, *reaches)


def compared(runs: list[Run], metric: str, at: dict[str, float]) -> list[Judgement]:
    """All pairs of architectures, at one value of the axis."""
    names = list(dict.fromkeys(run.settings[ARCHITECTURE] for run in runs))
    pairs = [against(runs, metric, {ARCHITECTURE: a} | at, {ARCHITECTURE: b} | at) for a, b in combinations(names, 2)]
    return [Judgement(one.title, one.differences, 0.0, math.inf, one.margin, one.measure)
            for one in pairs if isinstance(one, Pairs) and len(one.differences.blocks) > 2]  # fmt: skip


def lines(sweep: Sweep, comparisons: int) -> list[str]:
    """A line for each headline metric at each value of the axis."""
    runs, said = finished(sweep.points), []
    places = [{sweep.x.key: value} for value in values_of(sweep, runs)] or [{}]
    for at in places:
        metrics = [metric.name for metric in sweep.metrics.values() if metric.headline]
        asked = {metric: found for metric in metrics if (found := compared(runs, metric, at))}
        family = iter(judge([one for found in asked.values() for one in found]))
        for found in asked.values():
            old = np.array([separate(one.differences, comparisons) for one in found])
            alone = np.array([one.error.reach(LEVEL) for one in judge(found) if one.error])
            whole = [next(family) for _ in found]
            shared = np.array([one.error.reach(LEVEL) for one in whole if one.error])
            alike = "alike" if all(one.error.alike(LEVEL) for one in judge(found) if one.error) else "not alike"
            if not old.any():
                continue
            ratio = alone.mean() / old.mean()
            name = "".join([str(found[0].key), *(f" at {sweep.x.text(value)}" for value in at.values())])
            seeds = len(found[0].differences.blocks)
            said.append(
                f"{name:32} {len(found)} pairs, {seeds} seeds, arms {alike:9}  "
                f"before {old.mean():9.4g}  now {alone.mean():9.4g}  ratio {ratio:.2f}"
                f" ({shared.mean() / old.mean():.2f} where {len(asked)} metrics share the level)"
                f"  {'kept' if ratio <= HALF else 'NOT KEPT'}"
            )
    return said


def main(arguments: list[str]) -> int:
    """Print the ratios. Raises UserError where nothing can be compared."""
    parser = Parser(prog="python -m benchmarks.reliability.half_widths", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a results folder of three seeds or more")
    family = f"comparisons of the old family (default: {COMPARISONS})"
    parser.add_argument("--comparisons", type=int, default=COMPARISONS, help=family)
    asked = parser.parse_args(arguments)
    found = lines(read_sweep(asked.folder), asked.comparisons)
    if not found:
        raise UserError(f"{asked.folder}: no two architectures with three common seeds")
    print(f"mean half-widths of all pairs, asked: at most {HALF} of those before", *found, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))

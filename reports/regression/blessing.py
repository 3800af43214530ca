"""Changes that a new baseline would make, shown before it does."""

from __future__ import annotations

from collections.abc import Mapping

from reports.regression import checks, text
from reports.regression.baseline import Baseline
from reports.regression.checks import Check
from reports.regression.measured import differences, flat
from reports.stored.declared import Metric
from reports.style import labels

HEADS = ["architecture", "measured", "old", "new", "old bounds", "new bounds", "shift"]


def changes(old: Baseline | None, new: Baseline, metrics: Mapping[str, Metric]) -> list[str]:
    """Lines: settings and machine where they differ, then a table of all checks that are not the same."""
    runs = f"{len(new.runs)} runs, {len(new.architectures)} architectures"
    if old is None:
        return [f"a first baseline: {runs}, {checks.family(new.checks)} checks of means", *_table(None, new, metrics)]
    lines = [f"the baseline of {old.blessed} would give way to {runs}"]
    for what in ("settings", "options", "environment", "codes"):
        lines += [f"{what}: {line}" for line in differences(flat(getattr(old, what)), flat(getattr(new, what)))]
    table = _table(old, new, metrics)
    return [*lines, *(table if len(table) > 1 else ["no number changes"])]


def _table(old: Baseline | None, new: Baseline, metrics: Mapping[str, Metric]) -> list[str]:
    before = {(check.architecture, check.measure): check for check in (old.checks if old else [])}
    after = {(check.architecture, check.measure): check for check in new.checks}
    rows = [HEADS]
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key), after.get(key)
        if one != other:
            who, measure = labels.architecture(key[0]), text.name(key[1], metrics)
            rows.append([who, measure, *_pair(one, other), _shift(one, other)])
    return text.aligned(rows)


def _pair(old: Check | None, new: Check | None) -> list[str]:
    means = [text.spread(check) if check else "–" for check in (old, new)]
    return [*means, *[text.bounds(check) if check else "–" for check in (old, new)]]


def _shift(old: Check | None, new: Check | None) -> str:
    """Change of the mean, by the old one."""
    if old is None or new is None or not old.mean:
        return ""
    return f"{100 * (new.mean / old.mean - 1):+.2g} %"

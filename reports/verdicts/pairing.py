"""The runs of a comparison, paired by block and by item, as differences of which positive is better."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.statistics.differences import Differences
from reports.stored.declared import tied
from reports.stored.settings import Run, Settings, equal, has
from reports.style import labels
from reports.tables.intervals import per_item
from reports.tables.summary import DOES_NOT_RANK
from reports.verdicts import margins
from reports.verdicts.hypotheses import BETTER, UNCHANGED, Claim, Comparison

INSTEAD = {"fid": "kid"}  # metric -> one of the same quantity that few images do not bias
AS_MANY = 0.01  # relative difference of two counts of pairs that are equal
Block = tuple[str, int]  # architecture, "" where it is no part of the block, and seed
SAME_ITEMS = ("split", "num_images", "num_captions", "seed")  # of eval: they choose prompts, images and noise


class Unpaired(Exception):
    """Why these runs do not answer the comparison."""


@dataclass(frozen=True)
class Pairs:
    """The paired runs that a comparison rests on."""

    metric: str  # another in its place where it does not rank
    title: str  # of the metric
    differences: Differences
    means: tuple[float, float]  # of the runs, and of what they are compared with
    margin: float  # of relevance, in the metric's unit
    margin_rule: str  # in words
    measure: tuple[str, ...]  # the metric, its weights and its items: what can share an error
    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def paired(claim: Claim, comparison: Comparison, runs: list[Run]) -> Pairs:
    """Raises Unpaired where there are no such runs, or they are no fair pairs."""
    ours = _by_block(runs, claim.where | comparison.runs, claim.over)
    theirs = ours if comparison.relation == UNCHANGED else _by_block(runs, claim.where | comparison.than, claim.over)
    blocks = sorted(set(ours) & set(theirs))
    if not blocks:
        raise Unpaired(f"only other seeds of one side: {_seeds(ours)} and {_seeds(theirs)}")
    couples = [(ours[block], theirs[block]) for block in blocks]
    if claim.equal:
        _check_equal(couples, claim.equal)
    metric, notes = _ranking_metric(comparison.metric, [run for couple in couples for run in couple])
    level = "before" if comparison.relation == UNCHANGED else "value"
    scores = [(_score(one, metric), _score(two, metric)) for one, two in couples]
    direction, title = scores[0][0]["direction"], scores[0][0]["title"]
    if direction not in labels.ARROWS:
        raise Unpaired(f"{title} has no better and no worse")
    if any(two[level] is None for _, two in scores):
        raise Unpaired(f"{title} was not measured before training")
    sign = -1.0 if direction == "lower" else 1.0
    values = np.array([[one["value"], two[level]] for one, two in scores], float)  # k 2
    if not np.isfinite(values).all():
        raise Unpaired(f"{title} is no finite number in some runs")
    items = _items(couples, metric, f"{metric}_before" if level == "before" else metric, values)
    by_item = None if items is None else sign * items
    sides = [str(sorted((claim.where | side).items())) for side in (comparison.runs, comparison.than)]
    arms: dict[Hashable, tuple[float, np.ndarray]] = {}
    if sides[0] != sides[1]:
        arms = {sides[0]: (1.0, sign * values[:, 0]), sides[1]: (-1.0, sign * values[:, 1])}
    known = tuple(block[1] if not claim.over else block for block in blocks)
    differences = Differences(known, sign * (values[:, 0] - values[:, 1]), by_item, arms)
    if others := _also_differ(claim, comparison, couples):
        notes.append(f"the two sides also differ in {', '.join(others)}")
    used = tuple({id(run): run for couple in couples for run in couple}.values())
    lone = sorted(set(ours) ^ set(theirs))
    if lone:
        notes.append(f"seeds {', '.join(map(_named, lone))} were run on one side only and are left out")
    if _code_changed(used):
        notes.append("these runs are of different versions of the code")
    means = (float(values[:, 0].mean()), float(values[:, 1].mean()))
    margin, rule = margins.of(comparison, means[1], [score for couple in scores for score in couple])
    measure = (metric, str(scores[0][0]["weights"]), claim.over, *map(str, _asked(couples[0][0])))
    return Pairs(metric, title, differences, means, margin, rule, measure, used, tuple(notes))


def against(runs: list[Run], metric: str, ours: Settings, theirs: Settings, over: str = "") -> Pairs | str:
    """One metric of the runs with some settings against that of those with others, or why they are no fair pairs."""
    comparison = Comparison(ours, BETTER, theirs, metric)
    try:
        return paired(Claim("", "", (comparison,), over=over), comparison, runs)
    except Unpaired as reason:
        return str(reason)


def _code_changed(runs: tuple[Run, ...]) -> bool:
    """Whether the code of any one architecture did: its digest leaves out the files of the others."""
    codes: dict[str, set[str]] = {}
    for run in runs:
        codes.setdefault(run.settings["model.architecture"], set()).update(run.point.codes)
    return any(len(digests) > 1 for digests in codes.values())


def _also_differ(claim: Claim, comparison: Comparison, couples: list[tuple[Run, Run]]) -> list[str]:
    """Settings that the comparison does not speak of, and in which its sides differ."""
    named = claim.where.keys() | comparison.runs.keys() | comparison.than.keys()
    keys = {key for couple in couples for run in couple for key in run.settings if not tied(key, named)} - named
    return sorted(
        key for key in keys if any(not equal(one.settings.get(key), two.settings.get(key)) for one, two in couples)
    )


def _by_block(runs: list[Run], wanted: Settings, over: str) -> dict[Block, Run]:
    """The one run of each block that has these settings; a block is a seed, or an architecture and a seed."""
    found: dict[Block, Run] = {}
    for run in runs:
        if has(run, wanted):
            block = (run.settings["model.architecture"] if over else "", run.settings["seed"])
            if found.setdefault(block, run) is not run:
                narrow = f"several runs of seed {_named(block)} have {as_typed(wanted)}"
                raise Unpaired(f"{narrow}: narrow the claim's `where`")
    if not found:
        raise Unpaired(f"no finished run here has {as_typed(wanted)}")
    return found


def _named(block: Block) -> str:
    return f"{block[1]}" + (f" of {labels.architecture(block[0])}" if block[0] else "")


def _seeds(blocks: dict[Block, Run]) -> str:
    return f"[{', '.join(map(_named, sorted(blocks)))}]"


def as_typed(settings: Settings) -> str:
    """Settings as a user writes them."""
    return ", ".join(f"{key}={value}" for key, value in settings.items()) or "any settings"


def _check_equal(couples: list[tuple[Run, Run]], task: str) -> None:
    for couple in couples:
        one, two = (_pairs_seen(run, task) for run in couple)
        if abs(one - two) > AS_MANY * max(one, two):
            title = couple[0].point.result["tasks"][task]["title"]
            raise Unpaired(f"the claim is about as many {title} pairs, and these runs saw {one:,.0f} and {two:,.0f}")


def _pairs_seen(run: Run, task: str) -> float:
    counts = run.point.result.get("seen", {})
    if f"{task}_pairs" not in counts:
        raise Unpaired(f"run {run.point.run_id} does not say its {task}_pairs")
    return float(counts[f"{task}_pairs"])


def _ranking_metric(metric: str, runs: list[Run]) -> tuple[str, list[str]]:
    """The metric, or another where it does not rank: on too few images, or after a failed self-test."""
    notes = [run.point.result["metrics"].get(metric, {}).get("note") for run in runs]
    reasons = [note for note in notes if isinstance(note, str) and DOES_NOT_RANK in note]
    if not reasons:
        return metric, []
    title = _score(runs[0], metric)["title"]
    if metric not in INSTEAD:
        raise Unpaired(f"{title}: {reasons[0]}")
    instead, others = _ranking_metric(INSTEAD[metric], runs)
    return instead, [f"{title}: {reasons[0]}; {_score(runs[0], instead)['title']} in its place", *others]


def _score(run: Run, metric: str) -> dict[str, Any]:
    if metric not in run.point.result["metrics"]:
        raise Unpaired(f"run {run.point.run_id} was not scored by {metric}")
    return run.point.result["metrics"][metric]


def _items(couples: list[tuple[Run, Run]], metric: str, other: str, values: np.ndarray) -> np.ndarray | None:
    """Differences of every item (k, N); None where a metric is no mean of items."""
    for one, two in couples:
        ours, theirs = _score(one, metric), _score(two, metric)
        if ours["weights"] != theirs["weights"]:
            raise Unpaired(f"{ours['title']} was measured by different weights")
        if _asked(one) != _asked(two) or ours["n"] != theirs["n"]:
            raise Unpaired("the two sides were not scored on the same items")
    tables = [[_per_item(one, metric), _per_item(two, other)] for one, two in couples]
    lengths = {None if items is None else len(items) for couple in tables for items in couple}
    if None in lengths or len(lengths) > 1:
        return None
    table = np.array(tables, float)  # k 2 N
    if not np.allclose(table.mean(2), values, rtol=1e-5, atol=1e-9):  # perplexity: the items are not on its scale
        return None
    return table[:, 0] - table[:, 1]


def _asked(run: Run) -> list[Any]:
    data = run.point.result.get("eval_identity", {}).get("data", {}).get("digest")
    return [data, *(run.settings.get(f"eval.{name}") for name in SAME_ITEMS)]


def _per_item(run: Run, metric: str) -> np.ndarray | None:
    return per_item(run.point).get(metric)

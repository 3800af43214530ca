"""The runs of a comparison, paired by seed and by item, as differences of which positive is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.statistics.differences import Differences
from reports.stored.settings import Run, Settings, equal, has
from reports.style import labels
from reports.tables.intervals import per_item
from reports.tables.summary import DOES_NOT_RANK
from reports.verdicts.hypotheses import BETTER, EQUAL, UNCHANGED, Claim, Comparison

AS_MANY = 0.01  # relative difference of two counts of pairs that are equal
SAME_ITEMS = ("split", "num_images", "num_captions", "seed")  # of eval: they choose prompts, pictures and noise


class Unpaired(Exception):
    """Why these runs do not answer the comparison."""


@dataclass(frozen=True)
class Pairs:
    """What a comparison rests on."""

    metric: str  # KID in FID's place where FID does not rank
    differences: Differences
    means: tuple[float, float]  # of the runs, and of what they are compared with
    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def paired(claim: Claim, comparison: Comparison, runs: list[Run]) -> Pairs:
    """Raises Unpaired where there are no such runs, or they are no fair pairs."""
    ours = _by_seed(runs, claim.where | comparison.runs)
    theirs = ours if comparison.relation == UNCHANGED else _by_seed(runs, claim.where | comparison.than)
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        raise Unpaired(f"only other seeds of one side: {sorted(ours)} and {sorted(theirs)}")
    couples = [(ours[seed], theirs[seed]) for seed in seeds]
    if claim.equal:
        _check_equal(couples, claim.equal)
    metric, notes = _ranking_metric(comparison.metric, [run for couple in couples for run in couple])
    other = metric.replace("_after", "_before") if comparison.relation == UNCHANGED else metric
    scores = [(_score(one, metric), _score(two, other)) for one, two in couples]
    direction = scores[0][0]["direction"]
    if direction not in labels.ARROWS:
        raise Unpaired(f"{labels.metric(metric)} has no better and no worse")
    sign = -1.0 if direction == "lower" else 1.0
    values = np.array([[one["value"], two["value"]] for one, two in scores], float)  # k 2
    if not np.isfinite(values).all():
        raise Unpaired(f"{labels.metric(metric)} is no finite number in some runs")
    items = _items(couples, metric, other, values)
    by_item = None if items is None else sign * items
    differences = Differences(tuple(seeds), sign * (values[:, 0] - values[:, 1]), by_item)
    if others := _also_differ(claim, comparison, couples):
        notes.append(f"the two sides also differ in {', '.join(others)}")
    used = tuple({id(run): run for couple in couples for run in couple}.values())
    lone = sorted(set(ours) ^ set(theirs))
    if lone:
        notes.append(f"seeds {', '.join(map(str, lone))} were run on one side only and are left out")
    if _code_changed(used):
        notes.append("these runs are of different versions of the code")
    ours_mean, theirs_mean = values.mean(0)
    return Pairs(metric, differences, (float(ours_mean), float(theirs_mean)), used, tuple(notes))


def against(runs: list[Run], metric: str, ours: Settings, theirs: Settings) -> Pairs | str:
    """One metric of the runs with some settings against that of those with others, or why they are no fair pairs."""
    comparison = Comparison(ours, BETTER, theirs, metric, 0.0, relative=False)
    claim = Claim("", "", "", "", "", {}, "", "", (comparison,), "")
    try:
        return paired(claim, comparison, runs)
    except Unpaired as reason:
        return str(reason)


def _code_changed(runs: tuple[Run, ...]) -> bool:
    """Whether the code of any one architecture did: its digest leaves out the files of the others."""
    codes: dict[str, set[str]] = {}
    for run in runs:
        codes.setdefault(run.settings["model.architecture"], set()).update(run.point.codes)
    return any(len(digests) > 1 for digests in codes.values())


def _also_differ(claim: Claim, comparison: Comparison, couples: list[tuple[Run, Run]]) -> list[str]:
    """Settings that the comparison does not speak of, and in which its sides are not alike.

    An architecture's own options go with it.
    """
    named = claim.where.keys() | comparison.runs.keys() | comparison.than.keys()
    keys = {key for couple in couples for run in couple for key in run.settings} - named
    if "model.architecture" in named:
        keys = {key for key in keys if not key.startswith("model.options")}
    return sorted(
        key for key in keys if any(not equal(one.settings.get(key), two.settings.get(key)) for one, two in couples)
    )


def _by_seed(runs: list[Run], wanted: Settings) -> dict[int, Run]:
    """The one run of each seed that has these settings."""
    found: dict[int, Run] = {}
    for run in runs:
        if has(run, wanted):
            seed = run.settings["seed"]
            if found.setdefault(seed, run) is not run:
                raise Unpaired(f"several runs of seed {seed} have {described(wanted)}: narrow the claim's `where`")
    if not found:
        raise Unpaired(f"no finished run here has {described(wanted)}")
    return found


def described(settings: Settings) -> str:
    """Settings as a user writes them."""
    return ", ".join(f"{key}={value}" for key, value in settings.items()) or "any settings"


def _check_equal(couples: list[tuple[Run, Run]], what: str) -> None:
    for couple in couples:
        one, two = (_samples(run, what) for run in couple)
        if abs(one - two) > AS_MANY * max(one, two):
            task = "drawn" if what == EQUAL[0] else "described"
            raise Unpaired(f"the claim is about as many pairs {task}, and these runs saw {one:,.0f} and {two:,.0f}")


def _samples(run: Run, what: str) -> float:
    try:
        pairs = run.settings["train.steps"] * run.settings["train.batch_size"]
        share = run.settings["train.t2i_fraction"]
    except KeyError as error:
        raise Unpaired(f"run {run.point.run_id} does not say its {error.args[0]}") from error
    return pairs * (share if what == EQUAL[0] else 1 - share)


def _ranking_metric(metric: str, runs: list[Run]) -> tuple[str, list[str]]:
    """KID where FID does not rank: it was measured on too few pictures, or failed its self-test."""
    notes = [run.point.result["metrics"].get(metric, {}).get("note") for run in runs]
    reasons = [note for note in notes if isinstance(note, str) and DOES_NOT_RANK in note]
    if not reasons:
        return metric, []
    if metric != "fid":
        raise Unpaired(f"{labels.metric(metric)}: {reasons[0]}")
    instead, others = _ranking_metric("kid", runs)
    return instead, [f"FID: {reasons[0]}; KID in its place", *others]


def _score(run: Run, metric: str) -> dict[str, Any]:
    if metric not in run.point.result["metrics"]:
        raise Unpaired(f"run {run.point.run_id} was not scored by {labels.metric(metric)}")
    return run.point.result["metrics"][metric]


def _items(couples: list[tuple[Run, Run]], metric: str, other: str, values: np.ndarray) -> np.ndarray | None:
    """Differences of every item (k, N); None where a metric is no mean of items."""
    for one, two in couples:
        weights = {_score(one, metric)["weights"], _score(two, other)["weights"]}
        if len(weights) > 1:
            raise Unpaired(f"{labels.metric(metric)} was measured by different weights")
        if _asked(one) != _asked(two) or _score(one, metric)["n"] != _score(two, other)["n"]:
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

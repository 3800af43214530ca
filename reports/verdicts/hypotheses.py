"""Hypotheses to be judged, read from YAML: the paper's in `reports/verdicts/claims/`, a user's in `claims/` or a file.

    text: Clean images help captions.                # what is claimed, in one sentence
    source: "a paper, Fig. 6"
    family: noise                                    # claims of one family are tested together: 5 % for any error
    sweep: noise seed=[0,1,2]                        # `python -m sweeps run ...` makes the runs
    where: {model.architecture: dual_tower}          # settings that all its runs share
    over: architectures                              # instead: pairs of every architecture and seed are its blocks
    comparisons:
      - runs: {train.lr: 1e-4}
        are: better                                  # better, worse, not_better, same, unchanged
        than: [{train.lr: 1e-2}]
        metrics: [cider]
        margin: 0                                    # less is no relevant difference: in the metric's unit, or a
                                                     # share of the other side, 5 %; by default as in margins.yaml

Each of `than` with each of `metrics` is a comparison; all must hold. `unchanged` compares a metric with its own value
before training, item by item, and asks for equality. `equal: TASK_samples` asks that both sides saw as many pairs of
that task. `needs:` in place of comparisons says what is lacking to judge the claim at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import architectures
from bench.config import user_yaml
from bench.config.checks import nearest_setting, setting_keys
from bench.config.schema import Config
from bench.runs import format_1
from bench.runs.format import RENAMED
from bench.system.errors import UserError, nearest
from reports.stored.declared import ARCHITECTURE
from reports.stored.runs import Sweep
from reports.stored.settings import Settings

SHIPPED = Path(__file__).with_name("claims")
OWN = Path("claims")  # in the working directory
KEYS = ("text", "source", "family", "sweep", "where", "over", "equal", "published", "comparisons", "needs")
COMPARISON_KEYS = ("runs", "are", "than", "metrics", "margin")
BETTER, WORSE, NOT_BETTER, SAME, UNCHANGED = RELATIONS = ("better", "worse", "not_better", "same", "unchanged")
OVER = "architectures"
EQUAL = re.compile(r"(\w+)_samples")
PER_CENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


@dataclass(frozen=True)
class Comparison:
    """One metric of runs with these settings against that of runs with the others."""

    runs: Settings
    relation: str
    than: Settings  # {} where the relation is to the metric's own value before training
    metric: str
    margin: float | None = None  # of relevance; None: by the rule for its metric
    relative: bool = False  # the margin is a share of the other side's mean


@dataclass(frozen=True)
class Claim:
    """A hypothesis, and the comparisons that must all hold; none where something is lacking to judge it."""

    name: str
    text: str
    comparisons: tuple[Comparison, ...] = ()
    source: str = ""
    family: str = ""
    sweep: str = ""
    where: Settings = field(default_factory=dict)
    over: str = ""  # architectures: the answer is over those that ran, one block each and seed
    equal: str = ""  # the task of which both sides saw as many pairs
    published: str = ""
    needs: str = ""


def read(own: Path | None = None, sweep: Sweep | None = None) -> list[Claim]:
    """The paper's claims, then those of `own`, a file or folder; by default of `claims/` here, if there is one.

    Raises UserError for one that cannot be read, or that names a metric or task that no result of `sweep` knows.
    """
    if own is not None and not own.exists():
        raise UserError(f"{own}: no such file or folder of claims")
    files = sorted(SHIPPED.glob("*.yaml"))
    if own is None or own.is_dir():
        files += sorted((own or OWN).glob("*.yaml"))
    else:
        files.append(own)
    return [_claim(path, sweep) for path in files]


def _claim(path: Path, sweep: Sweep | None) -> Claim:
    try:
        content = user_yaml.read(path.read_text(encoding="utf-8-sig"))
        if not isinstance(content, dict):
            raise UserError("is no mapping of text, sweep and comparisons")
        claim = _checked(path.stem, content)
        _check_names(claim, sweep, shipped=path.parent == SHIPPED)
        return claim
    except (UserError, user_yaml.Unreadable, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: {error}") from error


def _checked(name: str, content: dict[str, Any]) -> Claim:
    needed = ("text", "needs") if "needs" in content else ("text", "sweep", "comparisons")
    user_yaml.check_keys("", content, KEYS, needed)
    for key in ("text", "source", "family", "sweep", "equal", "published", "needs"):
        if not isinstance(content.get(key, ""), str):
            raise UserError(f"{key}: must be a text")
    equal = EQUAL.fullmatch(content.get("equal", ""))
    if "equal" in content and not equal:
        raise UserError(f"equal: must be TASK_samples, by the name of a task, not '{content['equal']}'")
    if content.get("over", OVER) != OVER:
        raise UserError(f"over: must be {OVER}, not '{content['over']}'")
    given = content.get("comparisons", [])
    if not isinstance(given, list) or ("needs" not in content and not given):
        raise UserError("comparisons: must be a list of mappings")
    comparisons = [one for place, item in enumerate(given) for one in _comparisons(f"comparisons[{place}]", item)]
    said = {key: content[key] for key in ("source", "sweep", "over", "published", "needs") if key in content}
    where, task = _settings("where", content.get("where", {})), equal[1] if equal else ""
    sides = [where, *(side for one in comparisons for side in (one.runs, one.than))]
    if "over" in content and any(ARCHITECTURE in side for side in sides):
        raise UserError(f"over: {OVER} are the blocks, so no {ARCHITECTURE} may be named")
    return Claim(name, content["text"], tuple(comparisons), family=content.get("family", name), where=where, equal=task,
                 **said)  # fmt: skip


def _check_names(claim: Claim, sweep: Sweep | None, shipped: bool) -> None:
    """Refuse a metric or a task that is none. The shipped claims are right: results may lack what they name."""
    if shipped:
        return
    known, tasks = (sweep.metrics, sweep.tasks) if sweep else ({}, {})
    for comparison in claim.comparisons:
        name, metric = comparison.metric, known.get(comparison.metric)
        if name in RENAMED:
            raise UserError(f"metrics: unknown metric '{name}' (did you mean '{RENAMED[name]}'?)")
        hint = nearest(name, [*known, *format_1.METRICS])
        if not metric and name not in format_1.METRICS and (known or "did you mean" in hint):
            raise UserError(f"metrics: unknown metric '{name}'{hint}")
        if comparison.relation == UNCHANGED and metric and not metric.has_before:
            fitting = ", ".join(one.name for one in known.values() if one.has_before)
            raise UserError(f"metrics: '{name}' is not measured before training ({fitting or 'nothing'} is)")
    if claim.equal and tasks and claim.equal not in tasks:
        raise UserError(f"equal: no task is called '{claim.equal}'{nearest(claim.equal, tasks)}")


def _comparisons(place: str, given: Any) -> list[Comparison]:
    """Every metric with every other side."""
    if not isinstance(given, dict):
        raise UserError(f"{place}: must be a mapping of {', '.join(COMPARISON_KEYS)}")
    user_yaml.check_keys(f"{place}.", given, COMPARISON_KEYS, ("are", "metrics"))
    relation, metrics = given["are"], given["metrics"]
    if relation not in RELATIONS:
        raise UserError(f"{place}.are: unknown relation '{relation}'{nearest(str(relation), RELATIONS)}")
    if not isinstance(metrics, list) or not metrics:
        raise UserError(f"{place}.metrics: must be a list of metrics")
    if not all(isinstance(metric, str) for metric in metrics):
        raise UserError(f"{place}.metrics: must be a list of metrics")
    if ("than" in given) == (relation == UNCHANGED):
        raise UserError(f"{place}.than: {'has no meaning with' if 'than' in given else 'is missing for'} '{relation}'")
    others = given.get("than", [{}])
    if not isinstance(others, list) or not others:
        raise UserError(f"{place}.than: must be a list of mappings of settings")
    margin, relative = _margin(place, given["margin"]) if "margin" in given else (None, False)
    if relation == SAME and margin == 0:
        raise UserError(f"{place}.margin: 'same' needs a margin above 0: how much is still the same?")
    runs = _settings(f"{place}.runs", given.get("runs", {}))
    sides = [_settings(f"{place}.than", other) for other in others]
    return [Comparison(runs, relation, side, metric, margin, relative) for metric in metrics for side in sides]


def _margin(place: str, given: Any) -> tuple[float, bool]:
    share = PER_CENT.fullmatch(given) if isinstance(given, str) else None
    if share:
        return float(share[1]) / 100, True
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < float("inf"):
        raise UserError(f"{place}.margin: must be a number from 0 in the metric's unit, or as '5 %', not '{given}'")
    return float(given), False


def _settings(place: str, given: Any) -> Settings:
    if not isinstance(given, dict):
        raise UserError(f"{place}: must be a mapping of settings, such as train.lr: 1e-4")
    for key, value in given.items():
        if key not in setting_keys(Config) and not key.startswith("model.options."):
            raise UserError(f"{place}: unknown setting '{key}'{nearest_setting(Config, key)}")
        if key == "model.architecture" and value not in architectures.catalogue():
            hint = nearest(str(value), architectures.catalogue())
            raise UserError(f"{place}: unknown architecture '{value}'{hint}")
    return given

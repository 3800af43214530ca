"""Comparisons in words."""

from __future__ import annotations

from collections.abc import Mapping

from reports.stored import declared
from reports.stored.declared import Axis
from reports.stored.settings import Settings
from reports.verdicts.hypotheses import NOT_BETTER, UNCHANGED, Comparison
from reports.verdicts.pairing import as_typed

RELATIONS = {NOT_BETTER: "no better", UNCHANGED: "unchanged by training"}


def question(comparison: Comparison, axes: Mapping[str, Axis]) -> str:
    """Both sides and their relation, in words."""
    relation = RELATIONS.get(comparison.relation, comparison.relation)
    other = "" if comparison.relation == UNCHANGED else f" than {side(comparison.than, axes)}"
    return f"{side(comparison.runs, axes)} {relation}{other}"


def side(settings: Settings, axes: Mapping[str, Axis]) -> str:
    """One side of a comparison, as readers call it."""
    texts = []
    for key, value in settings.items():
        axis = declared.axis(key, axes)
        texts.append(axis.text(value) if axis.is_architecture else f"{axis.title} {axis.text(value)}")
    return ", ".join(texts) or as_typed(settings)

"""Names of architectures, controls and weights, and arrows of directions, as readers see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.models.controls import CONTROLS, controls_of

BESIDE = ", "  # between an architecture and its controls; no architecture's own name holds it
ARROWS = {"lower": "↓", "higher": "↑"}


def architecture(name: str) -> str:
    """An architecture's name for readers."""
    return name.replace("_", " ")


def arm(name: str, settings: Mapping[str, Any]) -> str:
    """An architecture and the controls that a run of it is under: "dual_tower, random LLM"."""
    return BESIDE.join([name, *(control.title for control in controls_of(settings).values())])


def is_control(arm: str) -> bool:
    """Whether an arm is a control: greyed, and never the best."""
    return BESIDE in arm


def control(name: str) -> str:
    """A value of `model.control` for readers."""
    return CONTROLS[name].title if name in CONTROLS else name


def weights(label: str) -> str:
    """The weights that measured a number, from "embedded:features:3fa9c1d2e4b5": "embedded features 3fa9c1"."""
    if not label:
        return "no network"
    whose, _, rest = label.partition(":")
    kind, _, digest = rest.partition(":")
    return " ".join(part for part in (whose, kind, digest[:6]) if part)

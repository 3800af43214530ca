"""Names of architectures and weights, and arrows of directions, as readers see them."""

from __future__ import annotations

ARROWS = {"lower": "↓", "higher": "↑"}


def architecture(name: str) -> str:
    """An architecture's name for readers."""
    return name.replace("_", " ")


def weights(label: str) -> str:
    """The weights that measured a number, from "embedded:features:3fa9c1d2e4b5": "embedded features 3fa9c1"."""
    if not label:
        return "no network"
    whose, _, rest = label.partition(":")
    kind, _, digest = rest.partition(":")
    return " ".join(part for part in (whose, kind, digest[:6]) if part)

"""Single tower (paper, Sec. 3.1): the same weights for every token."""

from __future__ import annotations

from architectures.base import register
from architectures.decoder import OneBlock


@register
class SingleTower(OneBlock):
    """H = F(E) for all tokens; the language model's own layers are trained, so its language may be lost."""

    language_frozen = False
    controls = ("random_language_model",)  # it trains no copy, and has no frozen block to go without

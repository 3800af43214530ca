"""Checks of attribute metrics: one attribute altered in every scene must cost that one, and no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bench.evaluation.selftest.checks import Check, Scores
from bench.scenes import ATTRIBUTES, Scene
from bench.scenes.attributes import VALUES

SHOWN = 128
SLACK = {"image": 0.03, "caption": 0.0}  # share that the net may misread; the parser misreads nothing


def checks(kind: str, scenes: Sequence[Scene], measure: Callable[[Sequence[Scene]], Scores]) -> list[Check]:
    """Checks by `measure`, which scores images or captions of the scenes given, against `scenes`."""
    slack = SLACK[kind]
    altered = {name: measure([_altered(scene, name) for scene in scenes]) for name in ATTRIBUTES}
    true = measure(scenes)
    found = []
    for metric in true:
        own = metric.removeprefix(f"{kind}_")
        values = tuple([true[metric].value, *[altered[name][metric].value for name in ATTRIBUTES]])
        expected = np.array([1.0, *[_expected(own, name) for name in ATTRIBUTES]])
        passed = bool((np.abs(np.array(values) - expected) <= slack + 1e-9).all())
        bound = " ".join(f"{value:g}" for value in expected) + (f" ± {slack}" if slack else "")
        found.append(Check(metric, "true; " + ", ".join(ATTRIBUTES) + " altered", values, bound, passed))
    return found


def reads_real_images(clean: Scores) -> list[Check]:
    """Check that the feature net reads real images: distances alone would not show that it is untrained."""
    read = clean["image_attributes"]
    bound = 1 - SLACK["image"]
    return [
        Check(metric, "its net reads real images", (read.value,), f"at least {bound}", read.value >= bound)
        for metric, score in clean.items()
        if score.weights == read.weights and not metric.startswith("image_")
    ]


def _expected(metric: str, altered: str) -> float:
    if metric == "attributes":
        return 1 - 1 / len(ATTRIBUTES)
    return 0.0 if metric in (altered, "all_right") else 1.0


def _altered(scene: Scene, attribute: str) -> Scene:
    """The scene with the next value of an attribute, in all its objects."""

    def next_to(value: str | None) -> str:
        values = VALUES[attribute]
        return values[(values.index(str(value)) + 1) % len(values)]

    if attribute == "background":
        return replace(scene, background=next_to(scene.background))
    return replace(
        scene, objects=tuple(replace(o, **{attribute: next_to(getattr(o, attribute))}) for o in scene.objects)
    )

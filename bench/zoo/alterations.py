"""Altered scenes, which differ from a given one in a single respect: hard negatives for the image-text model."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from bench.scenes.attributes import ATTRIBUTES, OBJECT_ATTRIBUTES, VALUES
from bench.scenes.scene import Scene


def altered(scene: Scene, rng: Random) -> Scene:
    """``scene`` with one attribute changed, or, half of the time with two objects, one exchanged between them.

    The jitter is kept: it goes with the object's place in the tuple.
    """
    while True:
        change = _exchanged if len(scene.objects) == 2 and rng.random() < 0.5 else _changed
        other = change(scene, rng)
        places = {o.position for o in other.objects}
        pairs = {(o.colour, o.shape) for o in other.objects}
        if len(places) == len(pairs) == len(scene.objects) and same_image(other) != same_image(scene):
            return other


def same_image(scene: Scene) -> tuple[object, ...]:
    """A key that two scenes share when they show the same, in any order of their objects."""
    return frozenset(scene.objects), scene.background


def _changed(scene: Scene, rng: Random) -> Scene:
    attribute = rng.choice(ATTRIBUTES)
    if attribute == "background":
        return replace(scene, background=rng.choice(VALUES[attribute]))
    objects = list(scene.objects)
    i = rng.randrange(len(objects))
    objects[i] = replace(objects[i], **{attribute: rng.choice(VALUES[attribute])})
    return replace(scene, objects=tuple(objects))


def _exchanged(scene: Scene, rng: Random) -> Scene:
    attribute = rng.choice(OBJECT_ATTRIBUTES)
    one, two = scene.objects
    a, b = getattr(one, attribute), getattr(two, attribute)
    return replace(scene, objects=(replace(one, **{attribute: b}), replace(two, **{attribute: a})))

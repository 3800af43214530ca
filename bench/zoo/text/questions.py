"""Questions about scenes, with their answers: which colour, shape, size and place belong to which object?"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from bench.scenes.attributes import VALUES
from bench.scenes.scene import Object, Scene

OPEN = {name: f"what {name} is {{}}" for name in ("colour", "shape", "size")} | {"position": "where is {}"}
FORMS = {"colour": "{}", "shape": "a {}", "size": "{}", "position": "at the {}"}
NAMES = {  # ways to point at an object, by the attributes they use
    ("colour",): "the {colour} object",
    ("shape",): "the {shape}",
    ("size",): "the {size} object",
    ("position",): "the object at the {position}",
    ("colour", "shape"): "the {colour} {shape}",
    ("size", "shape"): "the {size} {shape}",
}
GLIMPSES = {
    ("colour", "shape"): "a {colour} {shape}",
    ("size", "shape"): "a {size} {shape}",
    ("shape", "position"): "a {shape} at the {position}",
    ("colour", "position"): "the {position} is {colour}",
    ("size", "colour"): "a {size} {colour} object",
}
KINDS = (*6 * ("open",), *3 * ("choice",), "background", "how many")


def question(scene: Scene, rng: Random) -> tuple[str, str]:
    """A question about the scene and its answer, e.g. ("what colour is the circle?", "red")."""
    kind = rng.choice(KINDS)
    if kind == "how many":
        return "how many objects are there?", ("one", "two")[len(scene.objects) - 1]
    if kind == "background":
        return "what colour is the background?", str(scene.background)
    one = rng.choice(scene.objects)
    asked = rng.choice(tuple(OPEN))
    name = _name(scene, one, rng, without=asked)
    if name is None:
        return question(scene, rng)
    right = getattr(one, asked)
    if kind == "open":
        return f"{OPEN[asked].format(name)}?", right
    choices = rng.sample((right, _other_value(scene, one, asked, rng)), 2)
    return f"is {name} {' or '.join(FORMS[asked].format(value) for value in choices)}?", right


def distinction(scene: Scene, rng: Random) -> tuple[str, str]:
    """An open question whose answer is true of one object only, so that it cannot be guessed from the other."""
    while True:
        asked, answer = question(scene, rng)
        if " or " not in asked and sum(answer in vars(o).values() for o in scene.objects) == 1:
            return asked, answer


def place(scene: Scene, rng: Random) -> tuple[str, str]:
    """A question where an object is. The second word of the answer is hard if the first is true of both objects."""
    one = rng.choice(scene.objects)
    name = _name(scene, one, rng, without="position")
    return (f"{OPEN['position'].format(name)}?", str(one.position)) if name else place(scene, rng)


def about_place(scene: Scene, rng: Random) -> tuple[str, str]:
    """A question that asks for an object's place or points at an object by it."""
    while True:
        asked, answer = question(scene, rng)
        if asked.startswith("where") or " at the " in asked:
            return asked, answer


def description(scene: Scene, rng: Random) -> tuple[str, str]:
    """A question what the object with one or two given attributes is, answered by all its attributes."""
    one = rng.choice(scene.objects)
    name = _name(scene, one, rng)
    article = _article(str(one.size))
    return f"what is {name}?", f"{article} {one.size} {one.colour} {one.shape} at the {one.position}"


def glimpse(scene: Scene, rng: Random) -> tuple[str, list[tuple[str, str]]]:
    """Two attributes of each object, and questions from one to the other: the shortest text that needs binding."""
    (first, second), form = rng.choice(tuple(GLIMPSES.items()))
    text = " and ".join(form.format(**vars(one)) for one in scene.objects).replace("a orange", "an orange")
    asked = []
    for one in rng.sample(scene.objects, len(scene.objects)):
        known, wanted = rng.sample((first, second), 2)
        if sum(getattr(o, known) == getattr(one, known) for o in scene.objects) == 1:
            asked.append((f"{OPEN[wanted].format(NAMES[(known,)].format(**vars(one)))}?", getattr(one, wanted)))
    return text, asked


def yes_or_no(scene: Scene, rng: Random) -> tuple[str, str]:
    """A question whether an object of some colour and shape is there; yes and no are balanced."""
    one = rng.choice(scene.objects)
    yes = rng.random() < 0.5
    claim = one if yes else _absent(scene, one, rng)
    return f"is there {_article(str(claim.colour))} {claim.colour} {claim.shape}?", "yes" if yes else "no"


def _name(scene: Scene, one: Object, rng: Random, without: str | None = None) -> str | None:
    """A phrase that singles out ``one``, not by the attribute ``without``; None if there is none."""
    others = [o for o in scene.objects if o is not one]
    fits = [
        form
        for used, form in NAMES.items()
        if without not in used and not any(all(getattr(o, a) == getattr(one, a) for a in used) for o in others)
    ]
    return rng.choice(fits).format(**vars(one)) if fits else None


def _other_value(scene: Scene, one: Object, asked: str, rng: Random) -> str:
    """A wrong value: half of the time another object's, so that having read the word is not enough."""
    right = getattr(one, asked)
    elsewhere = [getattr(o, asked) for o in scene.objects if getattr(o, asked) != right]
    anywhere = [v for v in VALUES[asked] if v != right]
    return rng.choice(elsewhere if elsewhere and rng.random() < 0.5 else anywhere)


def _absent(scene: Scene, one: Object, rng: Random) -> Object:
    """An object whose (colour, shape) no object of the scene has, but that shares one of them with ``one``."""
    present = {(o.colour, o.shape) for o in scene.objects}
    while True:
        asked = rng.choice(("colour", "shape"))
        claim = replace(one, **{asked: _other_value(scene, one, asked, rng)})
        if (claim.colour, claim.shape) not in present:
            return claim


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"

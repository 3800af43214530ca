"""Questions about scenes, with their answers: which colour, shape, size and place belong to which object?"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from bench.data.scenes.world import BACKGROUNDS, COLOURS, POSITIONS, SHAPES, SIZES, Object, Scene

VALUES = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "position": POSITIONS}
OPEN = {name: f"what {name} is {{}}" for name in ("colour", "shape", "size")} | {"position": "where is {}"}
NAMES = {  # ways to point at an object, by the attributes they use
    ("colour",): "the {colour} object",
    ("shape",): "the {shape}",
    ("size",): "the {size} object",
    ("position",): "the object at the {position}",
    ("colour", "shape"): "the {colour} {shape}",
    ("size", "shape"): "the {size} {shape}",
}
KINDS = (*4 * ("open",), *2 * ("value", "exists"), "background", "is background", "how many")


def question(scene: Scene, rng: Random) -> tuple[str, str]:
    """A question about the scene and its answer, e.g. ("what colour is the circle?", "red"); yes and no balance."""
    kind = rng.choice(KINDS)
    if kind == "how many":
        return "how many objects are there?", ("one", "two")[len(scene.objects) - 1]
    if kind == "background":
        return "what colour is the background?", str(scene.background)
    yes = rng.random() < 0.5
    answer = "yes" if yes else "no"
    if kind == "is background":
        value = scene.background if yes else rng.choice([b for b in BACKGROUNDS if b != scene.background])
        return f"is the background {value}?", answer
    one = rng.choice(scene.objects)
    if kind == "exists":
        claim = one if yes else _absent(scene, one, rng)
        return f"is there {_article(claim)} {claim.colour} {claim.shape}?", answer
    asked = rng.choice(tuple(OPEN))
    name = _name(scene, one, asked, rng)
    if name is None:
        return question(scene, rng)
    if kind == "open":
        return f"{OPEN[asked].format(name)}?", getattr(one, asked)
    value = getattr(one, asked) if yes else _other_value(scene, one, asked, rng)
    form = {"shape": f"{_article_of(value)} {value}", "position": f"at the {value}"}.get(asked, value)
    return f"is {name} {form}?", answer


def _name(scene: Scene, one: Object, asked: str, rng: Random) -> str | None:
    """A phrase that singles out ``one`` without telling the asked attribute; None if there is none."""
    others = [o for o in scene.objects if o is not one]
    fits = [
        form
        for used, form in NAMES.items()
        if asked not in used and not any(all(getattr(o, a) == getattr(one, a) for a in used) for o in others)
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


def _article(claim: Object) -> str:
    return _article_of(str(claim.colour))


def _article_of(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"

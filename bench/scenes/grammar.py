"""Captions of scenes, in five wordings that each name every attribute, and a tolerant parser of captions."""

from __future__ import annotations

import re

from bench.scenes.scene import BACKGROUNDS, COLOURS, POSITIONS, SHAPES, SIZES, Object, Scene

# (whole caption, one object): objects are joined by "and"; {o} stands for them, {b} for the background
TEMPLATES = (
    ("{o} on a {b} background", "a {size} {colour} {shape} at the {position}"),
    ("on a {b} background there is {o}", "a {size} {colour} {shape} in the {position}"),
    ("{o} over a {b} background", "the {position} shows a {size} {colour} {shape}"),
    ("a {b} background with {o}", "a {colour} {shape} that is {size} in the {position} corner"),
    ("{o} and the background is {b}", "in the {position} corner is a {colour} {shape} of {size} size"),
)
SYNONYMS = {"little": "small", "big": "large", "grey": "gray"}  # what the parser also understands
_PLACE = re.compile(r"\b(top|upper|bottom|lower) (left|right)\b")
_VERTICAL = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}


def captions(scene: Scene) -> list[str]:
    """Five different captions, lower case, each naming all attributes of all objects and the background."""
    return [
        whole.format(o=" and ".join(part.format(**vars(o)) for o in scene.objects), b=scene.background).replace(
            "a orange", "an orange"
        )
        for whole, part in TEMPLATES
    ]


def parse(caption: str) -> Scene | None:
    """Parse a caption into a scene; None when it has no attribute of one.

    Objects are told apart by "and" and punctuation. What is not said is None, and so is what is said in two ways
    ("a red blue circle", two backgrounds). Mentions without any attribute are dropped.
    """
    words = " ".join(re.findall(r"[a-z]+|[,.;]", caption.lower()))
    backgrounds, objects = [], []
    for clause in re.split(r"\band\b|[,.;]", words):
        known = [SYNONYMS.get(word, word) for word in clause.split()]
        backgrounds += [word for word in known if word in BACKGROUNDS]
        places = [f"{_VERTICAL[v]} {h}" for v, h in _PLACE.findall(clause)]
        named = [[w for w in known if w in values] for values in (COLOURS, SHAPES, SIZES)] + [places]
        if any(named):
            objects.append(Object(*(_only(values) for values in named)))
    if not objects and not backgrounds:
        return None
    return Scene(tuple(objects), _only(backgrounds))


def vocabulary() -> list[str]:
    """Every word a caption can hold, sorted."""
    frame = " ".join(re.sub(r"{\w+}", " ", whole + " " + part) for whole, part in TEMPLATES)
    values = " ".join((*COLOURS, *SHAPES, *SIZES, *POSITIONS, *BACKGROUNDS))
    return sorted(set(f"{frame} an and {values}".split()))


def _only(values: list[str]) -> str | None:
    """The value that all mentions agree on, None when there is none or they differ."""
    return values[0] if len(set(values)) == 1 else None

"""Ordinary sentences of a small grammar: animals, weather, counting, opposites and the colours of things."""

from __future__ import annotations

from random import Random

from bench.scenes.scene import BACKGROUNDS, COLOURS, POSITIONS, SHAPES, SIZES

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SMALL_ANIMALS, LARGE_ANIMALS = ("mouse", "cat", "bird", "bee"), ("horse", "cow", "bear", "whale")
ANIMALS = (*SMALL_ANIMALS, *LARGE_ANIMALS, "dog", "fox")
PLACES = ("house", "garden", "forest", "field", "river", "street")
ACTIONS = ("sleeps", "runs", "eats", "plays", "waits", "sings")
OPPOSITES = (
    ("top", "bottom"), ("left", "right"), ("small", "large"), ("black", "white"), ("yes", "no"), ("hot", "cold"),
    ("day", "night"), ("up", "down"), ("upper", "lower"), ("little", "big"), ("light", "dark"), ("old", "new"),
)  # fmt: skip
SYNONYMS = (("small", "little"), ("large", "big"), ("top", "upper"), ("bottom", "lower"))
THINGS = {
    "red": ("blood", "a tomato", "a cherry"), "orange": ("a carrot", "a pumpkin"), "yellow": ("the sun", "a lemon"),
    "green": ("grass", "a leaf", "a frog"), "cyan": ("shallow water",), "blue": ("the sky", "the sea"),
    "purple": ("a plum", "a grape"), "pink": ("a pig", "a rose"), "black": ("coal", "the night"),
    "white": ("snow", "milk"), "gray": ("stone", "a cloud"), "brown": ("wood", "earth", "a bear"),
}  # fmt: skip
FORMS = {
    "round": ("circle", "ring"), "pointed": ("star", "triangle"), "straight": ("square", "cross", "triangle"),
}  # fmt: skip
CORNERS = {"triangle": "three", "square": "four", "star": "five", "circle": "no", "ring": "no"}
WEATHER = (
    ("it rains", "the street is wet"), ("it snows", "the field is white"), ("the sun shines", "it is hot"),
    ("the wind is strong", "the tree moves"), ("it is night", "the sky is black"), ("it is day", "the sky is blue"),
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def sentence(rng: Random) -> str:
    """One sentence, lower case, without its final period."""
    others = (_animal, _count, _opposite, _synonym, _thing, _form, _corners, _weather, _day, _places, _size)
    forms = (*others, *3 * (_same,))
    return rng.choice(forms)(rng)


def _animal(rng: Random) -> str:
    return f"the {rng.choice(ANIMALS)} {rng.choice(ACTIONS)} in the {rng.choice(PLACES)}"


def _count(rng: Random) -> str:
    start = rng.randrange(7)
    return " ".join(NUMBERS[start : start + rng.randint(3, 10 - start)])


def _opposite(rng: Random) -> str:
    one, other = rng.sample(rng.choice(OPPOSITES), 2)
    return rng.choice((f"the opposite of {one} is {other}", f"what is not {one} is {other}"))


def _same(rng: Random) -> str:
    """Is a word the same as another? Half of the time; several in a row."""
    words = rng.choice((COLOURS, SHAPES, SIZES, POSITIONS, BACKGROUNDS, ANIMALS))
    asked = []
    for _ in range(rng.randint(2, 6)):
        one, other = rng.sample(words, 2)
        asked.append(rng.choice((f"is {one} {one}? yes", f"is {one} {other}? no")))
    return ". ".join(asked)


def _synonym(rng: Random) -> str:
    one, other = rng.sample(rng.choice(SYNONYMS), 2)
    return f"{one} means {other}"


def _thing(rng: Random) -> str:
    colour = rng.choice(tuple(THINGS))
    thing = rng.choice(THINGS[colour])
    return rng.choice((f"{thing} is {colour}", f"what colour is {thing}? {colour}"))


def _form(rng: Random) -> str:
    form = rng.choice(tuple(FORMS))
    return f"a {rng.choice(FORMS[form])} is {form}"


def _corners(rng: Random) -> str:
    shape = rng.choice(tuple(CORNERS))
    return f"a {shape} has {CORNERS[shape]} corners"


def _weather(rng: Random) -> str:
    cause, effect = rng.choice(WEATHER)
    return rng.choice((f"when {cause}, {effect}", f"today {cause} and {effect}"))


def _day(rng: Random) -> str:
    day = rng.randrange(7)
    return f"after {DAYS[day]} comes {DAYS[(day + 1) % 7]}"


def _places(rng: Random) -> str:
    """Two sentences that are the same fact, seen from either side."""
    (a, b), (side, other) = rng.sample(ANIMALS, 2), rng.sample(rng.choice((("left", "right"), ("top", "bottom"))), 2)
    return f"the {a} is at the {side} and the {b} is at the {other}, so the {b} is not at the {side}"


def _size(rng: Random) -> str:
    small, large = rng.choice(SMALL_ANIMALS), rng.choice(LARGE_ANIMALS)
    asked = f"which is large, a {small} or a {large}? a {large}"
    return rng.choice((f"a {small} is small and a {large} is large", asked))

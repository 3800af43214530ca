"""The corpus of the tiny language model, and held-out data: questions of exact-match QA, documents for perplexity.

A scene's caption stands alone, after another wording or loose words of the same scene, or before questions about it;
there are two-digit sums and ordinary sentences, too. Everything is generated and a pure function of its seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from random import Random

from bench.scenes.grammar import captions, vocabulary
from bench.scenes.scene import POSITIONS, Scene, sample_scenes
from bench.zoo.text.matching import groups, pairs, recall
from bench.zoo.text.questions import about_place, description, distinction, glimpse, place, question, yes_or_no
from bench.zoo.text.sentences import sentence

HELD_OUT_SUMS, HELD_OUT_SCENES, HELD_OUT_TEXTS = 256, 128, 200  # scenes: of one object, and as many of two
HELD_OUT_SEED, TRAIN_SEED = 9_000_000, 1_000_000
SHARES = {
    "caption": 0.12, "paraphrase": 0.12, "notes": 0.12, "pictures": 0.12, "questions": 0.14, "distinctions": 0.03,
    "places": 0.12, "glimpse": 0.01, "yes or no": 0.04, "recall": 0.01, "sums": 0.12, "sentences": 0.05,
}  # fmt: skip
PARAPHRASES = ("{} means {}", "{}, in other words {}")


@cache
def held_out_sums() -> frozenset[tuple[int, int]]:
    """Pairs (a, b) of two-digit numbers, a <= b, that training sees in neither order."""
    pairs = [(a, b) for a in range(10, 100) for b in range(a, 100)]
    return frozenset(Random(HELD_OUT_SEED).sample(pairs, HELD_OUT_SUMS))


@cache
def held_out_scenes(objects: int) -> tuple[Scene, ...]:
    """Scenes, all different, whose captions and questions training never sees."""
    drawn = dict.fromkeys(sample_scenes("zoo", 2 * HELD_OUT_SCENES, objects, HELD_OUT_SEED))
    return tuple(drawn)[:HELD_OUT_SCENES]


def documents(n: int, seed: int, shares: Mapping[str, float] = SHARES) -> list[str]:
    """``n`` training documents, without begin and end tokens."""
    rng = Random(TRAIN_SEED + seed)
    scenes = {objects: _training_scenes(n, objects, seed) for objects in (1, 2)}
    kinds = rng.choices(tuple(shares), tuple(shares.values()), k=n)
    return [_document(kind, scenes, rng) for kind in kinds]


def exam() -> list[dict[str, str]]:
    """Held-out questions: rows of prompt, answer and kind (sum, one object, two objects)."""
    rng = Random(HELD_OUT_SEED)
    rows = []
    for pair in sorted(held_out_sums()):
        a, b = rng.sample(pair, 2)
        rows.append({"prompt": f"{a} + {b} =", "answer": str(a + b), "kind": "sum"})
    for objects, kind in ((1, "one object"), (2, "two objects")):
        for scene in held_out_scenes(objects):
            asked, answer = question(scene, rng)
            rows.append({"prompt": f"{rng.choice(captions(scene))}. {asked}", "answer": answer, "kind": kind})
    return rows


def yes_or_no_rows() -> list[dict[str, str]]:
    """Held-out yes-or-no questions; no part of `exam`, as so small a model hardly learns them."""
    rng = Random(HELD_OUT_SEED + 2)
    asked = [(rng.choice(captions(scene)), *yes_or_no(scene, rng)) for k in (1, 2) for scene in held_out_scenes(k)]
    return [{"prompt": f"{caption}. {what}", "answer": answer} for caption, what, answer in asked]


def held_out_texts() -> list[str]:
    """Documents for perplexity, in the training mix but of held-out scenes and sums."""
    rng = Random(HELD_OUT_SEED + 1)
    scenes = {objects: iter(held_out_scenes(objects) * 4) for objects in (1, 2)}
    kinds = rng.choices(tuple(SHARES), tuple(SHARES.values()), k=HELD_OUT_TEXTS)
    return [_document(kind, scenes, rng, held_out=True) for kind in kinds]


@cache
def words() -> list[str]:
    """All words of the texts, each one token of the tokenizer; sorted."""
    seen = set(vocabulary())
    for text in documents(20_000, seed=0):
        seen.update(re.findall(r"[a-z]+", text))
    return sorted(seen)


def _training_scenes(n: int, objects: int, seed: int) -> Iterator[Scene]:
    held_out = set(held_out_scenes(objects))
    drawn = sample_scenes("zoo", 4 * n + 50, objects, TRAIN_SEED + seed)  # about one in three has its objects in a row
    return (scene for scene in drawn if scene not in held_out)


def _document(kind: str, scenes: dict[int, Iterator[Scene]], rng: Random, held_out: bool = False) -> str:
    if kind == "sums":
        return "; ".join(_sum(rng, held_out) for _ in range(rng.randint(1, 6)))
    if kind == "sentences":
        return ". ".join(sentence(rng) for _ in range(rng.randint(1, 4)))
    if kind == "recall":
        return recall(rng)
    if kind == "pairs":
        return pairs(words(), rng)
    if kind == "groups":
        return groups(words(), rng)
    if kind in ("one wording", "distinctions"):  # of two objects, what tells them apart
        scene = next(scenes[2])
        text = captions(scene)[0] if kind == "one wording" else rng.choice(captions(scene))
        return _interview(text, [distinction(scene, rng) for _ in range(8)])
    if kind in ("places", "pointing"):  # of two objects that are hardest to tell apart by their places
        scene = next(scene for scene in scenes[2] if _in_one_row(scene))
        text, forms = rng.choice(captions(scene)), (place, about_place)
        asked = [(about_place if kind == "pointing" else rng.choice(forms))(scene, rng) for _ in range(6)]
        return _interview(text, asked)
    scene = next(scenes[rng.choice((1, 2, 2))])
    if kind == "caption":
        return rng.choice(captions(scene))
    if kind == "paraphrase":  # in any order of the objects, so that copying the order is not enough
        shuffled = replace(scene, objects=tuple(rng.sample(scene.objects, len(scene.objects))))
        return rng.choice(PARAPHRASES).format(rng.choice(captions(scene)), rng.choice(captions(shuffled)))
    if kind in ("notes", "pictures"):
        told = (_notes if kind == "notes" else _picture)(scene, rng)
        return rng.choice(PARAPHRASES).format(told, rng.choice(captions(scene)))
    text, asked = rng.choice(captions(scene)), []
    if kind == "glimpse":
        text, asked = glimpse(scene, rng)
    elif kind == "yes or no":
        asked = [yes_or_no(scene, rng) for _ in range(rng.randint(4, 6))]
    else:
        asked = [rng.choice((question, question, description))(scene, rng) for _ in range(rng.randint(3, 5))]
    return _interview(text, asked)


def _notes(scene: Scene, rng: Random) -> str:
    """The values of a scene in any order, those of an object side by side: an image has no order."""
    told = [" ".join(rng.sample(list(vars(one).values()), 4)) for one in scene.objects]
    return ", ".join(rng.sample([str(scene.background), *told], len(told) + 1))


def _picture(scene: Scene, rng: Random) -> str:
    """The values at each of the four places, in their order, as in an image."""
    told = {one.position: [one.size, one.colour, one.shape] for one in scene.objects}
    parts = [told.get(place, [scene.background]) for place in POSITIONS]
    return ", ".join(" ".join(str(value) for value in rng.sample(part, len(part))) for part in parts)


def _in_one_row(scene: Scene) -> bool:
    """Whether the places of all objects begin with the same word, so that only the next one tells them apart."""
    return len({str(one.position).split()[0] for one in scene.objects}) == 1


def _interview(text: str, asked: list[tuple[str, str]]) -> str:
    return ". ".join([text, *(f"{what} {answer}" for what, answer in asked)])


def _sum(rng: Random, held_out: bool) -> str:
    while True:
        a, b = rng.randint(10, 99), rng.randint(10, 99)
        if ((min(a, b), max(a, b)) in held_out_sums()) == held_out:
            return f"{a} + {b} = {a + b}"

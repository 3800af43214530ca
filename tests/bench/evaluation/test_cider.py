"""CIDEr-D: known answers, pycocoevalcap's own calls, and captions that break its tokenizer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from bench.evaluation.metrics.cider import CiderReferences, caption_length
from bench.evaluation.metrics.cider import cider as cider_against
from bench.evaluation.metrics.parts.ptb import check_java, tokenize
from bench.system.errors import UserError

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")

REFERENCES = {
    "a": ["A small red circle at the top left.", "the top left shows a red circle, a small one"],
    "b": ["a large blue star on a black background", "there's a star: it's blue & large"],
    "c": ["two green rings (both small) near the bottom", "small green rings at the bottom of it"],
    "d": ["Déjà vu: a yellow square in the café", "one yellow square over a gray background"],
}
CAPTIONS = {
    "a": "a small red circle at the top right",
    "b": "a large blue star on a white background",
    "c": "a green ring near the bottom",
    "d": "a yellow square in the café",
}


def cider(captions, references):
    return cider_against(captions, CiderReferences(references))


def test_equal_to_pycocoevalcap():
    captions = PTBTokenizer().tokenize({k: [{"caption": c}] for k, c in CAPTIONS.items()})
    references = PTBTokenizer().tokenize({k: [{"caption": c} for c in v] for k, v in REFERENCES.items()})
    value, per_item = Cider().compute_score(references, captions)
    score = cider(CAPTIONS, REFERENCES)
    assert score.value == pytest.approx(value, abs=1e-12)
    assert score.per_item == pytest.approx(list(per_item), abs=1e-12)
    assert 1 < score.value < 9
    assert score.chance < 0.5 * score.value
    assert (score.n, score.direction, score.weights) == (4, "higher", None)


def test_a_perfect_single_reference_scores_ten():
    references = {k: v[:1] for k, v in REFERENCES.items()}
    score = cider({k: v[0] for k, v in references.items()}, references)
    assert score.per_item == pytest.approx([10] * 4)


def test_awkward_captions_do_not_shift_the_others():
    breaks = ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\x00", "\ud800", "\x1c"]
    colours = ["red", "blue", "green", "pink", "gray", "brown", "cyan", "orange", "yellow", "white", "black"]
    references = {
        c: [f"there is a {c} star on the left of a {other} box"]
        for c, other in zip(colours, reversed(colours), strict=True)
    }
    captions = {colour: f"a {colour} star on the left" for colour in colours}
    broken = {
        c: text.replace(" star ", f" {x}star{x}{x}") + x for (c, text), x in zip(captions.items(), breaks, strict=True)
    }
    expected = cider(captions, references).per_item
    assert cider(broken, references).per_item == pytest.approx(expected)
    assert min(expected) > 1


@pytest.mark.parametrize("image", ["a", "d"])  # an empty last line is another path than one in the middle
def test_an_empty_caption_scores_zero_and_leaves_the_others(image):
    score = cider(CAPTIONS | {image: " \n"}, REFERENCES)
    expected = cider(CAPTIONS, REFERENCES).per_item
    expected[list(CAPTIONS).index(image)] = 0
    assert score.per_item == pytest.approx(expected)


def test_one_line_of_tokens_a_caption_whatever_is_in_it():
    alphabet = list("abAB01 .,-–'\"`<>/=!?()[]{}$%#@*&:;~^|\\_é漢🙂\u200d\u00ad\u2028\x85\x0b\r\n\t\x00\ud800")
    rng = np.random.default_rng(0)
    noise = ["".join(rng.choice(alphabet, rng.integers(0, 20))) for _ in range(2000)]
    endings = ["mr.", "foo-", '<a href="', 'x">', "e.g.", "(555)", "123-4567", "*NL*", "", ""]
    tokens = tokenize([*noise, *endings, "Last One."])
    assert len(tokens) == len(noise) + len(endings) + 1
    assert tokens[-1] == "last one"


def test_a_subset_is_scored_with_the_word_weights_of_all_references():
    whole = dict(zip(CAPTIONS, cider(CAPTIONS, REFERENCES).per_item, strict=True))
    part = cider({k: CAPTIONS[k] for k in ("d", "b")}, REFERENCES)
    assert part.per_item == pytest.approx([whole["d"], whole["b"]])
    assert part.value == pytest.approx((whole["d"] + whole["b"]) / 2)
    assert part.n == 2


def test_one_image_is_zero_and_says_so():
    score = cider({"a": CAPTIONS["a"]}, {"a": REFERENCES["a"]})
    assert score.value == 0
    assert score.chance is None
    assert "one image" in score.note


def test_a_longer_caption_loses_and_its_length_is_told():
    longer = CAPTIONS | {"a": CAPTIONS["a"] + " and then some more words that nobody asked for"}
    assert cider(longer, REFERENCES).per_item[0] < 0.5 * cider(CAPTIONS, REFERENCES).per_item[0]
    score = caption_length({"a": "one two\u2028three", "b": ""}, {"a": ["x y z w"], "b": ["x y"]})
    assert (score.value, score.n, score.per_item, score.note) == (1.5, 2, [3.0, 0.0], "references: 3.0 words")


@pytest.mark.parametrize(
    ("captions", "references", "says"),
    [
        ({}, REFERENCES, "no captions"),
        ({"z": "a star"}, REFERENCES, "image z has a caption but no reference"),
        ({"a": "a star"}, {"a": ["", "."]}, "no reference caption holds a word"),
    ],
)
def test_what_cannot_be_scored_is_refused(captions, references, says):
    with pytest.raises(UserError, match=says):
        cider(captions, references)


def test_without_java_the_message_names_it(monkeypatch, tmp_path):
    check_java()
    monkeypatch.setenv("PATH", str(tmp_path))
    for ask in (check_java, lambda: cider(CAPTIONS, REFERENCES)):
        with pytest.raises(UserError, match="CIDEr needs Java"):
            ask()


def test_nothing_is_written_beside_the_library_and_workers_do_not_meet(capfd):
    import pycocoevalcap

    home = Path(pycocoevalcap.__path__[0])
    before = sorted(p for p in home.rglob("*") if p.suffix != ".pyc")
    code = (
        "from bench.evaluation.metrics.cider import CiderReferences, cider\n"
        f"print(cider({CAPTIONS!r}, CiderReferences({REFERENCES!r})).value)"
    )
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}  # a locale without é must not matter
    workers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, cwd=ROOT)
        for _ in range(2)
    ]
    values = [float(worker.communicate()[0]) for worker in workers]
    assert values == [cider(CAPTIONS, REFERENCES).value] * 2
    assert sorted(p for p in home.rglob("*") if p.suffix != ".pyc") == before
    assert capfd.readouterr() == ("", "")

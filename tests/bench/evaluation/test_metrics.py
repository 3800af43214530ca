"""What all metrics share: the Score, the derangement behind chance, the digest of frozen weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from project_copies import PROJECT, python

from bench.evaluation.metrics.base import Score
from bench.evaluation.metrics.parts.chance import derangement
from bench.models.weights_digest import parameters_digest


def test_a_score_is_plain_json_without_its_items():
    score = Score(np.float32(0.5), np.int64(3), "lower", "x", None, chance=np.float64(1), note="n", per_item=[1.0])
    assert json.loads(json.dumps(score.to_json(), allow_nan=False)) == {
        "value": 0.5, "n": 3, "direction": "lower", "unit": "x", "weights": None,
        "chance": 1.0, "ceiling": None, "before": None, "note": "n",
    }  # fmt: skip
    with pytest.raises(AssertionError):
        Score(float("nan"), 3, "lower", "x", None)
    with pytest.raises(AssertionError):
        Score(1.0, 3, "up", "x", None)


def test_a_score_is_read_without_torch():
    code = "import sys, bench.evaluation.metrics.base; assert not {'torch', 'numpy', 'scipy'} & set(sys.modules)"
    python(PROJECT, "-c", code)


@pytest.mark.parametrize("n", [2, 3, 10, 257])
def test_everyone_gets_another_ones_partner(n):
    partner = derangement(n)
    assert sorted(partner) == list(range(n))
    assert (partner != np.arange(n)).all()
    assert (partner == derangement(n)).all()


def test_no_other_one_to_partner_with():
    assert derangement(1) is None and derangement(0) is None


def test_the_digest_sees_every_bit_and_nothing_else():
    weights = {"a": torch.randn(4, 6), "b": torch.randn(3).bfloat16(), "c": torch.tensor(2)}
    digest = parameters_digest(weights.items())
    assert len(digest) == 64
    assert digest == parameters_digest(reversed(weights.items()))
    assert digest == parameters_digest((weights | {"a": weights["a"].T.contiguous().T}).items())  # other strides
    flipped = weights["a"].clone()
    flipped.view(torch.int32)[3, 5] ^= 1  # the last bit of one weight
    changed = [
        {"a": flipped},
        {"a": weights["a"].reshape(6, 4)},
        {"b": weights["b"].half()},
        {"b": -weights["b"]},
        {"d": torch.zeros(1)},
    ]
    digests = {parameters_digest((weights | change).items()) for change in changed}
    assert len(digests | {digest}) == 1 + len(changed)

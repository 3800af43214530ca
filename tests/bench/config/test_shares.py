"""Shares of tasks and further losses: what goes together, what does not, and what is one request said in two ways."""

from __future__ import annotations

import pickle

import pytest

from bench.config.columns import column
from bench.config.load import load
from bench.experiment.own_process import overrides
from bench.system.errors import UserError


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["train.tasks={t2i: 1, i2t: 1}", "train.t2i_fraction=0.3"], "0.3 is not the share that train.tasks gives"),
        (["train.t2i_fraction=0.5", "train.i2t_fraction=0.4"], "0.4 does not go with the other fractions"),
        (["train.tasks={t2i: 1}", "train.i2t_fraction=0.5"], "says the shares of two tasks"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_one_line(asked, said):
    with pytest.raises(UserError) as error:
        load("smoke", asked)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("asked", "tasks"),
    [
        ([], {"t2i": 2, "i2t": 1}),
        (["train.t2i_fraction=0.6666666666666666"], {"t2i": 2, "i2t": 1}),
        (["train.i2t_fraction=0.25"], {"t2i": 3, "i2t": 1}),
        (["train.tasks={i2t: 1, t2i: 2}"], {"t2i": 2, "i2t": 1}),
        (["train.tasks={t2i: 1}"], {"t2i": 1}),
        (["train.tasks.i2t=0"], {"t2i": 2, "i2t": 0}),
    ],
)
def test_shares_are_whole_and_in_the_order_of_a_step(asked, tasks):
    config = load("smoke", asked)
    assert list(config.train.tasks.items()) == list(tasks.items())
    assert config.train.t2i_fraction == tasks["t2i"] / sum(tasks.values())
    assert load("smoke", overrides(config)) == config  # as another process is told
    assert pickle.loads(pickle.dumps(config)) == config


def test_options_of_two_losses_have_columns_of_their_own():
    assert column("train.losses.one.weight") != column("train.losses.other.weight")
    assert column("train.lr") == "lr"

"""Controls in training: a passive task costs what it would and teaches nothing; a control resumes as any run."""

from __future__ import annotations

import batches
import pytest
import torch
from deaths import Killed, killed_in_steps
from experiments import small_config

import architectures
from bench.data.batches import Step
from bench.experiment import execute
from bench.models.weights_digest import parameters_digest
from bench.runs.identity import train_id
from bench.system.errors import UserError

every = pytest.mark.parametrize("name", sorted(architectures.catalogue()))


def gradients(parts: execute.Experiment, step: Step) -> dict[str, torch.Tensor | None]:
    parts.module.zero_grad(set_to_none=True)
    parts.module.total(parts.module.terms(step))["loss"].backward()
    return {name: p.grad for name, p in parts.module.model.named_parameters() if p.requires_grad}


@every
@pytest.mark.parametrize(("passive", "other"), [("i2t", "t2i"), ("t2i", "i2t")])
def test_a_passive_task_costs_as_ever_and_has_gradients_of_zero(tmp_path, name, passive, other):
    plain, idle = (
        execute.prepare(small_config(tmp_path, f"model.architecture={name}", *more))
        for more in ((), (f"train.{passive}_passive=true",))
    )
    step = plain.mixture[3]
    alone = Step((batches.batch_of(step, passive),))
    reached = {key for key, grad in gradients(plain, alone).items() if grad is not None}
    found = gradients(idle, alone)
    assert {key for key, grad in found.items() if grad is not None} == reached and reached
    assert not any(found[key].any() for key in reached)

    both, learnt = gradients(idle, step), gradients(plain, Step((batches.batch_of(step, other),)))
    for key, grad in learnt.items():
        if grad is not None:
            torch.testing.assert_close(both[key], grad, rtol=1e-4, atol=1e-6)
    assert execute.step_flops(idle.module, idle.mixture) == execute.step_flops(plain.module, plain.mixture)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["train.i2t_passive=true", "train.t2i_passive=true"], "every task is passive"),
        (["train.i2t_passive=true", "train.t2i_fraction=1"], "i2t takes no part"),
    ],
)
def test_what_could_teach_nothing_is_refused(tmp_path, asked, said):
    with pytest.raises(UserError, match=said):
        small_config(tmp_path, *asked)


def test_interrupted_is_uninterrupted(tmp_path, monkeypatch):
    """To the last bit, on a random language model with a passive task; and the result says what it is."""
    control = ["model.control=random_language_model", "train.i2t_passive=true"]
    once, twice = (small_config(tmp_path / where, *control) for where in ("once", "twice"))
    expected = execute.run(once)
    killed_in_steps(monkeypatch, 4)
    with pytest.raises(Killed):
        execute.run(twice)
    found = execute.run(twice)
    measured = [{key: score["value"] for key, score in one["metrics"].items()} for one in (expected, found)]
    assert measured[0] == measured[1]
    weights = [parameters_digest(execute.finished_model(config)[0].named_parameters()) for config in (once, twice)]
    assert weights[0] == weights[1]
    assert train_id(once) == train_id(twice) != train_id(small_config(tmp_path))
    assert {key: found["axes"][key]["value"] for key in ("control", "i2t_passive")} == {
        "control": "random_language_model", "i2t_passive": True}  # fmt: skip
    assert found["metrics"]["exam"]["value"] == found["metrics"]["exam"]["before"] < 0.1
    assert found["metrics"]["perplexity"]["value"] > 1000

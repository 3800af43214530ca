"""Former names of settings: a user is told today's, and what an earlier version stored is still read."""

from __future__ import annotations

import json

import pytest

from bench.config.former_names import REMOVED, RENAMED, updated
from bench.config.load import load
from bench.runs.identity import eval_id, run_id
from bench.system.errors import UserError
from sweeps.jobs import configs_of
from sweeps.plan import make


@pytest.mark.parametrize("key", [*RENAMED, *REMOVED])
def test_a_former_name_is_refused_with_todays(key):
    said = f"did you mean '{RENAMED[key]}'" if key in RENAMED else "it is gone"
    with pytest.raises(UserError, match=said):
        load("smoke", [f"{key}=blas"])
    with pytest.raises(UserError, match=said):
        make("noise", "smoke", [f"{key}=blas"])


def test_a_stored_sweep_of_an_earlier_version_names_the_same_runs(tmp_path):
    asked = ["train.precision=float32", "runtime.matmul_backend=onednn"]
    config = load("smoke", asked)
    stored = ["train.precision=float32", "runtime.products=onednn", "runtime.keep_texts=true"]
    assert updated(stored) == asked
    point = {"run_id": run_id(config), "eval_id": eval_id(config), "overrides": stored}
    (tmp_path / "sweep.json").write_text(json.dumps({"preset": "smoke", "points": [point]}), encoding="utf-8")
    (found,) = configs_of(tmp_path / "sweep.json", run_id(config))
    assert found.runtime.matmul_backend == "onednn"

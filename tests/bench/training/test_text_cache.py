"""Captions' states kept on disk change no bit of a run, and are computed once for all runs that draw the same."""

from __future__ import annotations

import json

import pytest
import torch
from experiments import small_config

from architectures.transformer import FusionTransformer
from bench.experiment import execute
from bench.runs.identity import run_folder
from bench.system.errors import UserError
from bench.training.text_cache import KeptTexts


@pytest.fixture
def made(monkeypatch) -> list[tuple[int, ...]]:
    """The shapes of the captions that a text tower has mapped to be kept."""
    shapes = []
    map_text = FusionTransformer.text_states

    def counted(self, text):
        if text.lengths is not None:  # without, it is a word or two that ask whether and where to keep states
            shapes.append(tuple(text.ids.shape))
        return map_text(self, text)

    monkeypatch.setattr(FusionTransformer, "text_states", counted)
    return shapes


def ended(tmp_path, folder: str, *overrides: str) -> tuple[list[dict], dict[str, torch.Tensor]]:
    """Metrics without their times, and the last checkpoint's weights, of a run with runs and cache in ``folder``."""
    where = [f"runtime.runs={tmp_path / folder}", f"runtime.cache={tmp_path / 'cache'}"]
    config = small_config(tmp_path, *where, "eval.num_images=2", "eval.num_captions=2", *overrides)
    execute.run(config)
    run = run_folder(config)
    rows = [{name: row[name] for name in row if name != "seconds"} for row in run.read_metrics()]
    state = torch.load(run.checkpoint(config.train.steps), weights_only=True)["state_dict"]
    return rows, state


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_kept_texts_change_no_bit_and_serve_every_run(tmp_path, made, precision):
    """Of each architecture one run without, one that keeps, one that finds; architectures share what is kept."""
    for place, name in enumerate(["dual_projection", "dual_tower"]):
        wanted = [f"model.architecture={name}", f"train.precision={precision}"]
        plain = ended(tmp_path, "plain", *wanted)
        assert len(made) == (6 if place else 0)
        for folder in ("keeping", "finding"):
            rows, weights = ended(tmp_path, folder, *wanted, "runtime.keep_texts=true")
            assert json.dumps(rows) == json.dumps(plain[0])
            assert all(torch.equal(weights[key], plain[1][key]) for key in plain[1])
            assert len(made) == 6  # one a step, ever


@pytest.mark.parametrize("name", ["gated_layer", "single_tower"])
def test_text_that_is_no_constant_is_not_kept(tmp_path, made, name):
    ended(tmp_path, "runs", f"model.architecture={name}", "runtime.keep_texts=true")
    assert not made and not (tmp_path / "cache" / "texts").exists()


def test_other_lengths_and_other_arithmetic_are_kept_apart(tmp_path, made):
    def texts(*overrides: str) -> KeptTexts:
        where = f"runtime.cache={tmp_path / 'cache'}"
        config = small_config(tmp_path, where, "model.architecture=dual_tower", *overrides)
        return KeptTexts(config, execute.prepare(config).module.model)

    ids = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])
    one = texts("train.precision=float32")
    for lengths in ([4, 3], [4, 4], [4, 3]):
        one(ids, torch.tensor(lengths))
    one(ids[:, :3], torch.tensor([3, 3]))
    assert len(made) == len(list(one.folder.iterdir())) == 3
    assert one.folder != texts("train.precision=bfloat16").folder


def test_texts_that_are_mapped_otherwise_are_kept_apart(tmp_path):
    config = small_config(tmp_path, f"runtime.cache={tmp_path / 'cache'}", "model.architecture=dual_tower")
    model = execute.prepare(config).module.model
    one = KeptTexts(config, model).folder
    assert KeptTexts(config, model).folder == one
    model.blocks = model.blocks[:-1]
    assert KeptTexts(config, model).folder != one


def test_a_damaged_file_is_named(tmp_path):
    config = small_config(tmp_path, f"runtime.cache={tmp_path / 'cache'}", "model.architecture=dual_tower")
    texts = KeptTexts(config, execute.prepare(config).module.model)
    ids, lengths = torch.tensor([[1, 5, 6, 2]]), torch.tensor([4])
    texts(ids, lengths)
    (file,) = texts.folder.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(UserError, match=file.name):
        texts(ids, lengths)

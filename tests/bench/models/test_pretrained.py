"""Pretrained parts from outside: loaded whole or refused in one line, and nothing of theirs is run or asked about."""

from __future__ import annotations

import json
import os
import pickle
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from experiments import small_config
from project_copies import PROJECT, python
from safetensors.torch import load_file, save_file
from tiny_pretrained import tiny_llama, tiny_tokenizer

from architectures.sequence import Past
from bench.config import part_files
from bench.config.load import load as load_config
from bench.config.part_files import WEIGHTS
from bench.data.assets import assets_of
from bench.experiment import execute
from bench.models.pretrained import load_clip, load_features, load_llm, load_vae
from bench.system.errors import UserError

LOAD = {"llm": load_llm, "vae": load_vae, "clip": load_clip, "features": load_features}
SOME_WEIGHT = {
    "llm": "lm_head.weight", "vae": "decoder.conv_out.weight", "clip": "text_projection.weight",
    "features": "squeeze.weight",
}  # fmt: skip
SETTING = {"llm": "model.llm", "vae": "model.vae", "clip": "eval.clip", "features": "eval.features"}


def copied(folder: Path, kind: str) -> Path:
    return Path(shutil.copytree(WEIGHTS / kind, folder / kind))


def edit_config(folder: Path, name: str = "config.json", **changes) -> None:
    path = folder / name
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(content | changes), encoding="utf-8")


def edit_weights(folder: Path, edit) -> None:
    (path,) = folder.glob("*.safetensors")
    weights = load_file(path)
    edit(weights)
    path.unlink()
    save_file(weights, path, metadata={"format": "pt"})


def refusal(kind: str, folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        LOAD[kind](str(folder))
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", LOAD)
@pytest.mark.parametrize("fault", ["missing", "another shape", "unknown"])
def test_weights_that_do_not_fill_the_model_are_refused_by_name(tmp_path, kind, fault):
    folder, name = copied(tmp_path, kind), SOME_WEIGHT[kind]

    def edit(weights):
        if fault == "missing":
            del weights[name]
        elif fault == "another shape":
            weights[name] = torch.cat([weights[name]] * 2)
        else:
            weights["own.weight"] = torch.ones(3)

    edit_weights(folder, edit)
    assert ("own.weight" if fault == "unknown" else name) in refusal(kind, folder)


def test_many_missing_weights_are_counted(tmp_path):
    folder = copied(tmp_path, "vae")
    edit_weights(folder, lambda weights: [weights.pop(name) for name in sorted(weights)[:7]])
    assert "(7 in all)" in refusal("vae", folder)


def test_a_model_without_its_head_is_refused(tmp_path):
    """What AutoModel saves: names without a prefix, and no head."""
    tiny_llama().model.save_pretrained(tmp_path)
    tiny_tokenizer(end=False).save_pretrained(tmp_path)
    assert "missing: lm_head.weight" in refusal("llm", tmp_path)


def test_a_tie_that_the_config_declares_is_no_gap(tmp_path):
    folder = copied(tmp_path, "llm")
    edit_weights(folder, lambda weights: weights.pop("lm_head.weight"))
    edit_config(folder, tie_word_embeddings=True)
    model, _ = load_llm(str(folder))
    embedded = load_file(WEIGHTS / "llm" / "model.safetensors")["model.embed_tokens.weight"]
    assert torch.equal(model.lm_head.weight, embedded) and torch.equal(model.model.embed_tokens.weight, embedded)
    edit_weights(folder, lambda weights: weights.pop("model.embed_tokens.weight"))
    assert "embed_tokens" in refusal("llm", folder)


def test_buffers_that_old_versions_saved_are_no_surplus(tmp_path):
    llm, clip = copied(tmp_path, "llm"), copied(tmp_path, "clip")
    edit_weights(llm, lambda weights: weights.update({"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(16)}))
    edit_weights(clip, lambda weights: weights.update({"text_model.embeddings.position_ids": torch.arange(96)[None]}))
    load_llm(str(llm))
    load_clip(str(clip))


@pytest.mark.parametrize("kind", ["llm", "vae", "clip"])
def test_torch_files_are_read_and_never_unpickled(tmp_path, kind):
    folder = copied(tmp_path, kind)
    (path,) = folder.glob("*.safetensors")
    weights = load_file(path)
    path.unlink()
    torch.save(weights, binary := folder / ("diffusion_pytorch_model.bin" if kind == "vae" else "pytorch_model.bin"))
    loaded = LOAD[kind](str(folder))
    model = loaded if kind == "vae" else loaded[0]
    assert torch.equal(model.state_dict()[SOME_WEIGHT[kind]], weights[SOME_WEIGHT[kind]].float())

    class Code:
        def __reduce__(self):
            return Path.touch, (tmp_path / "CODE_RAN",)

    torch.save(weights | {"code": Code()}, binary)
    assert "safetensors" in refusal(kind, folder)
    binary.write_bytes(pickle.dumps(Code()))
    refusal(kind, folder)
    assert not (tmp_path / "CODE_RAN").exists()


CODE = "import pathlib\npathlib.Path({!r}).write_text('ran')\n"
OWN = {  # kind -> files that may ask for code of the folder's own, and how
    "llm": {
        "config.json": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"},
        "tokenizer_config.json": {"AutoTokenizer": ["own.Tokenizer", None]},
    },
    "vae": {"config.json": {"AutoModel": "own.Model"}},
    "clip": {
        "config.json": {"AutoConfig": "own.Config", "AutoModel": "own.Model"},
        "tokenizer_config.json": {"AutoTokenizer": ["own.Tokenizer", None]},
        "processor_config.json": {"AutoProcessor": "own.Processor", "AutoImageProcessor": "own.Images"},
        "preprocessor_config.json": {"AutoImageProcessor": "own.Images"},
    },
    "features": {"config.json": {"AutoModel": "own.Model"}},
}


def with_code(folder: Path, kind: str, name: str) -> Path:
    target = copied(folder, kind)
    types = {
        "config.json": {"model_type": "own"} if kind == "llm" else {},
        "tokenizer_config.json": {"tokenizer_class": "Own"},
    }
    edit_config(target, name, auto_map=OWN[kind][name], **types.get(name, {}))
    (target / "own.py").write_text(CODE.format(str(folder / "CODE_RAN")), encoding="utf-8")
    return target


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in OWN.items() for name in names])
def test_a_folder_that_asks_for_its_own_code_is_refused_before_anything_is_loaded(tmp_path, kind, name):
    folder = with_code(tmp_path, kind, name)
    assert f"{name} asks for code of its own" in refusal(kind, folder)
    with pytest.raises(UserError, match="never run"):
        load_config("smoke", [f"{SETTING[kind]}={folder}"])


def test_a_hub_id_that_asks_for_its_own_code_is_refused_too(tmp_path, monkeypatch):
    folder = with_code(tmp_path, "llm", "config.json")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda hub_id, name: str(folder / name))
    with pytest.raises(UserError, match="config.json asks for code of its own"):
        load_llm("some/cached")


def test_feature_nets_are_not_looked_for_on_the_hub():
    with pytest.raises(UserError, match=r"use embedded, or an existing folder\)"):
        load_features("owner/name")


def test_nothing_is_asked_at_the_terminal_nor_run_where_the_files_were_not_looked_at(tmp_path):
    """A terminal whose user says yes to everything, and loaders alone: what any file not thought of would meet."""
    cases = [(kind, str(with_code(tmp_path / f"{kind}-{name}", kind, name))) for kind in OWN for name in OWN[kind]]
    script = (
        "import sys\nfrom bench.models import pretrained\nfrom bench.system.errors import UserError\n"
        "pretrained.check_files = lambda *_: None\n"
        "for kind, folder in " + repr(cases) + ":\n"
        "    try:\n        getattr(pretrained, f'load_{kind}')(folder)\n    except UserError:\n        pass\n"
        "print('unread:', sys.stdin.readline().strip())\n"
    )
    master, slave = pty.openpty()
    os.write(master, b"y\n" * 20)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, stdin=slave, capture_output=True, text=True, timeout=300, cwd=PROJECT)
    os.close(master), os.close(slave)
    assert done.returncode == 0 and done.stdout == "unread: y\n", done.stderr[-2000:]
    assert "[y/N]" not in done.stdout + done.stderr
    assert not list(tmp_path.rglob("CODE_RAN"))


@pytest.mark.parametrize(
    "other", ["AutoencoderTiny", "AutoencoderKLFlux2", "AsymmetricAutoencoderKL", "VQModel", "AutoencoderDC"]
)
def test_another_autoencoder_is_refused_by_its_class(tmp_path, other):
    folder = copied(tmp_path, "vae")
    edit_config(folder, _class_name=other)
    assert other in refusal("vae", folder)


@pytest.mark.parametrize("name", ["latents_mean", "latents_std"])
def test_statistics_that_would_be_ignored_are_refused(tmp_path, name):
    folder = copied(tmp_path, "vae")
    edit_config(folder, **{name: [0.5] * 8})
    assert name in refusal("vae", folder)


def test_another_image_text_model_is_refused_by_its_type(tmp_path):
    folder = copied(tmp_path, "clip")
    edit_config(folder, model_type="siglip")
    assert "siglip" in refusal("clip", folder)


def test_inception_is_refused_in_one_line_without_torch(tmp_path):
    script = (
        "import sys\nfrom bench.__main__ import main\nfrom bench.system.command_line import exit_status\n"
        f"status = exit_status(lambda: main(['show', 'paper-1b', 'data.root={tmp_path}']))\n"
        "print(status, 'torch' in sys.modules)\n"
    )
    done = python(PROJECT, "-c", script)
    assert done.stdout == "2 False\n"
    (line,) = done.stderr.splitlines()
    assert "inception is not in this version" in line and "eval.features=embedded" in line


def test_image_sizes_are_held_against_the_vaes_own_blocks(tmp_path, monkeypatch):
    folder = copied(tmp_path, "vae")
    edit_config(folder, block_out_channels=[16, 32, 64, 64, 80])
    with pytest.raises(UserError, match=r"32 is no multiple of 64 \(16 pixels a latent x model.patch_size=4\)"):
        load_config("smoke", [f"model.vae={folder}", "model.patch_size=4"])
    other = copied(tmp_path / "other", "vae")
    edit_config(other, block_out_channels=[16, 32])
    assert load_config("smoke", [f"model.vae={other}", "data.image_size=36"]).data.image_size == 36
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda hub_id, name: str(folder / name))
    with pytest.raises(UserError, match="no multiple of 64"):
        load_config("smoke", ["model.vae=some/cached", "model.patch_size=4"])


def test_a_vae_that_was_not_here_is_held_against_the_image_size_once_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.config.validate.look_at_files", lambda config: None)
    config = small_config(tmp_path, "model.patch_size=3")
    with pytest.raises(UserError, match="32 is no multiple of 24"):
        assets_of(config)
    assert assets_of(small_config(tmp_path)).pixels_per_latent == part_files.vae_factor(WEIGHTS / "vae") == 8


@pytest.mark.parametrize("text", [None, "[]", "{", "[" * 100_000, '{"auto_map": null}', "\x00"])
def test_any_config_and_none_is_at_most_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
    for kind in LOAD:
        assert "cannot load" in refusal(kind, tmp_path)


def test_a_tokenizer_without_an_end_is_refused(tmp_path):
    folder = copied(tmp_path, "llm")
    edit_config(folder, "tokenizer_config.json", eos_token=None)
    assert "no end token" in refusal("llm", folder)


@pytest.mark.parametrize("kind", ["llm", "clip"])
def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tmp_path, kind):
    folder = copied(tmp_path, kind)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["added_tokens"].append(content["added_tokens"][-1] | {"id": 580, "content": "<new>"})
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    assert "<new>" in refusal(kind, folder) and "580 embeddings" in refusal(kind, folder)


def test_the_longest_sequence_is_as_long_as_any_that_a_run_makes(tmp_path, monkeypatch):
    """Counted while a run trains and is scored."""
    seen = [0]
    grow = Past.grow

    def growing(self, *args):
        grow(self, *args)
        seen.append(sum(self.lengths))

    monkeypatch.setattr(Past, "grow", growing)
    config = small_config(tmp_path, f"model.llm={copied(tmp_path, 'llm')}", "eval.max_caption_tokens=40")
    longest = assets_of(config).longest_sequence(config, [("image", "text")])
    execute.run(config)
    assert 16 + 40 <= max(seen) <= longest < max(seen) + 10

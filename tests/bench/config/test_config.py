"""Settings: defaults < preset < overrides, and one clear line for whatever is wrong."""

from __future__ import annotations

import ast
from dataclasses import is_dataclass
from typing import get_type_hints

import pytest

import architectures
from bench.config.load import load, presets, to_yaml
from bench.config.schema import Config, TrainConfig
from bench.system.errors import UserError
from bench.system.git import PROJECT


def test_overrides_beat_the_preset_which_beats_the_defaults():
    assert TrainConfig().steps != load("smoke").train.steps != load("smoke", ["train.steps=7"]).train.steps == 7
    assert load("smoke").train.text_weight == TrainConfig().text_weight  # in no preset


def test_a_later_override_wins_and_presets_do_not_leak_into_each_other():
    assert load("smoke", ["train.steps=3", "train.steps=4"]).train.steps == 4
    assert load("smoke").train.steps == 12


def test_numbers_are_read_as_yaml_means_them():
    config = load("smoke", ["train.lr=3e-4", "train.i2t_noise=1", "train.betas=[0.8,0.9]", "data.root=null"])
    assert config.train.lr == 3e-4
    assert config.train.i2t_noise == 1.0 and isinstance(config.train.i2t_noise, float)
    assert config.train.betas == (0.8, 0.9)
    assert config.data.root is None


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads_and_its_yaml_says_the_same_again(preset, tmp_path):
    config = load(preset, [f"data.root={tmp_path}", "eval.features=embedded"] if preset.startswith("paper") else [])
    from omegaconf import OmegaConf

    typed = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(to_yaml(config)))
    assert OmegaConf.to_object(typed) == config


def test_the_papers_presets_hold_the_papers_values(tmp_path):
    for preset, llm, steps in (("paper-1b", "Llama-3.2-1B", 100_000), ("paper-8b", "Llama-3.1-8B", 200_000)):
        config = load(preset, [f"data.root={tmp_path}", "eval.features=embedded"])
        assert config.model.llm == f"meta-llama/{llm}" and config.train.steps == steps
        assert (config.data.image_size, config.model.patch_size, config.eval.guidance_scale) == (256, 2, 5.5)
        assert (config.train.lr, config.train.betas, config.train.text_weight) == (1e-4, (0.9, 0.95), 0.2)


def test_options_are_those_of_the_architecture_with_defaults_filled_in():
    declared = architectures.catalogue()["gated_layer"].options
    options = load("smoke", ["model.architecture=gated_layer", "model.options.gate_lr_scale=10"]).model.options
    assert options.keys() == declared.keys()
    assert options["gate_lr_scale"] == 10.0 and isinstance(options["gate_lr_scale"], float)
    assert options["gate_scope"] == declared["gate_scope"][0]


WRONG = {
    "train.stepz=3": "unknown setting 'train.stepz' (did you mean 'train.steps'?)",
    "trian.steps=3": "(did you mean 'train.steps'?)",
    "steps=3": "(did you mean 'train.steps'?)",
    "train.steps.more=3": "train.steps",
    "train=3": "train: is a group of settings",
    "train": "write key=value",
    "=3": "write key=value",
    "train.lr=[1": "cannot read train.lr=[1",
    "train.steps=abc": "train.steps: Value 'abc'",
    "train.steps=1.5": "train.steps: Value '1.5'",
    "train.steps=null": "train.steps",
    "train.steps=0": "train.steps: must be at least 1, not 0",
    "train.lr=0": "train.lr: must be above 0",
    "train.lr=.inf": "train.lr",
    "train.i2t_noise=1.5": "train.i2t_noise: must be in [0, 1], not 1.5",
    "train.i2t_noise=.nan": "train.i2t_noise: must be in [0, 1], not nan",
    "train.t2i_fraction=-0.1": "train.t2i_fraction: must be in [0, 1]",
    "train.betas=[0.9]": "train.betas",
    "train.betas=[0.9,1]": "train.betas: must lie in [0, 1)",
    "train.precision=float16": "train.precision: 'float16' is none of auto, float32, bfloat16",
    "model.architecture=dual_towr": "unknown architecture 'dual_towr' (did you mean 'dual_tower'?)",
    "model.options.gate=1": "model.options.gate: unknown option of dual_tower",
    "model.patch_size=3": "data.image_size: 32 is no multiple of 24",
    "data.image_size=33": "data.image_size: 33 is no multiple of 8",
    "eval.features=inception": "inception is not in this version",
    "data.name=cocoo": "data.name: unknown data set 'cocoo' (did you mean 'coco'?)",
    "data.name=coco": "data.root: data.name=coco needs data.root=FOLDER",
    "data.root=pictures": "did you mean data.name=coco?",
    "train.tasks.t2j=1": "train.tasks: unknown task 't2j' (did you mean 't2i'?)",
    "train.tasks.t2i=-1": "train.tasks.t2i: a share must be at least 0, not -1",
    "train.tasks={t2i: 0, i2t: 0}": "train.tasks: no task has a share",
    "train.tasks.t2i=0.5": "train.tasks.t2i",
    "train.losses.imag.weight=1": "train.losses: unknown loss 'imag' (did you mean 'image'?)",
    "train.losses.image.weight=1": "train.losses.image: its weight is train.image_weight",
    "seed=[0,1]": "seed",
}


@pytest.mark.parametrize("override", WRONG)
def test_a_wrong_setting_is_one_line_that_says_what_is_right(override):
    with pytest.raises(UserError) as error:
        load("smoke", [override])
    assert WRONG[override] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("overrides", ["seed=1 seed.a=2", "seed=[1] seed.a=2", "seed=[1] seed.a.b=2"])
def test_settings_that_exclude_each_other_are_refused(overrides):
    with pytest.raises(UserError):
        load("smoke", overrides.split())


@pytest.mark.parametrize("option", ["gate_scope=lyer", "gate_lr_scale=fast", "text_only_bypass=1.5"])
def test_a_wrong_option_is_refused(option):
    with pytest.raises(UserError, match=rf"^model\.options\.{option.partition('=')[0]}: "):
        load("smoke", ["model.architecture=gated_layer", f"model.options.{option}"])


def reads(schema: type, group: str) -> set[str]:
    """Names of settings of ``group`` that the source reads off something known to hold it.

    That is a name or an attribute called like the group, declared to be of its class, or assigned from such a one.
    """
    found = set()
    for path in [path for room in ("architectures", "bench", "sweeps") for path in (PROJECT / room).rglob("*.py")]:
        if path.name in ("config.py", "config_checks.py"):
            continue
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        holders = {group} | {
            node.arg if isinstance(node, ast.arg) else last_name(node.target)
            for node in nodes
            if isinstance(node, ast.arg | ast.AnnAssign) and last_name(node.annotation) == schema.__name__
        }
        for _ in range(2):  # a holder may be handed on
            for node in nodes:
                if isinstance(node, ast.Assign):
                    one, other = node.targets[0], node.value
                    tuples = isinstance(one, ast.Tuple) and isinstance(other, ast.Tuple)
                    pairs = zip(one.elts, other.elts, strict=True) if tuples else [(one, other)]
                    holders |= {last_name(target) for target, value in pairs if last_name(value) in holders} - {""}
        found |= {n.attr for n in nodes if isinstance(n, ast.Attribute) and last_name(n.value) in holders}
        ends = [ending(n.args[1]) for n in nodes if is_getattr(n) and last_name(n.args[0]) in holders]
        found |= {name for name in get_type_hints(schema) if any(end and name.endswith(end) for end in ends)}
    return found


def is_getattr(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == "getattr"


def ending(node: ast.expr) -> str:
    """The constant end of an f-string, "_fraction" of `f"{name}_fraction"`; "" of anything else."""
    last = node.values[-1] if isinstance(node, ast.JoinedStr) else None
    return str(last.value) if isinstance(last, ast.Constant) else ""


def last_name(node: ast.expr | None) -> str:
    """`c` of `a.b.c`, "" of anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_setting_is_read_somewhere():
    """A setting that nothing reads promises what is not done."""
    groups = {f"{name}.": schema for name, schema in get_type_hints(Config).items() if is_dataclass(schema)}
    unread = []
    for prefix, schema in {"": Config, **groups}.items():
        read = reads(schema, prefix.removesuffix(".") or "config")
        unread += [f"{prefix}{name}" for name in get_type_hints(schema) if name not in read]
    assert not unread, f"read by nobody: {', '.join(unread)}"

"""Architectures from outside: read without running, refused in one line, found in packages, of any width and depth."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from experiments import small_config
from project_copies import PROJECT, python
from torch import nn

import architectures
from architectures.declarations import ArchitectureError, read
from bench.__main__ import main
from bench.experiment import execute
from bench.runs.identity import run_folder
from bench.system.command_line import exit_status
from bench.system.errors import UserError
from bench.system.provenance import code_digest, machine_facts
from bench.training.module import FusionModule

HEAD = "from architectures.base import FusionBlock, register\nfrom architectures.gated_layer import GatedLayer\n"
ONE = HEAD + '@register\nclass One(FusionBlock):\n    """One line.\n\n    More of them.\n    """\n'

NARROW = '''"""A narrow image input before every second layer of the language model."""

from dataclasses import replace

import torch
from torch import nn

from architectures.base import IMAGE, SHARED, FusionBlock, PackedSegments, register
from architectures.decoder import DecoderBlock
from architectures.patches import ImageInput

WIDTH = 24


class Squares(ImageInput):
    def __init__(self, image):
        super().__init__()
        self.shape, self.tokens = (image.channels, image.size, image.size), image.size
        line = image.channels * image.size
        self.enter, self.leave = nn.Linear(line, WIDTH), nn.Linear(WIDTH, line)

    def forward(self, latents, sigma):
        return self.enter(latents.transpose(1, 2).flatten(2))  # a token a line of the image

    def conditioning(self, sigma):
        return torch.stack([sigma, 1 - sigma], 1)

    def head(self, states):
        channels, size, _ = self.shape
        return self.leave(states).unflatten(2, (channels, size)).transpose(1, 2)


@register
class Narrow(FusionBlock):
    """Half the layers, and image tokens of a width of their own."""

    options = {"bias": (True, False)}

    @classmethod
    def stack(cls, layers, **options):
        return super().stack(list(layers)[::2], **options)

    @classmethod
    def image_input(cls, image, width, norm, **options):
        return Squares(image)

    def __init__(self, layer, bias=True):
        super().__init__()
        self.block = DecoderBlock(layer)
        width = layer.input_layernorm.weight.numel()
        self.widen, self.narrow = nn.Linear(WIDTH, width, bias=bias), nn.Linear(width, WIDTH, bias=bias)
        self.condition = nn.Linear(2, WIDTH)

    def _wide(self, packed):
        if packed.kind != IMAGE:
            return packed
        conditions = [self.condition(segment.conditioning)[:, None] for segment in packed.segments]
        pairs = zip(packed.segments, conditions, strict=True)
        return PackedSegments([replace(segment, hidden=self.widen(segment.hidden + added)) for segment, added in pairs])

    def keys_values(self, packed, reader):
        return self.block.keys_values(self._wide(packed))

    def transform(self, packed, read):
        hidden = self.block(self._wide(packed), read(SHARED))
        return self.narrow(hidden) if packed.kind == IMAGE else hidden
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package that has one architecture; in this process, for this test."""

    def installed(text: str | None, entry: str = "narrow = toy_package.inner.narrow") -> Path:
        site = tmp_path / "site"
        inner, info = site / "toy_package" / "inner", site / "toy_fusion-1.5.dist-info"
        for folder in (inner, info):
            folder.mkdir(parents=True)
        for package in (inner.parent, inner):
            (package / "__init__.py").write_text("raise RuntimeError('imported')\n", encoding="utf-8")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-fusion\nVersion: 1.5\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[{architectures.GROUP}]\n{entry}\n", encoding="utf-8")
        if text is not None:
            (inner / "narrow.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        architectures.catalogue.cache_clear()
        return inner

    yield installed
    monkeypatch.undo()
    architectures.catalogue.cache_clear()
    code_digest.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy_package"]:
        del sys.modules[name]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("body", "options", "frozen"),
    {
        "nothing": ("pass", {}, False),
        "plain": ("language_frozen = True", {}, True),
        "annotated": ("language_frozen: ClassVar[bool] = True", {}, True),
        "without a value": ("language_frozen: ClassVar[bool]", {}, False),
        "others": ("kinds = (TEXT, IMAGE)\n    size: int = len(kinds)\n    options = {'a': 1.0}", {"a": 1.0}, False),
        "conditional": ("options = {'a': (1, 2)}\n    language_frozen = {'a': 2}", {"a": (1, 2)}, {"a": 2}),
    }.values(),
)
def test_only_what_is_declared_is_read(tmp_path, body, options, frozen):
    found = read(written(tmp_path, f"{ONE}    {body}\n"))
    assert (found.summary, found.options, found.frozen) == ("One line.", options, frozen)


@pytest.mark.parametrize("between", ["", "class Between(GatedLayer):\n    pass\n"])
def test_what_is_left_out_is_inherited(tmp_path, between):
    parent = "Between" if between else "GatedLayer"
    text = f'{HEAD}{between}@register\nclass Two(nn.Module, {parent}):\n    """Two."""\n'
    found, gated = read(written(tmp_path, text)), architectures.catalogue()["gated_layer"]
    assert (found.options, found.frozen) == (gated.options, gated.frozen)
    assert gated.sources[0] in found.sources


REFUSED = {
    "def broken(:": "line 1 is no valid Python",
    "\0": "",
    ONE + "    options = dict(a=1)": "options is computed",
    ONE + "    language_frozen: bool = not False": "language_frozen is computed",
    ONE + "    options = ['a']": "options: write a dict",
    ONE + "    options = {'a': [1, 2]}": "a tuple of choices",
    ONE + "    options = {'a': ()}": "a tuple of choices",
    ONE + "    language_frozen = 'always'": "language_frozen: write True, False or",
    ONE + "    language_frozen = {'a': True}": "no declared choice",
    ONE + "    options = {'a': (1, 2)}\n    language_frozen = {'a': True}": "no declared choice",
    ONE + '@register\nclass Two:\n    """Two."""': "One and Two both carry @register",
    "@register\nclass Mute:\n    pass": "Mute has no docstring",
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items())
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(ArchitectureError) as error:
        read(path)
    assert str(path) in str(error.value) and said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "entry", "said"),
    {
        "broken": ("def broken(:", "narrow = toy_package.inner.narrow", "narrow.py: line 1 is no valid Python"),
        "taken": (ONE, "dual_tower = toy_package.inner.narrow", "dual_tower = toy_package.inner.narrow: the name is"),
        "no architecture": (ONE, "base = toy_package.inner.narrow", "the name is taken by this project"),
        "no module": (None, "narrow = toy_package.inner.narrow", "there is no such module"),
        "no package": (ONE, "narrow = toy_pakage.inner.narrow", "there is no such module"),
        "no class": ("x = 1", "narrow = toy_package.inner.narrow", "no class of"),
        "a way out": (ONE, "../narrow = toy_package.inner.narrow", "write a name of letters"),
    }.values(),
)
def test_an_unusable_package_is_exit_status_2(install, capsys, text, entry, said):
    install(text, entry)
    assert exit_status(lambda: main(["list"])) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_a_package_is_listed_without_being_imported(install):
    inner = install(NARROW)
    found = architectures.catalogue()["narrow"]
    assert (found.distribution, found.sources) == ("toy-fusion 1.5", (inner / "narrow.py",))
    assert found.options == {"bias": (True, False)} and not found.language_frozen()
    script = "import sys; from bench.__main__ import main; main(['list']);"
    script += " print({'torch', 'toy_package'} & {*sys.modules})"
    said = python(f"{inner.parents[1]}:{PROJECT}", "-c", script)
    assert "a width of their own. [toy-fusion 1.5]\n" in said.stdout and said.stdout.endswith("set()\n"), said.stderr
    with pytest.raises(RuntimeError, match="imported"):
        architectures.get("narrow")


@pytest.fixture
def narrow(install):
    inner = install(NARROW)
    for package in (inner.parent, inner):
        (package / "__init__.py").write_text("", encoding="utf-8")


def test_its_class_must_be_as_its_file_says(narrow):
    block = architectures.get("narrow")
    assert block.architecture == "narrow"
    block.options = {"bias": True}
    with pytest.raises(ArchitectureError, match="write both as literals"):
        architectures.get("narrow")


def test_another_width_and_half_the_depth_are_trained_and_scored(narrow, tmp_path):
    """By the code that trains every architecture, from the first step to the table's numbers."""
    config = small_config(tmp_path, "model.architecture=narrow", "model.options.bias=false")
    result = execute.run(config)
    assert all(score["value"] is not None for name, score in result["metrics"].items() if name.startswith("caption"))
    (row,) = run_folder(config).read_metrics()
    assert row["step"] == 6 and row["loss_image"] > 0
    made = execute.prepare(config)
    assert made.module.model.depth < len(made.assets.llm.model.layers)
    assert machine_facts("narrow", 1)["packages"]["toy-fusion"] == "1.5"


def test_a_promise_of_frozen_language_is_tested(install, tmp_path):
    inner = install(NARROW.replace("    options =", "    language_frozen = {'bias': False}\n    options ="))
    for package in (inner.parent, inner):
        (package / "__init__.py").write_text("", encoding="utf-8")
    execute.prepare(small_config(tmp_path, "model.architecture=narrow"))
    with pytest.raises(UserError, match="model.architecture=narrow: it declares language_frozen"):
        execute.prepare(small_config(tmp_path, "model.architecture=narrow", "model.options.bias=false"))


def test_a_head_of_a_loss_is_part_of_the_model(tmp_path):
    """What is registered before training begins is optimised, averaged, saved, and digested where it is frozen."""
    made = execute.prepare(small_config(tmp_path))
    model = made.module.model
    model.heads["alignment"] = nn.Linear(8, 4)
    model.heads["teacher"] = nn.Linear(8, 4).requires_grad_(False)
    module = FusionModule(model, made.config.train)
    trained = {id(p) for group in module.configure_optimizers()["optimizer"].param_groups for p in group["params"]}
    assert {id(p) for p in model.heads["alignment"].parameters()} <= trained
    assert "heads.alignment.weight" in module.average.trained
    checkpoint = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    assert "model.heads.alignment.weight" in checkpoint["state_dict"]
    before = module.digest_frozen()
    with torch.no_grad():
        model.heads["teacher"].weight.add_(1)
    assert module.digest_frozen() != before

"""A new architecture is one file: dropped into a copy of the project, it is listed, tested, trained and plotted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiments import SMALLER, shared_cache

PROJECT = Path(__file__).parents[2]
FILE = '''"""Image bias: the least that can be added to a frozen language model."""

from __future__ import annotations

import torch
from torch import nn

from architectures.base import IMAGE, SHARED, FusionBlock, register
from architectures.decoder import DecoderBlock


@register
class ImageBias(FusionBlock):
    """A frozen block for every token, and a learnt vector added to image tokens."""

    language_frozen = True
    options = {"scale": (1.0, 0.5)}

    def __init__(self, layer, scale=1.0):
        super().__init__()
        self.block = DecoderBlock(layer.requires_grad_(False))
        self.bias = nn.Parameter(torch.zeros_like(layer.input_layernorm.weight))
        self.scale = scale

    def keys_values(self, packed, reader):
        return self.block.keys_values(packed)

    def transform(self, packed, read):
        hidden = self.block(packed, read(SHARED))
        return hidden + self.scale * self.bias if packed.kind == IMAGE else hidden
'''


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for room in ("architectures", "bench", "sweeps", "reports", "tests"):
        shutil.copytree(PROJECT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "setup.cfg", folder)
    (folder / "architectures" / "image_bias.py").write_text(FILE, encoding="utf-8")
    return folder


def python(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    ran = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def test_it_is_listed(copied):
    said = python(copied, "-m", "bench", "list")
    assert "image_bias" in said and "a learnt vector added to image tokens" in said


def test_it_is_held_to_the_contract(copied):
    contract = "tests/architectures/test_architectures.py"
    said = python(copied, "-m", "pytest", "-n", "0", "-q", contract, "-k", "image_bias")
    assert " passed" in said and "failed" not in said


def test_it_is_trained_and_plotted(copied):
    where = [f"runtime.cache={shared_cache()}", "model.architecture=[image_bias,dual_tower]"]
    python(copied, "-m", "sweeps", "run", "architecture", "smoke", "--jobs", "1", *SMALLER, *where)
    (results,) = (copied / "results").iterdir()
    for table in ("table.csv", "runs.csv"):
        assert "image_bias" in (results / table).read_text(encoding="utf-8")
    table = (results / "table.md").read_text(encoding="utf-8")
    assert "| image bias |" in table and "missing" not in table
    assert (results / "figure.png").stat().st_size > 10_000

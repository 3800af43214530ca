"""Fixtures that several files of tests share. What is slow to import is imported where it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import slurm_cluster
from coco_files import write_captions
from PIL import Image

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


@pytest.fixture
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a second: left out where a test reads tables."""
    monkeypatch.setattr("reports.figures.figure.draw", lambda *_: {})


@pytest.fixture(scope="module")
def cluster() -> Iterator[slurm_cluster.Cluster]:
    """A real SLURM of two nodes."""
    with slurm_cluster.running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def llm() -> LlamaForCausalLM:
    """A tiny random language model."""
    from tiny_fusion import tiny_language_model

    return tiny_language_model()


@pytest.fixture
def coco_folder(tmp_path: Path) -> Path:
    """Forty pictures to learn from, three to test on: each one flat colour, a function of its number."""
    root = tmp_path / "pictures"
    (root / "images").mkdir(parents=True)
    names = [f"{i}.png" for i in range(43)]
    for i, name in enumerate(names):
        Image.new("RGB", (20 + i, 16), (i, 2 * i, 200)).save(root / "images" / name)
    write_captions(root / "captions_train.json", names[:40])
    write_captions(root / "captions_val.json", names[40:], first=40)
    return root

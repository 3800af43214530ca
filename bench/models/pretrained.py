"""Pretrained networks by name: the embedded zoo, a local folder or a hub id, all loaded in the same way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.system.errors import UserError

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import CLIPModel, CLIPProcessor, PreTrainedModel, PreTrainedTokenizerBase

    from bench.models.feature_net import FeatureNet

WEIGHTS = Path(__file__).parents[1] / "zoo" / "weights"
KINDS = ("llm", "vae", "clip", "features")
T = TypeVar("T")


def resolve(name: str, kind: str) -> Path | str:
    """Where the weights of ``kind`` called ``name`` lie: a folder, or a hub id that no folder shadows.

    Raises UserError for a path that does not exist (anything that cannot be a hub id counts as a path).
    """
    assert kind in KINDS, kind
    folder = WEIGHTS / kind if name == "embedded" else Path(os.path.expanduser(name))
    if os.path.isdir(folder):  # False for names that no folder could have, where Path.is_dir raises
        return folder
    looks_like_path = name == "embedded" or name.startswith((".", "/", "~")) or name.count("/") != 1
    if looks_like_path:
        choices = "use embedded, an existing folder, or a hub id owner/name"
        raise UserError(f"no folder '{folder}' with {kind} weights ({choices})")
    return name


def load_llm(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The causal language model, in float32 with SDPA attention and in eval mode, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def load(source: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="sdpa")
        return model.eval(), AutoTokenizer.from_pretrained(source)

    return _load(name, "llm", load)


def load_vae(name: str) -> AutoencoderKL:
    """The image autoencoder, in float32 and eval mode."""
    from diffusers import AutoencoderKL

    return _load(name, "vae", lambda source: AutoencoderKL.from_pretrained(source, low_cpu_mem_usage=False).eval())


def load_clip(name: str) -> tuple[CLIPModel, CLIPProcessor]:
    """The image-text model, in float32 and eval mode, and the processor that prepares images and texts for it."""
    import torch
    from transformers import CLIPModel, CLIPProcessor

    def load(source: str) -> tuple[CLIPModel, CLIPProcessor]:
        model = CLIPModel.from_pretrained(source, dtype=torch.float32)
        return model.eval(), CLIPProcessor.from_pretrained(source)

    return _load(name, "clip", load)


def load_features(name: str) -> FeatureNet:
    """The net whose features FID compares and whose heads read attributes, in eval mode."""
    from bench.models.feature_net import FeatureNet

    return _load(name, "features", lambda source: FeatureNet.from_pretrained(source).eval())


def weights_digest(name: str, kind: str) -> str:
    """Twelve hex digits that name what was loaded: of all files of a folder but its README, or of a hub id's commit.

    Looked at once a process, as a sweep asks thousands of times.
    """
    return _digest(name, kind, WEIGHTS, os.getcwd())


@cache
def _digest(name: str, kind: str, embedded: Path, working_directory: str) -> str:
    where = resolve(name, kind)
    if isinstance(where, Path):
        return _folder_digest(where)
    return hashlib.sha256(f"{where}@{_hub_commit(where, kind)}".encode()).hexdigest()[:12]


@cache
def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "README.md"]
    for path in sorted(path for path in files if not path.relative_to(folder).as_posix().startswith(".")):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:12]


@cache
def _hub_commit(hub_id: str, kind: str) -> str:
    from huggingface_hub import HfApi, try_to_load_from_cache

    try:
        config = try_to_load_from_cache(hub_id, "config.json")  # .../<commit>/config.json
        if isinstance(config, str):
            return Path(config).parent.name
        return str(HfApi().model_info(hub_id, timeout=20).sha)
    except Exception as error:  # the hub client raises a dozen kinds, several of them its transport's own
        raise UserError(_unreachable(hub_id, kind, error)) from error


def _load(name: str, kind: str, load: Callable[[Any], T]) -> T:
    where = resolve(name, kind)
    if isinstance(where, str):
        _hub_commit(where, kind)  # says at once that the hub does not answer; downloads would retry for a minute
    try:
        return load(str(where))
    except Exception as error:  # a folder may hold anything, a hub fail in many ways
        if isinstance(where, Path):
            raise UserError(f"cannot load {kind} weights from '{where}': {_first_line(error)}") from error
        raise UserError(_unreachable(where, kind, error)) from error


def _unreachable(hub_id: str, kind: str, error: Exception) -> str:
    return f"cannot get {kind} weights '{hub_id}': no such folder, nor an answer from the hub ({_first_line(error)})"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]

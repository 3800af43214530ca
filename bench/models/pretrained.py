"""Pretrained networks by name: the embedded zoo, a local folder or a hub id, all loaded the same way."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.config import part_files
from bench.config.part_files import check_files, resolve
from bench.models.loaded_parts import check_ends, check_tokens, complete
from bench.system.errors import UserError

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import CLIPModel, CLIPProcessor, PreTrainedModel, PreTrainedTokenizerBase

    from bench.models.feature_net import FeatureNet

T = TypeVar("T")
_NO_CODE = {"trust_remote_code": False}  # unset, transformers asks on the terminal and runs what is there after a yes
_TELL: dict[str, Any] = {"output_loading_info": True, "ignore_mismatched_sizes": True}  # so that `complete` can refuse


def load_llm(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The causal language model, in float32 with SDPA attention and in eval mode, and its tokenizer.

    Raises:
        UserError: they cannot be loaded whole and without code of their own, or do not go together.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def load(source: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        model = complete(
            source,
            *AutoModelForCausalLM.from_pretrained(
                source, dtype=torch.float32, attn_implementation="sdpa", **_NO_CODE, **_TELL
            ),
        )
        tokenizer = AutoTokenizer.from_pretrained(source, **_NO_CODE)
        check_tokens(source, tokenizer, model.get_input_embeddings().num_embeddings)
        check_ends(source, tokenizer)
        return model.eval(), tokenizer

    return _load(name, "llm", load)


def load_vae(name: str) -> AutoencoderKL:
    """The image autoencoder, in float32 and eval mode."""
    from diffusers import AutoencoderKL

    def load(source: str) -> AutoencoderKL:
        return complete(source, *AutoencoderKL.from_pretrained(source, low_cpu_mem_usage=False, **_TELL)).eval()

    return _load(name, "vae", load)


def load_clip(name: str) -> tuple[CLIPModel, CLIPProcessor]:
    """The image-text model, in float32 and eval mode, and the processor that prepares images and texts for it."""
    import torch
    from transformers import CLIPModel, CLIPProcessor

    def load(source: str) -> tuple[CLIPModel, CLIPProcessor]:
        model = complete(source, *CLIPModel.from_pretrained(source, dtype=torch.float32, **_NO_CODE, **_TELL))
        processor = CLIPProcessor.from_pretrained(source, **_NO_CODE)
        check_tokens(source, processor.tokenizer, model.config.text_config.vocab_size)
        return model.eval(), processor

    return _load(name, "clip", load)


def load_features(name: str) -> FeatureNet:
    """The feature net of FID, KID and image attributes, in eval mode."""
    from bench.models.feature_net import FeatureNet

    return _load(name, "features", lambda source: FeatureNet.from_pretrained(source).eval())


def weights_digest(name: str, kind: str) -> str:
    """Twelve hex digits of the weights: of all files of a folder but its README, or of a hub id's commit.

    Computed once a process, as a sweep asks thousands of times.
    """
    return _digest(name, kind, part_files.WEIGHTS, os.getcwd())


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


def _load(name: str, kind: str, load: Callable[[str], T]) -> T:
    where = resolve(name, kind)
    if isinstance(where, str):
        _hub_commit(where, kind)  # says at once that the hub does not answer; downloads would retry for a minute
    try:
        check_files(where, kind)
        try:
            return load(str(where))
        finally:
            check_files(where, kind)  # only now are those of a hub id here
    except UserError:
        raise
    except Exception as error:  # a folder may hold anything, a hub fail in many ways
        if isinstance(where, Path):
            raise UserError(f"cannot load {kind} weights from '{where}': {_in_short(error)}") from error
        raise UserError(_unreachable(where, kind, error)) from error


def _unreachable(hub_id: str, kind: str, error: Exception) -> str:
    return f"cannot get {kind} weights '{hub_id}': no such folder, nor an answer from the hub ({_in_short(error)})"


def _in_short(error: Exception) -> str:
    """The error in one line; a file that holds more than tensors is not unpickled, and says what to do instead."""
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, pickle.UnpicklingError):
            return "it is damaged, or more than tensors, and to unpickle it could run code; save it as safetensors"
        cause = cause.__cause__ or cause.__context__
    return (" ".join(str(error).split()) or type(error).__name__)[:200]

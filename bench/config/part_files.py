"""Pretrained parts on disk: paths, and checks of their JSON files before anything is loaded. No torch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.system.errors import UserError

if TYPE_CHECKING:
    from bench.config.schema import Config

WEIGHTS = Path(__file__).parents[1] / "zoo" / "weights"
KINDS = ("llm", "vae", "clip", "features")
CONFIGS = ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")
CLASSES = {  # kind -> the key of config.json that names its class, and the class that is loaded whatever it says
    "vae": ("_class_name", "AutoencoderKL"),
    "clip": ("model_type", "clip"),
    "features": ("model_type", "xfusion-features"),
}


def resolve(name: str, kind: str) -> Path | str:
    """Location of the weights ``name`` of a ``kind``: a folder, or a hub id that no folder shadows.

    Raises UserError for a path that does not exist (anything that cannot be a hub id counts as a path).
    """
    assert kind in KINDS, kind
    folder = WEIGHTS / kind if name == "embedded" else Path(os.path.expanduser(name))
    if os.path.isdir(folder):  # False for names that no folder could have, where Path.is_dir raises
        return folder
    looks_like_path = name == "embedded" or name.startswith((".", "/", "~")) or name.count("/") != 1
    if looks_like_path or kind == "features":  # no hub has feature nets of this kind
        hub = "" if kind == "features" else ", or a hub id owner/name"
        choices = f"use embedded, or an existing folder{hub}"
        raise UserError(f"no folder '{folder}' with {kind} weights ({choices})")
    return name


def look_at_files(config: Config) -> int | None:
    """Check the JSON files of the four parts, where they are on this machine, without torch. Raises UserError.

    Returns pixels per latent along each side, None where only the loaded VAE has it.
    """
    parts = {"llm": config.model.llm, "clip": config.eval.clip, "features": config.eval.features}
    for kind, name in parts.items():
        _look_at_files(name, kind, WEIGHTS, os.getcwd())
    return _look_at_files(config.model.vae, "vae", WEIGHTS, os.getcwd())


@cache
def _look_at_files(name: str, kind: str, embedded: Path, working_directory: str) -> int | None:
    try:
        where = resolve(name, kind)
    except UserError:  # raised again where it is needed
        return None
    check_files(where, kind)
    return vae_factor(where) if kind == "vae" else None


def check_files(where: Path | str, kind: str) -> None:
    """Refuse a part with code of its own, of another class, or with settings that would be ignored. Runs nothing.

    Raises UserError. Of a hub id only files on this machine are read.
    """
    for path, content in _configs(where):
        if _asks_for_code(content):
            raise UserError(
                f"{kind} weights '{where}': {path.name} asks for code of its own (auto_map), which is never run; "
                "use weights of a class that transformers or diffusers has itself"
            )
        if path.name != "config.json" or kind not in CLASSES:
            continue
        key, right = CLASSES[kind]
        if content.get(key, right) != right:
            raise UserError(
                f"{kind} weights '{where}': config.json says {key} {content[key]}, but only {right} is read"
            )
        if kind == "vae" and (ignored := [name for name in ("latents_mean", "latents_std") if content.get(name)]):
            raise UserError(
                f"vae weights '{where}': config.json has {' and '.join(ignored)}, which are not applied; "
                "only scaling_factor and shift_factor are"
            )


def pixels_per_latent(block_out_channels: list[int]) -> int:
    """Pixels per latent of an AutoencoderKL, along each side: each block but the last halves."""
    return 2 ** (len(block_out_channels) - 1)


def check_image_size(image_size: int, patch_size: int, factor: int) -> None:
    """Raise UserError where the patches of an image's latents do not cover it; ``factor`` is `pixels_per_latent`."""
    if image_size % (factor * patch_size):
        raise UserError(
            f"data.image_size: {image_size} is no multiple of {factor * patch_size} "
            f"({factor} pixels a latent x model.patch_size={patch_size})"
        )


def vae_factor(where: Path | str) -> int | None:
    """`pixels_per_latent` of the VAE there; None where it is not on this machine, or does not say."""
    for path, content in _configs(where):
        blocks = content.get("block_out_channels")
        if path.name == "config.json" and isinstance(blocks, list) and 0 < len(blocks) < 32:
            return pixels_per_latent(blocks)
    return None


def _configs(where: Path | str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and content of each JSON file of a part that is here. Unreadable ones are left to the loader."""
    for name in CONFIGS:
        path = where / name if isinstance(where, Path) else _cached(where, name)
        content = None
        with suppress(OSError, ValueError, RecursionError):
            content = json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else None
        if path and isinstance(content, dict):
            yield path, content


def _cached(hub_id: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    with suppress(ValueError):  # no hub id
        found = try_to_load_from_cache(hub_id, name)
        return Path(found) if isinstance(found, str) else None
    return None


def _asks_for_code(content: dict[str, Any]) -> bool:
    inner = (value for value in content.values() if isinstance(value, dict))
    return bool(content.get("auto_map")) or any(map(_asks_for_code, inner))

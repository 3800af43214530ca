"""Checks of loaded pretrained parts: complete, and fitting together. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.system.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def complete(source: str, model: Any, info: dict[str, Any]) -> Any:
    """Return ``model`` if all its weights were in the files, and they hold no others; ``info`` is the loader's report.

    Loaders initialise missing weights at random, with a log message only. Tied and optional weights are not in their
    report. Raises UserError.
    """
    found = {
        "missing": sorted(info["missing_keys"]),
        "of another shape": sorted(key for key, *_ in info["mismatched_keys"]),
        "not the model's": sorted(info["unexpected_keys"]),
        "failed": list(info["error_msgs"]),
    }
    if faults := [f"{what}: {_some(names)}" for what, names in found.items() if names]:
        raise UserError(f"the weights in '{source}' are not those of a {type(model).__name__} ({'; '.join(faults)})")
    return model


def check_tokens(source: str, tokenizer: PreTrainedTokenizerBase, rows: int) -> None:
    """Raise UserError for a tokenizer with ids beyond the ``rows`` of the model's embedding table."""
    if beyond := [token for token, number in tokenizer.get_vocab().items() if number >= rows]:
        raise UserError(
            f"the tokenizer in '{source}' does not fit the model, which has {rows} embeddings "
            f"(beyond them: {_some(sorted(beyond))})"
        )


def check_ends(source: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise UserError for a tokenizer without an end token."""
    if tokenizer.eos_token_id is None:
        raise UserError(f"the tokenizer in '{source}' has no end token (eos_token), so no caption could end")


def _some(names: list[str]) -> str:
    """The first three, and how many there are."""
    return ", ".join(names[:3]) + (f" ... ({len(names)} in all)" if len(names) > 3 else "")

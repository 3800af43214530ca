"""Column names of settings in tables and plots: the last part of the key, or the whole where that is ambiguous.

A name depends on the key alone, so tables of different sweeps can be joined.
"""

from __future__ import annotations

from functools import cache

from bench.config.checks import setting_keys
from bench.config.schema import Config


@cache
def column(key: str) -> str:
    """Column name of a setting: `lr` for train.lr, but train.batch_size, as there is an eval.batch_size."""
    if key.startswith("train.losses."):
        return key  # options of two losses may have one name
    last = key.rpartition(".")[2]
    shared = any(other.rpartition(".")[2] == last for other in setting_keys(Config) if other != key)
    return key if shared else last

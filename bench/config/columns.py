"""What tables, labels and plots call a setting: the last part of its key, or all of it where other settings share that.

A name depends on nothing else that varies, so tables of different sweeps can be joined.
"""

from __future__ import annotations

from functools import cache

from bench.config.checks import setting_keys
from bench.config.schema import Config


@cache
def column(key: str) -> str:
    """`lr` for train.lr, but train.batch_size, as there is an eval.batch_size."""
    last = key.rpartition(".")[2]
    shared = any(other.rpartition(".")[2] == last for other in setting_keys(Config) if other != key)
    return key if shared else last

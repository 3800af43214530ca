"""Quantities of a fingerprint: exact ones as text, numbers as short lists, large tensors as sketches."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

DIGITS = 9  # of stored numbers: what float32 holds
SHORT = 40  # characters of an exact value that is stored as it is; of a longer one the digest


class Values:
    """Quantities by name, in the order of the way from data to score. A name begins with its stage, "loss: ..."."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def exact(self, name: str, value: Any) -> None:
        """Record what must be equal: anything that JSON can say, or an array of whole numbers."""
        if isinstance(value, Tensor):
            value = value.detach().cpu().numpy()
        if isinstance(value, np.ndarray):
            content = f"{value.shape} {hashlib.sha256(value.astype(np.int64).tobytes()).hexdigest()}"
        else:
            content = json.dumps(value, sort_keys=True, ensure_ascii=False)
        if len(content) > SHORT:
            content = f"digest {hashlib.sha256(content.encode()).hexdigest()[:12]}"
        self._add(name, content)

    def numbers(self, name: str, numbers: Iterable[float], slack: float = 0.0) -> None:
        """Record numbers of one size, which rounding may move; ``slack`` is added to what it may move them by."""
        rounded = [float(f"{float(number):.{DIGITS}g}") for number in numbers]
        self._add(name, {"numbers": rounded, "slack": slack} if slack else rounded)

    def sketch(self, name: str, *tensors: Tensor | np.ndarray) -> None:
        """Record the `sketch` of each tensor."""
        self.numbers(name, [number for tensor in tensors for number in sketch(tensor)])

    def anything(self, name: str, value: Any) -> None:
        """Record whatever it is, part by part: floats as numbers or sketches, all else as exact."""
        array = value.numpy() if isinstance(value, Tensor) else value
        if isinstance(array, np.ndarray) and array.dtype.kind == "f":
            self.sketch(name, array)
        elif isinstance(value, tuple) and hasattr(value, "_asdict"):
            self.anything(name, value._asdict())
        elif isinstance(value, Mapping):
            for key, part in value.items():
                self.anything(f"{name}, {key}", part)
        elif isinstance(value, float):
            self.numbers(name, [value])
        else:
            self.exact(name, value)

    def follow(self, later: Values) -> None:
        """Add another's quantities behind these."""
        for name, value in later.found.items():
            self._add(name, value)

    def _add(self, name: str, value: Any) -> None:
        assert name not in self.found, f"two quantities are called {name}"
        self.found[name] = value


def sketch(tensor: Tensor | np.ndarray) -> list[float]:
    """The root mean square and two fixed random sums: a change of any element, or of their order, moves one."""
    array = tensor.detach().cpu().double().numpy() if isinstance(tensor, Tensor) else np.asarray(tensor, np.float64)
    flat = array.reshape(-1)
    if not flat.size:
        return [0.0]
    sums = _directions(flat.size) @ flat / math.sqrt(flat.size)  # 2
    return [float(np.sqrt(np.mean(flat**2))), *map(float, sums)]


def joined(tensors: Iterable[Tensor]) -> Tensor:
    """All elements in one row."""
    return torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])


@lru_cache(maxsize=256)
def _directions(size: int) -> np.ndarray:
    """(2, size), uniform with variance 1: the same bits on every machine."""
    return (np.random.default_rng(size).random((2, size)) - 0.5) * math.sqrt(12)

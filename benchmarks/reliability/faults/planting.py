"""Faults, and two ways to plant one in this process: another attribute in place of one, or one line of code slipped."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

TRAINING, SCORING = "training", "scoring"


@dataclass(frozen=True)
class Fault:
    """How to plant it, and what it can touch: the training of all runs, scoring alone, or one architecture."""

    plant: Callable[[], None]
    touches: str
    shows: str = "dual_tower"  # the architecture whose tiny run shows it, if it touches more than one
    group: str = ""  # the file of this folder that it stands in

    @property
    def breaks(self) -> str:
        """Sentence on what it breaks."""
        return inspect.cleandoc(self.plant.__doc__ or "")


def plant(owner: Any, name: str, faulty: Callable[[Any], Any]) -> None:
    """Replace an attribute by ``faulty(attribute)``."""
    setattr(owner, name, faulty(getattr(owner, name)))


def training_with(owner: type, change: Callable[[Any], Any]) -> None:
    """Have a class made with changed settings of training, wherever they stand among its arguments."""
    from bench.config.schema import TrainConfig

    def faulty(normal: Callable[..., None]) -> Callable[..., None]:
        return lambda self, *given: normal(self, *[change(g) if isinstance(g, TrainConfig) else g for g in given])

    plant(owner, "__init__", faulty)


def slip(function: Any, before: str, after: str) -> None:
    """Change ``before``, which stands once in the source of a function, to ``after``, for all who hold the function.

    The function's code alone is replaced. A catalogue that no longer fits the source ends in an AssertionError.
    """
    function = inspect.unwrap(getattr(function, "__func__", function))
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(before) == 1, f"{function.__qualname__} does not hold {before!r} once: let the fault follow it"
    definition = ast.parse(source.replace(before, after)).body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    closed_over = function.__code__.co_freevars  # such as __class__, where super() is called
    around = ast.parse(f"def around({', '.join(closed_over)}): pass")
    around.body[0].body = [definition]  # type: ignore[attr-defined]
    flags = annotations.compiler_flag
    module = compile(around, function.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    (outer,) = _codes(module)
    (function.__code__,) = _codes(outer)


def _codes(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))

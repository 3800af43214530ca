"""What a training has been shown: the axis that tasks of different shares are compared on (paper, Fig. 5)."""

from __future__ import annotations

from typing import NamedTuple

from bench.data.mixing import Pairs, Step


class Seen(NamedTuple):
    """Pairs and tokens of each task since the first step, on all devices together.

    A pair's tokens are those of its image and of its caption, which stands between a beginning and an end.
    """

    t2i_pairs: int = 0
    i2t_pairs: int = 0
    t2i_tokens: int = 0
    i2t_tokens: int = 0

    def after(self, step: Step, image_tokens: int) -> Seen:
        """With one more step, whose images have ``image_tokens`` tokens each."""
        pairs = [0 if task is None else len(task.lengths) for task in (step.t2i, step.i2t)]
        tokens = [_tokens(task, image_tokens) for task in (step.t2i, step.i2t)]
        return Seen(*(before + new for before, new in zip(self, [*pairs, *tokens], strict=True)))


def _tokens(task: Pairs | None, image_tokens: int) -> int:
    return 0 if task is None else int(task.lengths.sum()) + image_tokens * len(task.lengths)

"""What a training has been shown: the axis that tasks of different shares are compared on (paper, Fig. 5)."""

from __future__ import annotations

from typing import NamedTuple

from bench.data.mixing import Pairs, Step


class Seen(NamedTuple):
    """Pairs and tokens of each task since the first step, on all devices together.

    A pair's tokens are those of its image and of its caption, which stands between a beginning and an end.
    ``i2t_noise`` is the mean noise level that the described images had: what became of the cap.
    """

    t2i_pairs: int = 0
    i2t_pairs: int = 0
    t2i_tokens: int = 0
    i2t_tokens: int = 0
    i2t_noise: float = 0.0

    def after(self, step: Step, image_tokens: int) -> Seen:
        """With one more step, whose images have ``image_tokens`` tokens each."""
        drawn, described = (0 if task is None else len(task.lengths) for task in (step.t2i, step.i2t))
        noise = 0.0 if step.i2t is None else step.i2t.sigma.double().sum().item()
        return Seen(
            t2i_pairs=self.t2i_pairs + drawn,
            i2t_pairs=self.i2t_pairs + described,
            t2i_tokens=self.t2i_tokens + _tokens(step.t2i, image_tokens),
            i2t_tokens=self.i2t_tokens + _tokens(step.i2t, image_tokens),
            i2t_noise=(self.i2t_noise * self.i2t_pairs + noise) / max(1, self.i2t_pairs + described),
        )


def _tokens(task: Pairs | None, image_tokens: int) -> int:
    return 0 if task is None else int(task.lengths.sum()) + image_tokens * len(task.lengths)

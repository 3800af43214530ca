"""Base class of tasks, and samples. Importing it imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from bench.system.plugins import NoSettings, Plugin, plugin

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from architectures.transformer import FusionTransformer
    from bench.config.schema import Config, TrainConfig
    from bench.data.assets import Assets
    from bench.data.batches import Pairs, Segment
    from bench.data.captioned_images import CaptionedImages

TEXT, IMAGE = "text", "image"  # modalities, as `architectures.base` names them


@dataclass(frozen=True)
class GeneratedImage:
    """An image that a model generated from a prompt."""

    id: str  # of the data set's image whose caption the prompt is
    prompt: str
    image: np.ndarray  # (H, W, 3) uint8


@dataclass(frozen=True)
class GeneratedCaption:
    """A caption that a model generated, and the reference captions of the same image."""

    id: str  # of the data set's image
    caption: str
    references: list[str]


Sample = GeneratedImage | GeneratedCaption


class Task(Plugin):
    """A training task: its layout of segments, which are scored, its batches, and how its output is generated."""

    kind = "task"
    title: ClassVar[str]  # "text-to-image"
    layout: ClassVar[tuple[str, ...]]  # modality of each segment; the last one is the output
    settings: ClassVar[type] = NoSettings  # a dataclass; its fields join `train`, so their names must be unique
    metrics: ClassVar[tuple[str, ...] | None] = None  # files of bench/evaluation/metrics; None: all of the output
    prefix: ClassVar[str | None] = None  # before the names of its metrics; None: the task's name and "_"

    def __init__(self, train: TrainConfig) -> None:
        self.train = train

    @property
    def output(self) -> str:
        """Modality of the output."""
        return self.layout[-1]

    @property
    def key(self) -> tuple[Any, ...]:
        """Name and own settings, for what depends on both."""
        return (self.name, *(repr(getattr(self.train, item.name)) for item in fields(self.settings)))

    def score(self, metric: str) -> str:
        """Name of the task's score by a metric."""
        return f"{f'{self.name}_' if self.prefix is None else self.prefix}{metric}"

    def segments(self, pairs: Pairs) -> Sequence[Segment]:
        """Segments of a training batch, made of ``pairs``: one for each entry of the layout, in its order."""
        raise NotImplementedError

    def true_images(self, images: CaptionedImages, rows: range) -> np.ndarray:
        """True outputs for items of a split, (n, H, W, 3) uint8; asked for where the output is an image."""
        return images.images(rows)

    def true_latents(self, assets: Assets, split: str, rows: range) -> Tensor:
        """Latents of the true outputs, (n, C, h, w): decoded, they are the best that generation can do."""
        return assets.latents(split, rows)

    def generate(self, model: FusionTransformer, assets: Assets, config: Config, rows: range) -> Sequence[Sample]:
        """Outputs for the first items of ``eval.split``: the same prompts and noise for every model."""
        raise NotImplementedError


def tasks_of(train: TrainConfig) -> dict[str, Task]:
    """Tasks of a training by name, in the order of their rows in a step. Raises UserError for an unknown one."""
    return {name: plugin("task", name, "train.tasks")(train) for name in train.tasks}

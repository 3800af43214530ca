"""Base class of losses. Importing it imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.system.plugins import Plugin

if TYPE_CHECKING:
    from torch import Tensor, nn

    from architectures.transformer import FusionTransformer
    from bench.data.batches import Batch


@dataclass(frozen=True)
class Mean:
    """A mean as sum and count. Ranks add both, so that it is the mean over the whole step."""

    sum: Tensor  # ()
    count: int  # 0: nothing of the kind in the step


@dataclass(frozen=True)
class Output:
    """Output of the model for a batch."""

    batch: Batch
    states: Sequence[Tensor]  # final states of each segment, (B, n, d); defined for scored segments only
    hidden: dict[int, Sequence[Tensor]]  # layer -> states of each segment after that layer, (B, n, d)

    def scored(self, modality: str) -> Iterator[tuple[Any, Tensor]]:
        """Scored segments of a modality with their final states."""
        for segment, states in zip(self.batch.segments, self.states, strict=True):
            if segment.scored and segment.modality == modality:
                yield segment, states


class Loss(Plugin):
    """A term of the training loss: a mean over items of a step, times a weight."""

    kind = "loss"
    options: ClassVar[dict[str, Any]] = {}  # as an architecture's: choices as a tuple, or a default

    def __init__(self, **options: Any) -> None:
        self.chosen = options

    def layers(self) -> Sequence[int]:
        """Layers whose hidden states the loss needs: k is the output of the k-th block, 0 the embeddings."""
        return ()

    def head(self, model: FusionTransformer) -> nn.Module | None:
        """A module of its own, made once and trained, averaged, saved and hashed as part of the model."""
        return None

    def measure(self, model: FusionTransformer, outputs: Sequence[Output]) -> Mean:
        """Sum and count over the scored items of a step. The loss's own head is ``model.heads[self.name]``."""
        raise NotImplementedError

"""In what order the tiny language model learns, and with which optimizer.

Answering about one of two objects takes a circuit that finds a word again and goes on as it went on there. AdamW does
not find it in the small model within an hour of questions; Muon does within 1,500 steps of random pairs of words told
again, and questions bind soon after. What follows is learned with AdamW, which keeps word embeddings further apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch.optim import AdamW, Muon, Optimizer
from transformers import PreTrainedModel

from bench.zoo.corpus import SHARES

WARMUP, BETAS = 100, (0.9, 0.98)
MATRICES_LR, OTHERS_LR = 1e-2, 2e-3  # of Muon, which steps by a matrix's own scale, and of AdamW


@dataclass(frozen=True)
class Phase:
    """A stretch of training on one mix of documents, with optimizers that start anew."""

    name: str
    steps: int
    shares: Mapping[str, float]
    muon: bool  # for the layers' matrices; everything else always learns by AdamW
    constant: float = 1.0  # share of the steps after which the learning rate falls on a line to nearly 0

    def rate(self, step: int) -> float:
        """Share of the full learning rate."""
        falling = (self.steps - step) / (self.steps * (1 - self.constant) + 1)
        return min(1.0, (step + 1) / WARMUP) * min(1.0, max(0.01, falling))

    def optimizers(self, model: PreTrainedModel) -> list[Optimizer]:
        """For all parameters of the model."""
        body = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]
        inside = {id(p) for p in body}
        others = [p for p in model.parameters() if id(p) not in inside]
        if self.muon:
            return [Muon(body, MATRICES_LR, weight_decay=0.1), AdamW(others, OTHERS_LR, BETAS, weight_decay=0.0)]
        groups = [{"params": body, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        return [AdamW(groups, OTHERS_LR, BETAS)]


PHASES = (
    Phase("pairs", 1800, {"pairs": 0.75, "recall": 0.25}, muon=True),
    Phase("questions", 1400, {"questions": 0.6, "glimpse": 0.3, "recall": 0.1}, muon=True),
    Phase("all", 5200, SHARES, muon=False, constant=0.3),
)

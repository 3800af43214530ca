"""Curriculum of the tiny language model: phases of training with their documents and optimizers.

Answering about one of two objects takes a circuit that finds a word again, tells which object it belongs to and reads
another word of that object. Questions alone leave the model guessing between the two objects, for most kinds of
question, however many it sees. Three steps form the circuit: words that stand together, of no meaning, so that nothing
but binding helps; questions about captions of a single wording, where what belongs together stands at fixed distances;
then all wordings, which follow within hundreds of steps. Muon is several times faster here. The rest is learned with
AdamW, which keeps word embeddings further apart. At the end it writes captions of values listed in another order, as in
images: that makes it a better base for captioning, and questions lose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch.optim import AdamW, Muon, Optimizer
from transformers import PreTrainedModel

from bench.zoo.text.corpus import SHARES

WARMUP, BETAS = 100, (0.9, 0.98)
MUON_LR = 1e-2


@dataclass(frozen=True)
class Phase:
    """A stretch of training on one mix of documents, with optimizers that start anew."""

    name: str
    steps: int
    shares: Mapping[str, float]
    muon: bool  # for the layers' matrices; everything else always learns by AdamW
    constant: float = 1.0  # share of the steps after which the learning rate falls on a line to nearly 0
    lr: float = 2e-3  # of AdamW; Muon steps by a matrix's own scale
    first_draw: int = 0  # of the documents: no two phases share any

    def rate(self, step: int) -> float:
        """Share of the full learning rate."""
        falling = (self.steps - step) / (self.steps * (1 - self.constant) + 1)
        return min(1.0, (step + 1) / WARMUP) * min(1.0, max(0.01, falling))

    def optimizers(self, model: PreTrainedModel) -> list[Optimizer]:
        """Optimizers of all parameters of the model."""
        body = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]
        inside = {id(p) for p in body}
        others = [p for p in model.parameters() if id(p) not in inside]
        if self.muon:
            return [Muon(body, MUON_LR, weight_decay=0.1), AdamW(others, self.lr, BETAS, weight_decay=0.0)]
        groups = [{"params": body, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        return [AdamW(groups, self.lr, BETAS)]


BINDING = {"one wording": 0.1, "distinctions": 0.3, "pointing": 0.35, "questions": 0.25}
DESCRIBING = {
    "caption": 0.15, "paraphrase": 0.12, "notes": 0.18, "pictures": 0.20, "questions": 0.12, "distinctions": 0.04,
    "places": 0.08, "yes or no": 0.02, "sums": 0.06, "sentences": 0.03,
}  # fmt: skip
PHASES = (
    Phase("words", 1500, {"groups": 0.5, "pairs": 0.5}, muon=True),
    Phase("one wording", 1000, {"one wording": 0.7, "groups": 0.2, "pairs": 0.1}, muon=True, first_draw=1000),
    Phase("questions", 1800, BINDING, muon=True, constant=0.6, first_draw=2000),
    Phase("all", 5200, SHARES, muon=False, constant=0.2, first_draw=3000),
    # Of two draws of documents, 4000 and this, the one whose captions were better on validation.
    Phase("describing", 3000, DESCRIBING, muon=False, constant=0.2, lr=1e-3, first_draw=20_000),
)

"""How the frozen text tower maps captions to be drawn: kept on disk for other runs that draw the same batches.

Such are those of another noise cap or architecture, and a run that goes on. Content-addressed: a batch is named by its
tokens, in a folder named by the language model and the arithmetic.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from architectures.sequence import Text
from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.models.pretrained import weights_digest
from bench.runs.identity import SCORING, rounding
from bench.system.errors import UserError
from bench.system.files import remove_drafts, write_atomically

FORMAT = 2  # raise when what the files hold changes


class KeptTexts:
    """Prompts with their states, which only the first of all runs that draw a batch of them computes.

    The states are those of a step that does without, to the last bit: the same tokens, in the same batch.
    """

    def __init__(self, config: Config, model: FusionTransformer) -> None:
        parts = [FORMAT, weights_digest(config.model.llm, "llm"), config.train.precision, rounding(config, SCORING)]
        parts.append(_fingerprint(model))
        key = hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
        self.folder = Path(config.runtime.cache) / "texts" / key
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_drafts(self.folder)  # of processes that were killed
        self.model = model

    def __call__(self, ids: Tensor, lengths: Tensor) -> Text:
        """Captions (B, n) with the states of their tokens, which a caption's padding ends."""
        tokens = torch.cat([lengths[:, None], ids], 1)  # B 1+n
        name = hashlib.sha256(repr(tuple(tokens.shape)).encode() + tokens.cpu().numpy().tobytes()).hexdigest()[:32]
        path = self.folder / f"{name}.safetensors"
        try:
            kept = load(path.read_bytes())
        except SafetensorError as error:
            raise UserError(f"{path} is damaged ({error}): remove it, it is made again") from error
        except FileNotFoundError:
            with torch.no_grad():
                states = self.model.text_states(Text(ids, lengths))
            kept = {str(layer): each.cpu() for layer, each in enumerate(states)}
            write_atomically(path, save(kept))
        return Text(ids, lengths, tuple(kept[str(layer)].to(ids.device) for layer in range(len(kept))))


@torch.no_grad()
def _fingerprint(model: FusionTransformer) -> str:
    """A digest of what the layers make of two words: architectures that map text alike share its states, no others."""
    digest = hashlib.sha256()
    for states in model.text_states(Text(torch.tensor([[0, 1]], device=model.device))):
        digest.update(states.float().cpu().numpy().tobytes())
    return digest.hexdigest()

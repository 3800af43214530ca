"""Faults in the model: masks, positions, owner and reader, caches, norms, conditioning.

Text alone gives the language model's logits with each of them, at step 0: building a model tests that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.reliability.faults.planting import SCORING, TRAINING, Fault, plant, slip


def wrong_owner() -> None:
    """Let the tower of a token's own modality make its keys and values, not the one that reads it."""
    from architectures.dual_tower import DualTower

    plant(DualTower, "keys_values", lambda _: lambda self, packed, reader: self.towers[packed.kind].keys_values(packed))


def padding_positioned() -> None:
    """An image counts its positions on from the padding of its caption, not from the last word."""
    from architectures.transformer import FusionTransformer

    slip(FusionTransformer._enter, "tokens if valid is None else valid.sum(1, keepdim=True)", "tokens")


def padding_seen() -> None:
    """An image attends to the padding of its caption."""
    from architectures import sequence

    slip(sequence.attention_mask, "padded = any(valid is not None for valid in past.valid)", "padded = False")


def next_token_seen() -> None:
    """Each token of a caption attends to the next one too, which it is to predict."""
    from architectures import sequence

    slip(sequence.attention_mask, ".tril(earlier)", ".tril(earlier + 1)")


def one_noise_level() -> None:
    """The model is told the noise level of a batch's first image for all its images."""
    from architectures.patches import Patches

    slip(Patches.forward, "self.frequencies(sigma * SIGMA_SCALE)", "self.frequencies(sigma[:1] * SIGMA_SCALE)")


def wrong_reader() -> None:
    """The gated block attends to the keys and values that the pretrained block made for itself."""
    from architectures.gated_layer import GatedLayer

    slip(GatedLayer.transform, "read(GATED)", "read(PRETRAINED)")


def norm_remembered() -> None:
    """The gated block transforms the tokens as the pretrained block's norm left them, not its own."""
    from architectures.decoder import DecoderBlock

    def faulty(normal: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, packed: packed.normed.setdefault(None, normal(self, packed))

    plant(DecoderBlock, "_normed", faulty)


def stale_cache() -> None:
    """While an image is sampled, its tokens attend to its keys and values of the first denoising step."""
    from architectures.kv_cache import KVBuffer

    slip(KVBuffer._store, "self.stored[index] is part", "self.stored[index].tokens == part.tokens")


def rows_not_moved() -> None:
    """When a caption ends, the one that takes its row goes on from the ended caption's keys and values."""
    from architectures.kv_cache import KVBuffer

    slip(KVBuffer.compact, "states[moved] = states[rows[moved]]", "pass")


FAULTS = {
    "K/V made by the wrong owner": Fault(wrong_owner, "dual_tower"),
    "padding counted in positions": Fault(padding_positioned, TRAINING),
    "padding attended to": Fault(padding_seen, TRAINING),
    "the next token seen": Fault(next_token_seen, TRAINING),
    "one row's noise level for all": Fault(one_noise_level, TRAINING),
    "K/V of the wrong reader": Fault(wrong_reader, "gated_layer"),
    "one norm for two blocks": Fault(norm_remembered, "gated_layer"),
    "stale image keys while sampling": Fault(stale_cache, SCORING),
    "cached rows not moved": Fault(rows_not_moved, SCORING, shows="dual_projection"),
}

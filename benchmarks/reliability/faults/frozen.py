"""Faults in frozen weights: trained, frozen where they should learn, or rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.reliability.faults.planting import SCORING, TRAINING, Fault, plant, slip


def frozen_trained() -> None:
    """Train the text tower."""
    from architectures.base import TEXT
    from architectures.dual_tower import DualTower

    def faulty(normal: Callable[..., None]) -> Callable[..., None]:
        def init(self: Any, layer: Any) -> None:
            normal(self, layer)
            self.towers[TEXT].requires_grad_(True)

        return init

    plant(DualTower, "__init__", faulty)


def head_trained() -> None:
    """The language head is trained."""
    from architectures.transformer import FusionTransformer

    head = "copy.deepcopy(llm.lm_head)"
    slip(FusionTransformer.__init__, f"{head}.requires_grad_(False)", f"{head}.requires_grad_(True)")


def norm_frozen() -> None:
    """The norm of the image head is frozen with the language model's, of which it is a copy."""
    from architectures.patches import Patches

    slip(Patches.__init__, "copy.deepcopy(norm).requires_grad_(True)", "copy.deepcopy(norm).requires_grad_(False)")


def copied_after_freezing() -> None:
    """The image weights are copied from the text weights after those are frozen, and stay frozen too."""
    from architectures.dual_projection import DualProjection

    copied, frozen = "vision = copy.deepcopy(layer)", "layer.requires_grad_(False)"
    slip(DualProjection.__init__, f"{copied}\n    {frozen}", f"{frozen}\n    {copied}")


def decoded_in_bfloat16() -> None:
    """The frozen autoencoder decodes in bfloat16."""
    from bench.models import codec

    decoding = "with torch.inference_mode():"
    slip(codec.decode_latents, decoding, f"{decoding[:-1]}, torch.autocast(vae.device.type, torch.bfloat16):")


FAULTS = {
    "a frozen weight trained": Fault(frozen_trained, "dual_tower"),
    "the language head trained": Fault(head_trained, TRAINING),
    "the image head's norm frozen": Fault(norm_frozen, TRAINING),
    "image weights copied after freezing": Fault(copied_after_freezing, "dual_projection"),
    "images decoded in bfloat16": Fault(decoded_in_bfloat16, SCORING),
}

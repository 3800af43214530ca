"""Faults in sampling: guidance, schedule, scale of latents, conditioning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.reliability.faults.planting import SCORING, Fault, plant, slip


def guidance_dropped() -> None:
    """Images are generated without guidance, from the caption alone."""
    from bench.models import generation

    def faulty(normal: Callable[..., Any]) -> Callable[..., Any]:
        return lambda model, ids, lengths, empty, noise, scale, *how: normal(
            model, ids, lengths, empty, noise, 1.0, *how
        )

    plant(generation, "sample_latents", faulty)


def guided_from_caption() -> None:
    """Guidance counts from the caption's velocity, not from the empty one's: it is stronger by 1."""
    from bench.models import sampling

    slip(sampling.guided_latents, "empty[0] + guidance_scale", "guided + guidance_scale")


def schedule_to_zero() -> None:
    """The noise levels reach 0 a step early, so the last denoising step does nothing and the others are longer."""
    from bench.models import diffusion

    slip(diffusion.integrate, "np.linspace(1, 1 / steps, steps)", "np.linspace(1, 0, steps)")


def shift_forgotten() -> None:
    """Latents are scaled back before they are decoded, and not shifted back."""
    from bench.models import codec

    slip(codec.decode_latents, " + (vae.config.shift_factor or 0.0)", "")


def image_not_announced() -> None:
    """A prompt is read as text without an image, which a gated layer reads otherwise than in training."""
    from bench.models import sampling

    slip(sampling._prefill, "(*(item.kind for item in prefix), IMAGE)", "tuple(item.kind for item in prefix)")


def captioned_as_noise() -> None:
    """The model is told that the clean images which it captions are noise alone."""
    from bench.models import sampling

    slip(sampling.sample_captions, "latents.new_zeros(1)", "latents.new_ones(1)")


FAULTS = {
    "guidance dropped": Fault(guidance_dropped, SCORING),
    "guidance stronger by 1": Fault(guided_from_caption, SCORING),
    "the last denoising step empty": Fault(schedule_to_zero, SCORING),
    "the latents' shift forgotten": Fault(shift_forgotten, SCORING),
    "prompts read as text alone": Fault(image_not_announced, "gated_layer"),
    "clean images captioned as noise": Fault(captioned_as_noise, SCORING),
}

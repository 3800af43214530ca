"""Images generated per second: Euler's method with guidance, by the product and literally."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from architectures.sequence import Image, Text
from architectures.transformer import FusionTransformer
from bench.models.diffusion import integrate
from bench.models.sampling import sample_latents
from benchmarks.speed.literal import EQUATIONS, MISSING, final_states
from benchmarks.speed.models import batch_of, model_of
from benchmarks.speed.paired import Ways
from benchmarks.speed.rows import Row, Setting

STEPS, GUIDANCE = 20, 3.0
LEAST = 2  # turns: one takes half a minute at `mid`


def rows(setting: Setting) -> list[Row]:
    """Generation rates. The literal way caches nothing from one denoising step to the next: one is timed, and
    counted as often as there are."""
    return [row for group in setting.groups for row in _rows(setting, group)]


def _rows(setting: Setting, names: tuple[str, ...]) -> list[Row]:
    shape = setting.shape
    request = captions_and_noise(setting)
    ways: Ways = {}
    warm_up: Ways = {}
    for name in names:
        model = model_of(shape, name, setting.device).eval()
        ways[f"{name} ours"] = partial(generate, model, *request, STEPS)
        warm_up[f"{name} ours"] = partial(generate, model, *request, 1)
        if name in EQUATIONS:
            ways[f"{name} literal"] = partial(generate_literally, model, *request, 1)
    with torch.autocast(setting.device, torch.bfloat16, enabled=shape.dtype == "bfloat16"):
        times = setting.in_turns(ways, warm_up, LEAST)
    found = []
    for name in names:
        ours, literal = f"{name} ours", f"{name} literal"
        over = {"literal": times.ratio(literal, ours, STEPS) if literal in times.seconds else None}
        rate, turns = shape.images / times.median(ours), len(times.seconds[ours])
        remarks = (MISSING,) * (name not in EQUATIONS)
        found.append(Row(shape.name, name, "images generated", rate, "images/s", over, turns, remarks=remarks))
    return found


def captions_and_noise(setting: Setting) -> tuple[Tensor, Tensor, Tensor]:
    """Captions (B, n), an empty caption of their length (1, n), and noise (B, C, h, w)."""
    shape = setting.shape
    random = torch.Generator().manual_seed(1)
    ids = batch_of(shape).ids[: shape.images].repeat(-(-shape.images // shape.rows), 1)[: shape.images]
    noise = torch.randn(shape.images, shape.channels, shape.image_side, shape.image_side, generator=random)
    return ids.to(setting.device), torch.zeros_like(ids[:1]).to(setting.device), noise.to(setting.device)


def generate(model: FusionTransformer, ids: Tensor, empty: Tensor, noise: Tensor, steps: int) -> Tensor:
    """Generate latents by the product's own pass."""
    lengths = torch.full((len(ids),), ids.shape[1], device=ids.device)
    return sample_latents(model, ids, lengths, empty[0].tolist(), noise, GUIDANCE, "euler", steps)


@torch.inference_mode()
def generate_literally(model: FusionTransformer, ids: Tensor, empty: Tensor, noise: Tensor, steps: int) -> Tensor:
    """Generate latents with the whole sequence in every step, with and without the caption."""
    captions = torch.cat([ids, empty.expand_as(ids)])

    def velocity(latents: Tensor, sigma: Tensor) -> Tensor:
        items: list[Text | Image] = [Text(captions), Image(latents.repeat(2, 1, 1, 1), sigma.repeat(2))]
        guided, unguided = model.velocity(final_states(model, items)[1]).float().chunk(2)
        return unguided + GUIDANCE * (guided - unguided)

    return integrate(velocity, noise, "euler", steps)

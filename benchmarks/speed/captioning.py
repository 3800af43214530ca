"""Captions generated per second: greedily, by the product, literally, and by transformers' own `generate`."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from architectures.sequence import Image, Text
from architectures.transformer import FusionTransformer
from bench.models.sampling import sample_captions
from benchmarks.speed.literal import EQUATIONS, MISSING, final_states
from benchmarks.speed.models import language_model_of, model_of
from benchmarks.speed.paired import Ways
from benchmarks.speed.rows import Row, Setting

CAPTIONS = 64  # at once
BEGIN, NEVER = 0, -1  # a caption's first token, and a last one that no model generates
LEAST = 2  # turns: one takes more than a minute at `mid`
LITERAL_ROWS = 4  # on a CPU, where a row costs the same in any company


def rows(setting: Setting) -> list[Row]:
    """Captioning rates. The literal way caches nothing from one token to the next: its pass for the middle token is
    timed (on a CPU of a few rows), and counted for all tokens and rows."""
    return [row for group in setting.groups for row in _rows(setting, group)]


def _rows(setting: Setting, names: tuple[str, ...]) -> list[Row]:
    shape, device = setting.shape, setting.device
    few = LITERAL_ROWS if device == "cpu" else CAPTIONS
    random = torch.Generator().manual_seed(2)
    latents = torch.randn(CAPTIONS, shape.channels, shape.image_side, shape.image_side, generator=random).to(device)
    half = torch.zeros(few, shape.text_tokens // 2, dtype=torch.long, device=device)
    llm = language_model_of(shape, device).eval()
    prompt = torch.zeros(CAPTIONS, shape.image_tokens, dtype=torch.long, device=device)
    ways: Ways = {"generate": partial(generate, llm, prompt, shape.text_tokens)}
    warm_up: Ways = {"generate": partial(generate, llm, prompt[:2], 2)}
    for name in names:
        model = model_of(shape, name, device).eval()
        ways[f"{name} ours"] = partial(sample_captions, model, latents, BEGIN, NEVER, shape.text_tokens)
        warm_up[f"{name} ours"] = partial(sample_captions, model, latents[:2], BEGIN, NEVER, 2)
        if name in EQUATIONS:
            ways[f"{name} literal"] = partial(next_literally, model, latents[:few], half)
    with torch.autocast(device, torch.bfloat16, enabled=shape.dtype == "bfloat16"):
        times = setting.in_turns(ways, warm_up, LEAST)
    found = []
    for name in names:
        ours, literal = f"{name} ours", f"{name} literal"
        whole = shape.text_tokens * CAPTIONS / few
        over = {
            "literal": times.ratio(literal, ours, whole) if literal in times.seconds else None,
            "generate": times.ratio("generate", ours),
        }
        rate, turns = CAPTIONS / times.median(ours), len(times.seconds[ours])
        remarks = (MISSING,) * (name not in EQUATIONS)
        found.append(Row(shape.name, name, "captions generated", rate, "captions/s", over, turns, remarks=remarks))
    return found


@torch.inference_mode()
def next_literally(model: FusionTransformer, latents: Tensor, ids: Tensor) -> Tensor:
    """The token (B, 1) that follows a caption's beginning (B, n), from a pass over everything."""
    items: list[Text | Image] = [Image(latents, latents.new_zeros(len(latents))), Text(ids)]
    return model.logits(final_states(model, items)[1][:, -1:]).argmax(-1)


@torch.inference_mode()
def generate(llm: LlamaForCausalLM, prompt: Tensor, tokens: int) -> Tensor:
    """Generate text alone, behind a prompt as long as an image."""
    return llm.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        pad_token_id=0,
    )

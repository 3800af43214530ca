"""transformers' LlamaForCausalLM as it serves a single tower: packed embeddings and a mask of four dimensions."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from transformers import LlamaForCausalLM

from architectures.base import IMAGE, TEXT
from architectures.transformer import FusionTransformer
from benchmarks.speed.literal import masks
from benchmarks.speed.models import Batch, batch_of, by_blas, language_model_of, model_of
from benchmarks.speed.paired import Ratio, Ways
from benchmarks.speed.rows import Setting, small
from benchmarks.speed.shapes import BASE, Shape
from benchmarks.speed.steps import Step, joint, loss, optimizer_of


def compare(setting: Setting) -> tuple[float, int, Ratio]:
    """Our step in ms, the number of turns, and ours over theirs."""
    shape, device = setting.shape, setting.device
    model = model_of(shape, BASE, device)
    llm = around(model, shape)
    optimizer = optimizer_of(model)
    ways: list[Ways] = []
    for batch in (batch_of(shape, device), batch_of(small(shape), device)):
        ours = Step(optimizer, partial(loss, model, batch))
        theirs = Step(optimizer, partial(packed_loss, model, llm, batch))
        ways.append({"ours": ours, "theirs": theirs})
    times = setting.in_turns(ways[0], ways[1])
    return 1e3 * times.median("ours"), len(times.seconds["ours"]), times.ratio("ours", "theirs")


def around(model: FusionTransformer, shape: Shape) -> LlamaForCausalLM:
    """A Llama on the weights of ``model``, a single tower, multiplied by torch's BLAS as transformers does. Its final
    norm joins the language head: images have one of their own."""
    llm = language_model_of(shape, model.device.type)
    llm.model.layers = nn.ModuleList(by_blas(block.get_submodule("block.layer")) for block in model.blocks)
    llm.model.norm = nn.Identity()
    llm.lm_head = nn.Sequential(model.norm, by_blas(model.lm_head))
    return llm


def packed_loss(model: FusionTransformer, llm: LlamaForCausalLM, batch: Batch) -> Tensor:
    """The same number as `loss`: all rows in one batch, the language head on the ends where captions can stand."""
    words, images = model.embed_tokens(batch.ids), model.patches(batch.latents, batch.sigma)  # B n d, B m d
    t2i, n, m = batch.t2i_rows, words.shape[1], images.shape[1]
    rows = torch.cat(
        [torch.cat([words[:t2i], images[:t2i]], 1), torch.cat([images[t2i:], words[t2i:]], 1)]
    )  # B S d
    t2i_mask, i2t_mask = masks([TEXT, IMAGE], [n, m])[1], masks([IMAGE, TEXT], [m, n])[1]  # each S S
    is_t2i = (torch.arange(len(rows)) < t2i)[:, None, None]
    visible = torch.where(is_t2i, t2i_mask, i2t_mask)[:, None].to(rows.device)  # B 1 S S
    given = {"attention_mask": visible, "use_cache": False, "output_hidden_states": True, "logits_to_keep": n}
    answer = llm(inputs_embeds=rows, **given)
    velocity = model.velocity(answer.hidden_states[-1][:t2i, n:])
    return joint(velocity, answer.logits[t2i:, :-1], batch)  # logits: B n V

"""Estimate of a training's FLOPs and memory, before it runs."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from bench.config.schema import Config
from bench.data.encoded import EncodedSplit
from bench.data.mixing import Mixture
from bench.experiment.execute import prepare, step_flops
from bench.models.codec import padded, token_ids
from bench.models.matmul import set_matmul_backend
from bench.tasks.base import tasks_of
from bench.training import distributed

BYTES_PER_TRAINED = 16  # float32: the weight, its two moments of AdamW, its average


def counted(config: Config) -> tuple[int, int]:
    """FLOPs of the whole training, forward and backward, and bytes of one checkpoint. Nothing is trained or written.

    The step that is counted has the first training images' captions; the values of its latents do not matter.
    """
    experiment = prepare(config)
    assets, module = experiment.assets, experiment.module
    images = assets.images("train")
    rows = range(min(config.train.batch_size, len(images)))
    tokens, lengths = padded(token_ids(assets.tokenizer, [images.captions(row)[0] for row in rows]))
    latents = np.zeros((len(rows), *assets.latent_shape), dtype=np.float32)
    split = EncodedSplit(latents, tokens[:, None], lengths[:, None])
    tasks = tasks_of(config.train)
    flops = step_flops(module, Mixture(split, config.train, config.seed, assets.empty_caption, tasks))
    trained = sum(parameter.numel() for parameter in module.model.parameters() if parameter.requires_grad)
    return flops * config.train.steps, trained * BYTES_PER_TRAINED


@torch.inference_mode()
def multiplying_rate(config: Config, width: int = 512, rows: int = 2048) -> float:
    """Matmul rate of this machine in FLOPs a second, by ``config``'s backend and precision: the best of a few tries."""
    device = distributed.device(config.runtime.accelerator)
    dtype = torch.bfloat16 if config.train.precision == "bfloat16" else torch.float32
    layer = nn.Linear(width, 4 * width, bias=False, dtype=dtype, device=device)
    set_matmul_backend(layer, config.runtime.matmul_backend)
    states = torch.ones(rows, width, dtype=dtype, device=device)
    best = 0.0
    for _ in range(5):
        begin = time.perf_counter()
        layer(states)[0, 0].item()  # waits for the device
        best = max(best, 8 * rows * width * width / (time.perf_counter() - begin))
    return best

"""Fingerprints of sampling from given weights: latents of each sampler, guided or not, captions, the cache."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from architectures.sequence import Image, Text
from architectures.transformer import FusionTransformer
from bench.config.schema import Config, EvalConfig
from bench.data.assets import Assets
from bench.data.captioned_images import prompt
from bench.experiment.fingerprints.request import values_of
from bench.experiment.fingerprints.values import Values
from bench.models.codec import padded, token_ids
from bench.models.generation import initial_noise
from bench.models.sampling import sample_captions, sample_latents
from bench.tasks.base import GeneratedImage, tasks_of

ROWS = 4
GUIDANCE = (1.0, 3.0)


@torch.inference_mode()
def sampling(values: Values, model: FusionTransformer, assets: Assets, config: Config) -> None:
    """Latents, captions, and every task's outputs."""
    model.eval()
    _latents(values, model, assets, config)
    _captions(values, model, assets, config)
    for name, task in tasks_of(config.train).items():
        samples = task.generate(model, assets, config, range(ROWS))
        values.exact(f"sampling: {name}, ids", [sample.id for sample in samples])
        for place, sample in enumerate(samples):
            if isinstance(sample, GeneratedImage):
                values.exact(f"sampling: {name}, prompt {place + 1}", sample.prompt)
                values.sketch(f"sampling: {name}, image {place + 1}", sample.image.astype(float))
            else:
                values.exact(f"sampling: {name}, caption {place + 1}", sample.caption)
                values.exact(f"sampling: {name}, references {place + 1}", sample.references)
    for split in values_of(EvalConfig, "split"):
        other = replace(config, eval=replace(config.eval, split=split))
        for name, task in tasks_of(config.train).items():
            (sample,) = task.generate(model, assets, other, range(1))
            values.exact(f"sampling: {name}, of the {split} split", sample.id)


def _latents(values: Values, model: FusionTransformer, assets: Assets, config: Config) -> None:
    split = assets.images(config.eval.split)
    texts = token_ids(assets.tokenizer, [prompt(split, row) for row in range(ROWS)])
    ids, lengths = (torch.from_numpy(array).long() for array in padded(texts))
    noise = initial_noise(ROWS, assets, config.eval.seed)

    def sampled(rows: slice, sampler: str, guidance: float) -> Tensor:
        longest = int(lengths[rows].max())
        given = ids[rows, :longest], lengths[rows], assets.empty_caption, noise[rows]
        return sample_latents(model, *given, guidance, sampler, config.eval.sampler_steps)

    for sampler in values_of(EvalConfig, "sampler"):
        for guidance in GUIDANCE:
            latents = sampled(slice(ROWS), sampler, guidance)
            values.sketch(f"sampling: latents, {sampler}, guidance {guidance:g}", *latents)
    values.sketch("sampling: latents, one alone", sampled(slice(1), config.eval.sampler, GUIDANCE[-1]))


def _captions(values: Values, model: FusionTransformer, assets: Assets, config: Config) -> None:
    """Greedy captions by the cache, and how many of their tokens a pass without it finds again."""
    latents, most = assets.latents(config.eval.split, range(ROWS)), config.eval.max_caption_tokens
    begin, end = assets.empty_caption
    captions = sample_captions(model, latents, begin, end, most)
    values.exact("sampling: greedy captions", captions)
    found, asked = 0, 0
    for row, caption in enumerate(captions):
        text = [begin, *caption]
        image = Image(latents[row : row + 1], latents.new_zeros(1))
        states, _ = model([image, Text(torch.tensor([text]))], needs_output=[False, True])
        logits = model.logits(states[1])  # 1 n V
        values.sketch(f"sampling: logits along greedy caption {row + 1}", logits)
        wanted = [*caption, end][:most]
        said = logits[0].argmax(-1).tolist()[: len(wanted)]
        found, asked = found + sum(map(int.__eq__, said, wanted)), asked + len(wanted)
    values.exact("sampling: greedy tokens found without the cache", f"{found} of {asked}")

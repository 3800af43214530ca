"""Fingerprints of data: every set's splits, images, captions, encoded splits, and the batches of given steps."""

from __future__ import annotations

from pathlib import Path

from bench.config.schema import Config
from bench.data import SPLITS, data_digest
from bench.data.assets import Assets, assets_of
from bench.data.captioned_images import prompt
from bench.data.counts import counts_after, zero_counts
from bench.data.mixing import Mixture
from bench.experiment.fingerprints import pictures
from bench.experiment.fingerprints.request import STEPS, config_of, data_choices, reads_folder
from bench.experiment.fingerprints.scores import outputs
from bench.experiment.fingerprints.values import Values
from bench.models.codec import decode_latents, token_ids
from bench.models.generation import initial_noise
from bench.models.weights_digest import parameters_digest
from bench.system.errors import UserError
from bench.tasks.base import tasks_of

FIRST = 24  # images of a split that are looked at
MOST = 512  # images of a split that is encoded


def data_sets(values: Values, scored: Values, folder: Path, *settings: str) -> None:
    """Every data set, as its settings are and with each other value of those that have a few; its scores apart."""
    for name, others in data_choices():
        where = [f"data.root={pictures.write(folder / name)}"] if reads_folder(name) else []
        for more in ([], *([other] for other in others)):
            title = " ".join([f"data set {name}", *more])
            try:
                config = config_of(folder, *settings, f"data.name={name}", *where, *more)
                assets = assets_of(config)
                _data_set(values, f"data: {title}", config, assets)
                if all(len(assets.images(split)) <= MOST for split in SPLITS):
                    outputs(scored, f"scores: {title}", config, assets)
            except UserError as error:
                values.exact(f"data: {title}, refused", str(error).replace(str(folder), ""))


def _data_set(values: Values, title: str, config: Config, assets: Assets) -> None:
    values.exact(f"{title}, digest", data_digest(config.data, config.runtime.cache))
    for split in SPLITS:
        images = assets.images(split)
        rows = range(min(FIRST, len(images)))
        said = {
            "ids": images.ids,
            "captions": [images.captions(row) for row in range(len(images))],
            "prompts": [prompt(images, row) for row in rows],
            "scenes": None if images.scenes is None else [repr(scene) for scene in images.scenes],
        }
        for what, content in said.items():
            values.exact(f"{title}, {split}, {what}", content)
        values.exact(f"{title}, {split}, images", images.images(rows))
        if len(images) <= MOST:
            encoded = assets.encoded(split)
            values.exact(f"{title}, {split}, tokens", encoded.tokens)
            values.exact(f"{title}, {split}, lengths", encoded.lengths)
            values.sketch(f"{title}, {split}, latents", encoded.latents)
    if len(assets.images("train")) <= MOST:
        batches(values, title, config, assets, (0, STEPS - 1))


def batches(values: Values, title: str, config: Config, assets: Assets, steps: tuple[int, ...]) -> None:
    """Every field of every segment of given steps, and the shares of two ranks."""
    mixture = mixture_of(config, assets)
    counts = zero_counts(config.train.tasks)
    for number in steps:
        step = mixture[number]
        for batch in step.batches:
            for place, segment in enumerate(batch.segments):
                values.anything(f"{title}, step {number + 1}, {batch.task}, segment {place + 1}", segment)
        counts = counts_after(counts, step, image_tokens=10)
    values.anything(f"{title}, counts", counts)
    for rank in range(2):
        for batch in mixture[steps[0]].share(rank, 2).batches:
            for place, segment in enumerate(batch.segments):
                values.anything(f"{title}, rank {rank + 1} of 2, {batch.task}, segment {place + 1}", segment)


def mixture_of(config: Config, assets: Assets) -> Mixture:
    """The batches of a config's training."""
    split = assets.encoded("train")
    return Mixture(split, config.train, config.seed, assets.empty_caption, tasks_of(config.train))


def pretrained(values: Values, config: Config, assets: Assets) -> None:
    """The loaded networks, the tokenizer, the codec and the noise that images are generated from."""
    for name, network in (("language model", assets.llm), ("autoencoder", assets.vae)):
        values.exact(f"pretrained: {name}", parameters_digest(network.state_dict().items()))
    values.exact("pretrained: questions", assets.exam)
    values.exact("pretrained: texts", assets.texts)
    said = [row["prompt"] for row in assets.exam[:8]] + assets.texts[:8] + ["", "A red circle, on the left?"]
    values.exact("pretrained: tokens", token_ids(assets.tokenizer, said))
    values.exact("pretrained: empty caption", assets.empty_caption)
    decoded = decode_latents(assets.vae, assets.latents(config.eval.split, range(8)))
    values.sketch("pretrained: decoded latents", decoded.astype(float))
    values.sketch("pretrained: initial noise", initial_noise(8, assets, config.eval.seed))

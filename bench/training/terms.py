"""Losses of a training with weights and heads, and input of the model for a batch."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from architectures.sequence import Image, Text
from architectures.transformer import FusionTransformer
from bench.config.schema import LOSSES, TrainConfig
from bench.data.batches import Batch, Segment, TextSegment
from bench.models.diffusion import noised
from bench.system.errors import UserError
from bench.system.plugins import plugins, source
from bench.training.losses.base import Loss, Mean


def losses_of(train: TrainConfig) -> list[tuple[Loss, float]]:
    """Losses with their weights: those always on, the language loss first, then those of `train.losses`.

    Gradients are summed in this order.
    """
    known = plugins("loss")
    always = [(known[name](), getattr(train, setting)) for name, setting in LOSSES.items()]
    asked = [
        (known[name](**{key: value for key, value in given.items() if key != "weight"}), given["weight"])
        for name, given in train.losses.items()
    ]
    return [*always, *asked]


def add_heads(model: FusionTransformer, losses: Sequence[Loss], seed: int) -> None:
    """Add the losses' own heads to the model. Their initial weights depend on seed and name alone."""
    for loss in losses:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + zlib.crc32(loss.name.encode()))
            head = loss.head(model)
        if head is not None:
            model.heads[loss.name] = head.to(model.device)


def check_layers(loss: Loss, model: FusionTransformer) -> None:
    """Raise UserError for a loss that asks for states of a layer that the model has not."""
    for layer in loss.layers():
        if not 0 <= layer <= model.depth:
            raise UserError(f"train.losses.{loss.name}: asks for layer {layer} of a model that has {model.depth}")


def check_trained(model: FusionTransformer, losses: Iterable[Loss], terms: Iterable[Mean]) -> None:
    """Raise UserError for a loss, with its term, that would train what lies outside the model."""
    inside = {id(parameter) for parameter in model.parameters()}
    for loss, mean in zip(losses, terms, strict=True):
        strangers = [leaf for leaf in _leaves(mean.sum) if id(leaf) not in inside]
        if strangers:
            shape = tuple(strangers[0].shape)
            raise UserError(
                f"{source(type(loss))}: trains a parameter of shape {shape} outside the model, where it is "
                "neither optimised nor saved (return its module from `head`)"
            )


def _leaves(value: Tensor) -> Iterator[Tensor]:
    """Tensors that a backward pass from ``value`` would give a gradient."""
    nodes, seen = [value.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if hasattr(node, "variable"):
                yield node.variable
            nodes += [following for following, _ in node.next_functions]


def model_input(batch: Batch) -> tuple[list[Text | Image], list[bool]]:
    """Items of a batch for the model, and whether each needs an output, as scored ones do.

    Nothing follows the last token of a sequence's last text, so where that is scored it is left out.
    """
    last = len(batch.segments) - 1
    items = [_item(segment, place == last) for place, segment in enumerate(batch.segments)]
    return items, [segment.scored for segment in batch.segments]


def _item(segment: Segment, is_last: bool) -> Text | Image:
    if not isinstance(segment, TextSegment):
        return Image(noised(segment.latents, segment.noise, segment.sigma), segment.sigma)
    if segment.scored and is_last:
        return Text(segment.ids[:, :-1], segment.lengths - 1)
    return Text(segment.ids, segment.lengths)

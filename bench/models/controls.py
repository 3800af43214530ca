"""Controls: what stands in for an architecture's own model or training, and what each rules out. Imports no torch."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from architectures.transformer import FusionTransformer

NONE = "none"
PASSIVE = "_passive"  # the end of a setting that takes a task's loss away


@dataclass(frozen=True)
class Control:
    """A control by its short name, and one sentence of what it rules out."""

    title: str
    rules_out: str


CONTROLS = {
    "random_language_model": Control(
        "random LLM",
        "The language model's weights are random, of the same shapes and scales, and frozen where the real one's are: "
        "what is as good here does not come from what the language model learnt.",
    ),
    "random_copy": Control(
        "random copy",
        "What starts as a copy of the language model starts at random instead, beside the real frozen one: what is as "
        "good here does not come from starting at the language model's weights.",
    ),
    "capacity_only": Control(
        "capacity only",
        "The frozen blocks are removed, and trained weights alone transform every token between the frozen embeddings "
        "and head: what is as good here comes from the trained parameters, not from the frozen text beside them.",
    ),
}


def passive(task: str) -> Control:
    """The control whose setting is ``train.<task>_passive``."""
    return Control(
        f"passive {task}",
        f"The samples of {task} pass through the model, forward and backward, and their loss does not count: what is "
        f"as good here does not come from learning {task}, nor from the compute and data that it takes.",
    )


def controls_of(settings: Mapping[str, Any]) -> dict[str, Control]:
    """Controls of a run, by setting: dotted keys or columns, with their values. Empty: the run is no control."""
    found = {}
    for key, value in settings.items():
        name = key.rpartition(".")[2]
        if name == "control" and value != NONE:
            found[key] = CONTROLS.get(str(value), Control(str(value).replace("_", " "), ""))
        elif name.endswith(PASSIVE) and value is True:
            found[key] = passive(name.removesuffix(PASSIVE))
    return found


def random_language_model(llm: PreTrainedModel, seed: int) -> PreTrainedModel:
    """A language model of the same shapes with random weights, a function of ``seed`` and the real one alone.

    Each weight is drawn from a normal distribution with its own tensor's mean and deviation, in float32: at the scale
    of an untrained model, frozen embeddings and head could not tell a caption whatever is trained between them.
    """
    import torch

    random = torch.Generator().manual_seed(seed + zlib.crc32(b"language model"))  # not the numbers of other weights
    drawn = copy.deepcopy(llm)
    with torch.no_grad():
        for weight in drawn.parameters():  # tied ones once
            mean, deviation = weight.float().mean().cpu(), weight.float().std(correction=0).cpu()
            weight.copy_(mean + deviation * torch.randn(weight.shape, generator=random))
    return drawn


def start_at_random(model: FusionTransformer, drawn: FusionTransformer) -> bool:
    """Give ``model`` the trained weights of ``drawn``, the same on a random language model; whether a block's differs.

    Those that are no copy of the language model's are a function of the seed, and so the same in both.
    """
    import torch

    pairs = zip(model.named_parameters(), drawn.parameters(), strict=True)
    trained = [(name, mine, other) for (name, mine), other in pairs if mine.requires_grad]
    differ = any(name.startswith("blocks.") and not torch.equal(mine, other) for name, mine, other in trained)
    with torch.no_grad():
        for _, mine, other in trained:
            mine.copy_(other)
    return differ


def go_without_frozen(model: FusionTransformer) -> None:
    """Leave the trained weights of every block alone to transform its tokens."""
    from torch import nn

    model.blocks = nn.ModuleList(block.trained_alone() for block in model.blocks)  # type: ignore[operator]

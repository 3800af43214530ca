"""Fingerprints of a model at given weights: parameters, FLOPs, states layer by layer, logits, losses, gradients."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.config.schema import Config
from bench.data.assets import Assets
from bench.data.batches import Step
from bench.evaluation.evaluate import precision
from bench.experiment.execute import Experiment, prepare
from bench.experiment.fingerprints.values import Values, joined
from bench.models.flops import count_flops
from bench.training.module import FusionModule
from bench.training.terms import model_input

AWAY = 0.1  # how far weights are moved, as a share of their own size


def moved(config: Config) -> Experiment:
    """A prepared experiment, its trained weights away from the start: gates are open, copies differ."""
    experiment = prepare(config)
    generator = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        for name, parameter in experiment.module.average.trained.items():
            noise = 2 * torch.rand(parameter.shape, generator=generator) - 1
            noise = noise + noise.sign()  # never near 0
            size = parameter.square().mean().sqrt()
            parameter.add_(AWAY * (size if size > 0 else 1.0) * noise)
            experiment.module.average.average[name].copy_(parameter)
    return experiment


def groups(named: Iterable[tuple[str, Tensor]]) -> dict[str, list[Tensor]]:
    """Parameters by their name without numbers of layers."""
    found: dict[str, list[Tensor]] = defaultdict(list)
    for name, parameter in named:
        found[re.sub(r"(?<=\.)\d+(?=\.)", "*", name)].append(parameter)
    return found


def parameters(values: Values, module: FusionModule) -> None:
    """Counts, values and what the optimiser makes of each group: frozen or trained, its rate and decay."""
    rules = {id(p): f"rate x {group['lr'] / module.train_config.lr:g}, decay {group['weight_decay']:g}"
             for group in optimizer_groups(module) for p in group["params"]}  # fmt: skip
    for name, members in groups(module.model.named_parameters()).items():
        said = sorted({rules.get(id(member), "frozen") for member in members})
        values.exact(f"weights: {name}, count", [sum(p.numel() for p in members), *said])
        values.sketch(f"weights: {name}", joined(members))


def optimizer_groups(module: FusionModule) -> list[dict[str, Any]]:
    """The optimiser's groups, each with its maximum rate."""
    made: Any = module.configure_optimizers()
    return [group | {"lr": group["initial_lr"]} for group in made["optimizer"].param_groups]


def flops(values: Values, module: FusionModule, step: Step) -> None:
    """FLOPs of forward and backward pass, by task."""
    for part in _by_task(step):
        values.exact(f"FLOPs: {part.batches[0].task}", count_flops(partial(gradients, module, part, split=False)))
    module.zero_grad(set_to_none=True)


@torch.no_grad()
def states(values: Values, module: FusionModule, assets: Assets, step: Step) -> None:
    """Text alone, then each task's states after every layer, and the logits or velocity of what is scored."""
    model = module.model
    ids = torch.arange(24).view(2, 12) * 7 % len(assets.tokenizer)
    alone = model.language_logits(ids)
    values.sketch("states: text alone, logits", alone)
    values.exact("states: text alone, as the language model's", torch.equal(alone, assets.llm(ids).logits))
    inputs = [model_input(batch) for batch in step.batches]
    by_layer = model.hidden_states(inputs, range(model.depth + 1))
    for place, (batch, (items, needed)) in enumerate(zip(step.batches, inputs, strict=True)):
        for number, (item, segment) in enumerate(zip(items, batch.segments, strict=True)):
            title = f"states: {batch.task}, {segment.modality} {number + 1}"
            lengths = getattr(item, "lengths", None)
            for layer, found in by_layer.items():
                if layer < model.depth or needed[number]:
                    values.sketch(f"{title}, layer {layer}", _real(found[place][number], lengths))
            if needed[number]:
                last = by_layer[model.depth][place][number]
                said = model.velocity(last) if segment.modality == "image" else _real(model.logits(last), lengths)
                values.sketch(f"{title}, output", said)


def losses(values: Values, module: FusionModule, step: Step, split: bool) -> None:
    """Every term by task, the whole loss, and its gradient by group; of two halves' means where ``split``."""
    with torch.no_grad():
        for part in _by_task(step):
            for name, mean in module.terms(part).items():
                values.numbers(f"loss: {name} of {part.batches[0].task}", [mean.sum.item() / max(1, mean.count)])
                values.exact(f"loss: {name} of {part.batches[0].task}, count", mean.count)
    values.numbers("loss: whole, as two ranks share it", [gradients(module, step, split=True)])
    module.zero_grad(set_to_none=True)
    values.numbers("loss: whole", [gradients(module, step, split)])
    for name, members in groups(module.model.named_parameters()).items():
        known = [p.grad for p in members if p.grad is not None]
        values.exact(f"gradient: {name}, has one", f"{len(known)} of {len(members)}")
        if known:
            values.sketch(f"gradient: {name}", joined(known))
    module.zero_grad(set_to_none=True)


def gradients(module: FusionModule, step: Step, split: bool) -> float:
    """Leave the gradients of the step in the parameters, and return its loss: at once, or as two ranks share it."""
    if not split:
        loss = module.total(module.terms(step))["loss"]
        loss.backward()
        return loss.item()
    terms = [module.terms(step.share(rank, 2)) for rank in range(2)]
    whole = {name: sum(each[name].count for each in terms) for name in terms[0]}
    total = 0.0
    for own in terms:
        shares = [2 * mean.count / whole[name] if whole[name] else 1.0 for name, mean in own.items()]
        half = module.total(own, shares)["loss"] / 2
        half.backward()
        total += half.item()
    return total


def choice(values: Values, config: Config, override: str, split: bool) -> None:
    """The same in brief where one setting has another value."""
    experiment = moved(config)
    module, step = experiment.module, experiment.mixture[0]
    title = f"choices: {override}"
    rules = [[group["lr"], group["weight_decay"], sum(p.numel() for p in group["params"])]
             for group in optimizer_groups(module)]  # fmt: skip
    values.exact(f"{title}, optimiser's groups", rules)
    with precision(module.model, config):
        with torch.no_grad():
            values.numbers(f"{title}, losses", [number.item() for number in module.total(module.terms(step)).values()])
            text = module.model.language_logits(torch.arange(12)[None] * 7 % len(experiment.assets.tokenizer))
        values.sketch(f"{title}, text alone", text)
        gradients(module, step, split)
    trained = module.average.trained.values()
    values.sketch(f"{title}, gradient", joined(p.grad for p in trained if p.grad is not None))


def _by_task(step: Step) -> Iterator[Step]:
    for batch in step.batches:
        yield Step((batch,))


def _real(states: Tensor, lengths: Tensor | None) -> Tensor:
    """Rows of tokens that are no padding."""
    if lengths is None:
        return states
    return states[torch.arange(states.shape[1]) < lengths[:, None]]

"""The LightningModule, the same for every architecture."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import cached_property, reduce
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from architectures.transformer import FusionTransformer
from bench.config.schema import TrainConfig
from bench.data.batches import Step
from bench.data.counts import counts_after, zero_counts
from bench.models.weights_digest import parameters_digest
from bench.runs import format_1
from bench.training.ema import MovingAverage
from bench.training.losses.base import Loss, Mean, Output
from bench.training.terms import add_heads, check_layers, losses_of, model_input


class NonFiniteLoss(RuntimeError):
    """Training diverged. The message names the step."""


class FusionModule(L.LightningModule):
    """Joint training on all tasks by all losses; the batches of a step share one forward and one backward pass."""

    strict_loading = False  # checkpoints hold trained weights only

    def __init__(self, model: FusionTransformer, train: TrainConfig, seed: int = 0) -> None:
        super().__init__()
        self.model, self.train_config = model, train
        self.losses = losses_of(train)
        for loss, _ in self.losses:
            check_layers(loss, model)
        add_heads(model, [loss for loss, _ in self.losses], seed)
        self.average = MovingAverage(model, train.ema_decay)
        self.last: dict[str, Tensor] = {}  # "loss", and every term of it as "loss_<name>"
        self.train_seconds = 0.0  # interruptions and evaluations left out
        self.counts = zero_counts(train.tasks)
        self.passive = {name for name in train.tasks if getattr(train, f"{name}_passive")}
        outside = [name for name, p in self.named_parameters() if p.requires_grad and not name.startswith("model.")]
        assert not outside, f"trained outside the model, so neither averaged nor saved: {outside}"

    @cached_property
    def frozen_digest(self) -> str:
        """Digest of all frozen weights, at the first call."""
        return self.digest_frozen()

    def digest_frozen(self) -> str:
        """Digest of all frozen weights now."""
        return parameters_digest((name, p) for name, p in self.model.named_parameters() if not p.requires_grad)

    def terms(self, step: Step) -> dict[str, Mean]:
        """Terms of the loss by name, over the step or a rank's share of it."""
        layers = {layer for loss, _ in self.losses for layer in loss.layers()} | {self.model.depth}
        states = self.model.hidden_states([model_input(batch) for batch in step.batches], layers)
        outputs = [
            Output(batch, states[self.model.depth][place], {layer: states[layer][place] for layer in layers})
            for place, batch in enumerate(step.batches)
        ]
        return {loss.name: self._measured(loss, outputs) for loss, _ in self.losses}

    def _measured(self, loss: Loss, outputs: Sequence[Output]) -> Mean:
        """A term over the tasks that are learnt. Passive ones are measured too, at a weight of exactly 0: their
        backward pass costs what it would, and gives gradients of 0."""
        if not self.passive:
            return loss.measure(self.model, outputs)
        learnt = loss.measure(self.model, [output for output in outputs if output.batch.task not in self.passive])
        idle = loss.measure(self.model, [output for output in outputs if output.batch.task in self.passive])
        return Mean(learnt.sum + 0.0 * idle.sum, learnt.count)

    def total(self, terms: Mapping[str, Mean], shares: Sequence[float] | None = None) -> dict[str, Tensor]:
        """The loss, and its terms: L = sum of weight x mean (paper, Eq. 1). ``shares`` scale the means of a rank."""
        means = [mean.sum / max(1, mean.count) for mean in terms.values()]
        if shares is not None:
            means = [share * mean for share, mean in zip(shares, means, strict=True)]
        weighted = [weight * mean for (_, weight), mean in zip(self.losses, means, strict=True)]
        parts = {f"loss_{name}": mean for name, mean in zip(terms, means, strict=True)}
        return {"loss": reduce(operator.add, weighted), **parts}

    def on_fit_start(self) -> None:
        """The parameters are on their device, and what a checkpoint held is loaded."""
        self.average.follow()

    def on_before_batch_transfer(self, step: Step, dataloader_idx: int) -> Step:
        """Count the whole step, which every rank has, and take this rank's share."""
        self.counts = counts_after(self.counts, step, self.model.patches.tokens)
        return step.share(self.global_rank, self.trainer.world_size)

    def training_step(self, step: Step, batch_idx: int) -> Tensor:
        terms = self.terms(step)
        parts = self.total(terms, self._shares(terms))
        self.last = self._over_ranks(parts)
        if not torch.isfinite(self.last["loss"]):  # on no rank or on all
            raise NonFiniteLoss(f"the loss is {self.last['loss'].item()} at step {self.global_step + 1}")
        return parts["loss"]

    def _shares(self, terms: Mapping[str, Mean]) -> list[float] | None:
        """Weight of each mean over a rank's rows, such that the average over ranks is the mean over the step."""
        world_size = self.trainer.world_size
        if world_size == 1:
            return None
        own = [mean.count for mean in terms.values()]
        counts = torch.tensor(own, dtype=torch.float64, device=self.device)
        every = self.trainer.strategy.reduce(counts, reduce_op="sum").tolist()
        return [world_size * mine / whole if whole else 1.0 for mine, whole in zip(own, every, strict=True)]

    def _over_ranks(self, parts: dict[str, Tensor]) -> dict[str, Tensor]:
        """Loss and terms of the whole step, from those of every rank."""
        if self.trainer.world_size == 1:
            return parts
        mean = self.trainer.strategy.reduce(torch.stack(list(parts.values())).detach(), reduce_op="mean")
        return dict(zip(parts, mean, strict=True))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.average.update()  # before any callback sees the step's end, so that a checkpoint holds it

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Lightning refuses to clip under a fused optimizer, for the sake of float16's scaled gradients; bfloat16 has
        no scaler, so nothing speaks against it."""
        plugin = self.trainer.precision_plugin
        if isinstance(plugin, MixedPrecision) and plugin.scaler is None:
            Precision.clip_gradients(plugin, optimizer, gradient_clip_val or 0.0)  # by norm
        else:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with linear warm-up (paper, Sec. 4.1). Scalars, norms and biases do not decay."""
        train = self.train_config
        scales = {
            f"blocks.{i}.{name}": scale
            for i, block in enumerate(self.model.blocks)
            for name, scale in block.learning_rate_scales().items()
        }
        groups: dict[tuple[float, float], list[Tensor]] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                decay = train.weight_decay if parameter.ndim > 1 else 0.0
                groups.setdefault((train.lr * scales.get(name, 1.0), decay), []).append(parameter)
        optimizer = AdamW(
            [{"params": params, "lr": lr, "weight_decay": decay} for (lr, decay), params in groups.items()],
            betas=(train.betas[0], train.betas[1]),
            fused=True,
        )
        schedule = LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        """Share of the maximum learning rate: linear warm-up, then constant or falling on a line to 0."""
        train = self.train_config
        if step < train.warmup_steps:
            return (step + 1) / (train.warmup_steps + 1)
        if train.lr_schedule == "constant":
            return 1.0
        return max(0.0, (train.steps - step) / max(1, train.steps - train.warmup_steps))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        trained = {f"model.{name}" for name in self.average.trained}
        checkpoint["state_dict"] = {k: v for k, v in checkpoint["state_dict"].items() if k in trained}
        checkpoint["average"] = self.average.state_dict()
        checkpoint["train_seconds"] = self.train_seconds
        checkpoint["seen"] = self.counts
        checkpoint["frozen_digest"] = self.frozen_digest

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.average.load_state_dict(checkpoint["average"])
        self.train_seconds = checkpoint["train_seconds"]
        self.counts = format_1.seen(checkpoint["seen"])

"""THE LightningModule: identical for every architecture."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import lightning as L
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from architectures.sequence import Image, Text
from architectures.transformer import FusionTransformer
from bench.config.schema import TrainConfig
from bench.data.counts import Seen
from bench.data.mixing import Pairs, Step
from bench.models.diffusion import noised, velocity_target
from bench.models.weights_digest import parameters_digest
from bench.training.ema import MovingAverage


class NonFiniteLoss(RuntimeError):
    """Training diverged. The message names the step."""


class Losses(NamedTuple):
    """The parts of L = text_weight L_AR + image_weight L_DM (paper, Eq. 1); zero where a step has no such task."""

    total: Tensor
    text: Tensor  # nats per scored caption token
    image: Tensor  # mean squared error of the velocity, per latent value


class FusionModule(L.LightningModule):
    """Joint training of drawing and describing. Both tasks of a step share one backward pass."""

    strict_loading = False  # checkpoints hold what is trained, not the frozen language model

    def __init__(self, model: FusionTransformer, train: TrainConfig) -> None:
        super().__init__()
        self.model, self.train_config = model, train
        self.average = MovingAverage(model, train.ema_decay)
        self.prompts: Callable[[Tensor, Tensor], Text] = Text  # of captions to be drawn: ids (B, n) and lengths (B,)
        self.last: Losses | None = None
        self.train_seconds = 0.0  # interruptions and evaluations left out
        self.seen = Seen()

    @cached_property
    def frozen_digest(self) -> str:
        """Of every weight that is not trained, as it was when first asked for."""
        return self.digest_frozen()

    def digest_frozen(self) -> str:
        """Of every weight that is not trained, as it is now."""
        return parameters_digest((name, p) for name, p in self.model.named_parameters() if not p.requires_grad)

    def losses(self, step: Step) -> Losses:
        """The joint loss of one step, each part a mean over what that task scores.

        Of a rank's share of a step it is what averages over all ranks to that.
        """
        train = self.train_config
        denoise = train.denoise_noisy_i2t and train.i2t_noise > 0  # noisy described pictures are targets too
        batches: list[tuple[tuple[Text | Image, ...], tuple[bool, bool]]] = []
        if step.t2i is not None:
            batches.append(((self.prompts(step.t2i.ids, step.t2i.lengths), _noisy(step.t2i)), (False, True)))
        if step.i2t is not None:
            caption = Text(step.i2t.ids[:, :-1], step.i2t.lengths - 1)
            batches.append(((_noisy(step.i2t), caption), (denoise, True)))
        states = iter(self.model.forward_many(batches))

        text, errors = torch.zeros((), device=self.device), []
        if step.t2i is not None:
            _, image_states = next(states)
            errors.append(self._squared_errors(image_states, step.t2i))
        if step.i2t is not None:
            image_states, text_states = next(states)
            text = step.shares.tokens * self._cross_entropy(text_states, step.i2t)
            if denoise:
                errors.append(self._squared_errors(image_states, step.i2t))
        image = torch.zeros((), device=self.device)
        if errors:
            image = (step.shares.images if denoise else step.shares.drawn) * torch.cat(errors).mean()
        return Losses(train.text_weight * text + train.image_weight * image, text, image)

    def _cross_entropy(self, states: Tensor, pairs: Pairs) -> Tensor:
        """Nats per caption token that follows a state (B, n-1, d); padding does not count."""
        positions = torch.arange(pairs.ids.shape[1] - 1, device=pairs.ids.device)
        scored = positions < (pairs.lengths - 1)[:, None]  # B n-1
        logits = self.model.logits(states[scored])  # scored V
        return F.cross_entropy(logits.float(), pairs.ids[:, 1:][scored])

    def _squared_errors(self, states: Tensor, pairs: Pairs) -> Tensor:
        """Of the velocity that an image's states (B, n, d) predict, (B, C, h, w)."""
        return (self.model.velocity(states).float() - velocity_target(pairs.latents, pairs.noise)).square()

    def on_fit_start(self) -> None:
        """The parameters are on their device, and what a checkpoint held is loaded."""
        self.average.follow()

    def on_before_batch_transfer(self, step: Step, dataloader_idx: int) -> Step:
        """Every rank has the whole step at hand, counts it, and takes its share."""
        self.seen = self.seen.after(step, self.model.patches.tokens)
        return step.share(self.global_rank, self.trainer.world_size)

    def training_step(self, step: Step, batch_idx: int) -> Tensor:
        losses = self.losses(step)
        self.last = self._over_ranks(losses)
        if not torch.isfinite(self.last.total):  # on no rank or on all
            raise NonFiniteLoss(f"the loss is {self.last.total.item()} at step {self.global_step + 1}")
        return losses.total

    def _over_ranks(self, losses: Losses) -> Losses:
        """Those of the whole step, of which each rank has worked on its share."""
        if self.trainer.world_size == 1:
            return losses
        return Losses(*self.trainer.strategy.reduce(torch.stack(losses).detach(), reduce_op="mean"))

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
        checkpoint["seen"] = self.seen._asdict()
        checkpoint["frozen_digest"] = self.frozen_digest

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.average.load_state_dict(checkpoint["average"])
        self.train_seconds = checkpoint["train_seconds"]
        self.seen = Seen(**checkpoint["seen"])


def _noisy(pairs: Pairs) -> Image:
    return Image(noised(pairs.latents, pairs.noise, pairs.sigma), pairs.sigma)

"""Faults in optimisation: schedule, decay groups, clipping, moving average."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.reliability.faults.planting import SCORING, TRAINING, Fault, slip, training_with


def slow_learning() -> None:
    """The learning rate is 0.3 times what was asked for."""
    from bench.training.module import FusionModule

    training_with(FusionModule, lambda train: replace(train, lr=0.3 * train.lr))


def warmup_from_zero() -> None:
    """The warm-up starts at a rate of 0, so the first step moves nothing."""
    from bench.training.module import FusionModule

    slip(FusionModule._rate, "(step + 1) / (train.warmup_steps + 1)", "step / train.warmup_steps")


def all_decay() -> None:
    """Norms, biases and gates decay as matrices do."""
    from bench.training.module import FusionModule

    slip(FusionModule.configure_optimizers, "train.weight_decay if parameter.ndim > 1 else 0.0", "train.weight_decay")


def default_betas() -> None:
    """AdamW has torch's own betas, not those of the settings."""
    from bench.training.module import FusionModule

    slip(FusionModule.configure_optimizers, "betas=(train.betas[0], train.betas[1]),", "")


def not_clipped() -> None:
    """Gradients are not clipped in float32."""
    from bench.training.module import FusionModule

    call = "(optimizer, gradient_clip_val, gradient_clip_algorithm)"
    slip(FusionModule.configure_gradient_clipping, f"super().configure_gradient_clipping{call}", "super()")


def average_behind() -> None:
    """The moving average takes in the weights before each step, not after it."""
    from bench.training.module import FusionModule

    step, update = "super().optimizer_step(*args, **kwargs)", "self.average.update()"
    slip(FusionModule.optimizer_step, f"{step}\n    {update}", f"{update}\n    {step}")


def average_not_applied() -> None:
    """The weights of the last step are evaluated, not their moving average."""
    from bench.training.ema import MovingAverage

    slip(MovingAverage.applied, "self._set(self.average)", "pass")


FAULTS = {
    "learning rate x 0.3": Fault(slow_learning, TRAINING),
    "warm-up from 0": Fault(warmup_from_zero, TRAINING),
    "weight decay on norms and biases": Fault(all_decay, TRAINING),
    "AdamW's default betas": Fault(default_betas, TRAINING),
    "gradients not clipped": Fault(not_clipped, TRAINING),
    "the average a step behind": Fault(average_behind, TRAINING),
    "the average not evaluated": Fault(average_not_applied, SCORING),
}

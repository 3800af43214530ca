"""Settings of one experiment, each with its type, range and default.

"Gap" marks what the paper leaves open: the default is then this project's documented choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from bench.config.checks import ranged
from bench.system.errors import UserError
from bench.system.plugins import plugins, source

LOSSES = {"text": "text_weight", "image": "image_weight"}  # always on, by their weight in `train`; text comes first
LOGGERS = ("csv", "tensorboard", "wandb", "mlflow")  # what runtime.loggers may name


@dataclass
class DataSettings:
    """Training and evaluation data. Every data set adds settings of its own (`bench/data/sets/`)."""

    name: str = "scenes"  # a file of bench/data/sets
    image_size: int = ranged(32, 8)  # pixels, square; paper: 256


@dataclass
class ModelConfig:
    """The architecture, and its pretrained networks: "embedded", a local folder, or a hub id."""

    architecture: str = "dual_tower"  # a file of architectures/
    llm: str = "embedded"  # causal language model; paper: Llama-3.2-1B for the ablations
    vae: str = "embedded"  # image autoencoder; paper: Stable Diffusion 1.5's
    patch_size: int = ranged(1, 1)  # latents per image token, along each side; paper: 2
    image_positions: Literal["sequential", "shared"] = "sequential"  # rotary positions of an image's tokens; gap
    image_delimiters: bool = False  # learned begin- and end-of-image tokens; gap
    image_attention: Literal["bidirectional", "causal"] = "bidirectional"  # inside an image; gap, hybrid assumed
    time_conditioning: Literal["add", "none"] = "add"  # how image tokens get their noise level; gap
    options: dict[str, Any] = field(default_factory=dict)  # the architecture's own (`python -m bench list`)
    # a control in place of the model that is asked for (docs/results.md)
    control: Literal["none", "random_language_model", "random_copy", "capacity_only"] = "none"


@dataclass
class TrainSettings:
    """Joint training: L = text_weight * L_AR + image_weight * L_DM, AdamW, linear warm-up.

    X-Fusion paper (arXiv 2504.20996), Eq. 1 and Sec. 4.1. Every task adds settings of its own (`bench/tasks/`).
    """

    steps: int = ranged(1500, 1)  # optimiser steps; paper: 100,000
    batch_size: int = ranged(48, 1)  # image-caption pairs a step, all tasks together; paper: 0.8M tokens
    lr: float = ranged(1e-4, 0, above=True)  # maximum learning rate; paper: 1e-4
    warmup_steps: int = ranged(50, 0)  # linear warm-up; paper: linear, length is a gap
    lr_schedule: Literal["constant", "linear"] = "constant"  # after warm-up: stay, or fall to 0 at the last step; gap
    betas: tuple[float, float] = (0.9, 0.95)  # AdamW; paper: these
    weight_decay: float = ranged(0.01, 0)  # AdamW; gap
    grad_clip: float = ranged(1.0, 0)  # largest gradient norm, 0 = no clipping; gap
    text_weight: float = ranged(0.2, 0)  # of the caption loss; paper: 0.2
    image_weight: float = ranged(1.0, 0)  # of the diffusion loss; paper: 1.0
    tasks: dict[str, int] = field(default_factory=dict)  # whole shares of a step's pairs; paper: 2 to 1
    losses: dict[str, Any] = field(default_factory=dict)  # further terms, train.losses.NAME.weight=0.5; paper: none
    timestep_distribution: Literal["logit_normal", "uniform"] = "logit_normal"  # of diffusion times; gap
    ema_decay: float = ranged(0.995, 0, 1)  # of the weights that are evaluated, per step, 0 = none; gap
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # of training and sampling; auto: what is fast here; gap


@dataclass
class EvalConfig:
    """Evaluation of a model. None of it changes training."""

    every: int = ranged(0, 0)  # also evaluate each so many steps along training, 0 = at the end only
    split: Literal["validation", "test"] = "test"  # tuning uses validation only
    num_images: int = ranged(512, 1)  # images generated from captions; paper: 30,000
    num_captions: int = ranged(512, 1)  # captions generated from images; paper: 30,000
    guidance_scale: float = ranged(2.0, 0)  # classifier-free guidance, 1 = none; paper: 5.5
    sampler: Literal["euler", "heun"] = "euler"  # of the flow's differential equation; gap
    sampler_steps: int = ranged(20, 1)  # gap
    batch_size: int = ranged(128, 1)  # samples at once
    max_caption_tokens: int = ranged(48, 1)  # a longer generated caption is cut
    seed: int = ranged(0, 0)  # of the initial noise: the same for every architecture
    clip: str = "embedded"  # CLIP model that scores: "embedded", folder or hub id
    features: str = "embedded"  # feature net under FID and KID: "embedded" or a folder; paper: Inception


@dataclass
class RuntimeConfig:
    """Machine, folders and processes of a run. Those that change rounding (`identity.ROUNDING`) are hashed too."""

    runs: str = "runs"  # folder of run folders
    cache: str = "cache"  # folder of files that can be computed again
    threads: int = ranged(1, 1)  # CPU threads per process
    compile: bool = False  # torch.compile the blocks; on CPUs it was no faster (`make bench`), on GPUs try it
    matmul_backend: Literal["auto", "blas", "onednn"] = "auto"  # of float32 matmuls on a CPU; auto: the faster
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"  # Lightning's
    devices: int = ranged(1, 1)  # processes that share each step: the losses of one, but for rounding (20 steps: 1e-5)
    strategy: Literal["auto", "ddp"] = "auto"  # Lightning's: auto is ddp where devices are several
    workers: int = ranged(0, 0)  # processes that prepare batches
    lease: float = ranged(60.0, 1)  # seconds without a heartbeat after which others may take a run over
    checkpoint_every: int = ranged(500, 1)  # steps between checkpoints, the most a kill can lose
    keep_checkpoints: int = ranged(2, 1)  # the newest that are kept; the last step's always is
    progress: bool = True  # a progress bar on terminals
    loggers: list[str] = field(default_factory=list)  # copies of metrics.jsonl: csv, tensorboard, wandb, mlflow


def _extended(
    name: str, base: type, kind: str, more: Callable[[Any], list[tuple[str, Any, Any]]] = lambda plugin: []
) -> type:
    """A dataclass of `base`'s fields, the settings of all its plug-ins, and `more` of each."""
    joined: dict[str, tuple[str, Any, Any]] = {}
    for plugin in plugins(kind).values():
        for setting in [*_own(plugin), *more(plugin)]:
            if setting[0] in joined or setting[0] in get_type_hints(base):
                raise UserError(f"{source(plugin)}: the setting '{setting[0]}' is taken; give it another name")
            joined[setting[0]] = setting
    return make_dataclass(name, joined.values(), bases=(base,), namespace={"__module__": base.__module__})


def _own(plugin: Any) -> list[tuple[str, Any, Any]]:
    """Name, type and field of every setting of a plug-in. Raises UserError where they cannot be read."""
    try:
        hints = get_type_hints(plugin.settings)
        return [(item.name, hints[item.name], _as_declared(item)) for item in fields(plugin.settings)]
    except Exception as error:  # a file dropped in may hold anything
        raise UserError(f"{source(plugin)}: its settings cannot be read ({type(error).__name__}: {error})") from error


def _as_declared(item: Any) -> Any:
    if item.default_factory is not MISSING:
        return field(default_factory=item.default_factory, metadata=item.metadata)
    if item.default is MISSING:
        raise TypeError(f"'{item.name}' has no default")
    return field(default=item.default, metadata=item.metadata)


def _of_task(task: Any) -> list[tuple[str, Any, Any]]:
    """A task's share as a fraction, a shorthand for `tasks` where there are two of them; and whether it is passive:
    its samples pass through the model, forward and backward, and its loss does not count."""
    share = ranged(None, 0, 1, title=f"share of {task.title} samples", unit="%")
    return [(f"{task.name}_fraction", float | None, share), (f"{task.name}_passive", bool, field(default=False))]


if TYPE_CHECKING:

    class DataConfig(DataSettings):
        """Settings of data, and every data set's own."""

        def __init__(self, **settings: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    class TrainConfig(TrainSettings):
        """Settings of training, and every task's own."""

        def __init__(self, **settings: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    DataConfig = _extended("DataConfig", DataSettings, "data set")
    TrainConfig = _extended("TrainConfig", TrainSettings, "task", _of_task)


@dataclass
class Config:
    """One experiment."""

    seed: int = ranged(0, 0)  # of weights, data order and noise
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

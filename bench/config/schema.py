"""One experiment's settings, each with its type, its range and its default.

"Gap" marks what the paper leaves open: the default is then this project's documented choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from bench.config.checks import ranged

LOGGERS = ("csv", "tensorboard", "wandb", "mlflow")  # what runtime.loggers may name

DATA_SETS = {
    "scenes": "the embedded world: rendered scenes with exact captions; difficulty by data.objects=1|2",
    "coco": "your own pictures in COCO-captions layout at data.root=FOLDER",
}


@dataclass
class DataConfig:
    """What is learned from."""

    name: Literal["scenes", "coco"] = "scenes"  # the embedded world, or a folder in COCO-captions layout
    root: str | None = None  # the folder, where the data set has one
    image_size: int = ranged(32, 8)  # pixels, square; paper: 256
    objects: int = ranged(1, 1, 2)  # objects in a scene: two must be bound to their attributes (scenes only)
    train_size: int = ranged(16384, 1)  # training scenes (scenes only; a folder is used whole)
    test_size: int = ranged(2048, 1)  # scenes in the test split, and in the validation split (scenes only)
    max_broken: int = ranged(0, 0)  # unreadable pictures to skip before refusing the folder


@dataclass
class ModelConfig:
    """What is compared, and the pretrained parts it stands on: "embedded", a local folder, or a hub id."""

    architecture: str = "dual_tower"  # a file of architectures/
    llm: str = "embedded"  # causal language model; paper: Llama-3.2-1B for the ablations
    vae: str = "embedded"  # image autoencoder; paper: Stable Diffusion 1.5's
    patch_size: int = ranged(1, 1)  # latents per image token, along each side; paper: 2
    image_positions: Literal["sequential", "shared"] = "sequential"  # rotary positions of an image's tokens; gap
    image_delimiters: bool = False  # learned begin- and end-of-image tokens; gap
    image_attention: Literal["bidirectional", "causal"] = "bidirectional"  # inside an image; gap, hybrid assumed
    time_conditioning: Literal["add", "none"] = "add"  # how image tokens learn their noise level; gap
    options: dict[str, Any] = field(default_factory=dict)  # the architecture's own (`python -m bench list`)


@dataclass
class TrainConfig:
    """Joint training: L = text_weight * L_AR + image_weight * L_DM, AdamW, linear warm-up.

    X-Fusion paper (arXiv 2504.20996), Eq. 1 and Sec. 4.1.
    """

    steps: int = ranged(1500, 1)  # optimiser steps; paper: 100,000
    batch_size: int = ranged(48, 1)  # image-caption pairs a step, both tasks together; paper: 0.8M tokens
    lr: float = ranged(1e-4, 0, above=True)  # maximum learning rate; paper: 1e-4
    warmup_steps: int = ranged(50, 0)  # linear warm-up; paper: linear, length is a gap
    lr_schedule: Literal["constant", "linear"] = "constant"  # after warm-up: stay, or fall to 0 at the last step; gap
    betas: tuple[float, float] = (0.9, 0.95)  # AdamW; paper: these
    weight_decay: float = ranged(0.01, 0)  # AdamW; gap
    grad_clip: float = ranged(1.0, 0)  # largest gradient norm, 0 = no clipping; gap
    text_weight: float = ranged(0.2, 0)  # of the caption loss; paper: 0.2
    image_weight: float = ranged(1.0, 0)  # of the diffusion loss; paper: 1.0
    t2i_fraction: float = ranged(0.6667, 0, 1)  # share of pairs that draw, the rest describe; paper: 2:1
    i2t_noise: float = ranged(0.0, 0, 1)  # cap on the noise of described pictures, as a share of T; paper: 0 is best
    denoise_noisy_i2t: bool = False  # noisy described pictures are denoising targets too (Transfusion does so)
    timestep_distribution: Literal["logit_normal", "uniform"] = "logit_normal"  # of diffusion times; gap
    caption_dropout: float = ranged(0.1, 0, 1)  # share of captions emptied for guidance; gap
    ema_decay: float = ranged(0.995, 0, 1)  # of the weights that are evaluated, per step, 0 = none; gap
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # of training and sampling; auto: what is fast here; gap


@dataclass
class EvalConfig:
    """How a model is scored. None of it changes training."""

    every: int = ranged(0, 0)  # also evaluate each so many steps along training, 0 = at the end only
    split: Literal["validation", "test"] = "test"  # tuning uses validation only
    num_images: int = ranged(512, 1)  # images drawn from captions; paper: 30,000
    num_captions: int = ranged(512, 1)  # pictures described; paper: 30,000
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
    """Where and with what it runs. What changes rounding (`identity.ROUNDING`) is part of a run's identity too."""

    runs: str = "runs"  # folder of run folders
    cache: str = "cache"  # folder of what can be computed again
    threads: int = ranged(1, 1)  # CPU threads per process
    compile: bool = False  # torch.compile the blocks; on CPUs it was no faster (`make bench`), on GPUs try it
    products: Literal["auto", "blas", "onednn"] = "auto"  # who multiplies float32 matrices on a CPU; auto: the faster
    keep_texts: bool = False  # keep in `cache` what a frozen text tower makes of captions to draw: 32 KB each
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"  # Lightning's
    devices: int = ranged(1, 1)  # processes that share each step: the losses of one, but for rounding (20 steps: 1e-5)
    strategy: Literal["auto", "ddp"] = "auto"  # Lightning's: auto is ddp where devices are several
    workers: int = ranged(0, 0)  # processes that prepare batches
    lease: float = ranged(60.0, 1)  # seconds without a heartbeat after which others may take a run over
    checkpoint_every: int = ranged(500, 1)  # steps between checkpoints, the most a kill can lose
    keep_checkpoints: int = ranged(2, 1)  # the newest ones that stay; the last step's always does
    progress: bool = True  # a progress bar on terminals
    loggers: list[str] = field(default_factory=list)  # mirrors of metrics.jsonl: csv, tensorboard, wandb, mlflow


@dataclass
class Config:
    """One experiment."""

    seed: int = ranged(0, 0)  # of weights, data order and noise
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

"""Train and check CLIP: a transformers CLIPModel on 32 x 32 images and captions. About 8 minutes on one core."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, PreTrainedTokenizerBase

from bench.models.pretrained import load_clip
from bench.scenes.grammar import captions
from bench.scenes.render import render_batch
from bench.scenes.scene import Scene, sample_scenes
from bench.zoo.alterations import altered, same_image
from bench.zoo.float_attention import use_float_attention
from bench.zoo.text import tokenizer

BOUNDS = {f"{way}_{k}": 0.9 for k in (1, 2) for way in ("text_to_image", "image_to_text", "tells_alteration")}
STEPS, GROUPS, GROUP = 1000, 32, 4  # a batch: groups of scenes that differ in one respect
POOL = 10240  # groups, half of them with one object
LEARNING_RATE, WARMUP, WEIGHT_DECAY, BETAS = 1e-3, 100, 0.05, (0.9, 0.98)
IMAGE_SIZE, MAX_LENGTH = 32, 96
PLACE_STD = 0.3  # of the image's position embeddings at the start
LARGEST_LOGIT_SCALE = 4.6052  # log 100, as in CLIP
CHECKED = 256  # scenes of each kind
TRAIN_SEED, CHECK_SEED = 2_000_000, 8_000_000


def train(folder: Path) -> None:
    """Train from scratch, deterministically; write float16 weights, the processor and a model card."""
    torch.manual_seed(TRAIN_SEED)
    rng = Random(TRAIN_SEED)
    processor = _new_processor()
    model = _new_model(processor.tokenizer)
    scenes, images = _pool(processor, rng)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    kept = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, STEPS, pct_start=WARMUP / STEPS, cycle_momentum=False, final_div_factor=100
    )
    started = time.time()
    for step in range(STEPS):
        rows = _batch(scenes, rng)
        texts = [rng.choice(captions(scenes[row])) for row in rows]
        loss = _loss(model, images[rows], processor.tokenizer(texts, padding=True, return_tensors="pt"))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        model.logit_scale.data.clamp_(max=LARGEST_LOGIT_SCALE)
        if step % 100 == 99:
            seconds = time.time() - started
            line = f"clip: step {step + 1}/{STEPS}, loss {loss.item():.4f}, {seconds:.0f} s"
            print(line, file=sys.stderr, flush=True)
    model.set_attn_implementation("sdpa")
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "README.md").write_text(_card(measure(*load_clip(str(folder)))), encoding="utf-8")


def check() -> dict[str, float]:
    """Measure the committed model on fresh scenes; see `measure`."""
    return measure(*load_clip("embedded"))


def measure(model: CLIPModel, processor: CLIPProcessor) -> dict[str, float]:
    """Measure retrieval for one and two objects, among scenes of pairwise different attributes, a full caption each.

    Recall at 1 both ways; how often the caption beats that of the scene with one thing altered ("tells_alteration");
    and the mean cosines of matching, altered and foreign captions.
    """
    found: dict[str, float] = {}
    for objects in (1, 2):
        rng = Random(CHECK_SEED)
        drawn = {same_image(scene): scene for scene in sample_scenes("zoo", 2 * CHECKED, objects, CHECK_SEED)}
        scenes = list(drawn.values())[:CHECKED]
        images = embed_images(model, processor, render_batch(scenes))  # (n, 64)
        texts = embed_texts(model, processor, [rng.choice(captions(scene)) for scene in scenes])
        wrong = embed_texts(model, processor, [rng.choice(captions(altered(scene, rng))) for scene in scenes])
        cosines, truth = images @ texts.T, torch.arange(len(scenes))  # (n images, n texts)
        matching, altered_cosines = cosines.diag(), (images * wrong).sum(-1)
        found |= {
            f"text_to_image_{objects}": _mean(cosines.argmax(0) == truth),
            f"image_to_text_{objects}": _mean(cosines.argmax(1) == truth),
            f"tells_alteration_{objects}": _mean(matching > altered_cosines),
            f"cosine_matching_{objects}": _mean(matching),
            f"cosine_altered_{objects}": _mean(altered_cosines),
            f"cosine_foreign_{objects}": _mean(cosines[~torch.eye(len(scenes), dtype=torch.bool)]),
        }
    return found


@torch.inference_mode()
def embed_images(model: CLIPModel, processor: CLIPProcessor, images: np.ndarray) -> Tensor:
    """Unit vectors (n, 64) of uint8 images (n, H, W, 3)."""
    pixels = processor(images=list(images), return_tensors="pt")
    return F.normalize(model.get_image_features(**pixels).pooler_output, dim=-1)


@torch.inference_mode()
def embed_texts(model: CLIPModel, processor: CLIPProcessor, texts: list[str]) -> Tensor:
    """Unit vectors (n, 64) of texts."""
    tokens = processor(text=texts, padding=True, truncation=True, return_tensors="pt")
    return F.normalize(model.get_text_features(**tokens).pooler_output, dim=-1)


def _new_processor() -> CLIPProcessor:
    image_processor = CLIPImageProcessor(
        size={"shortest_edge": IMAGE_SIZE}, crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    )
    return CLIPProcessor(image_processor, tokenizer.build(MAX_LENGTH, end=True))


def _new_model(words: PreTrainedTokenizerBase) -> CLIPModel:
    tower = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4}
    text = {
        "num_hidden_layers": 3,
        "vocab_size": len(words),
        "max_position_embeddings": MAX_LENGTH,
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,  # pooling takes its first occurrence
        "pad_token_id": words.pad_token_id,
    }
    vision = {"num_hidden_layers": 4, "image_size": IMAGE_SIZE, "patch_size": 8}
    model = CLIPModel(CLIPConfig(text_config=tower | text, vision_config=tower | vision, projection_dim=64))
    with torch.no_grad():  # at the customary 0.02 places drown in the patches, and left is never told from right
        model.vision_model.embeddings.position_embedding.weight.mul_(PLACE_STD / 0.02)
    use_float_attention(model)
    return model


def _pool(processor: CLIPProcessor, rng: Random) -> tuple[list[Scene], Tensor]:
    """Groups of a scene and alterations of it, one after the other, and their normalised pixels (n, 3, 32, 32)."""
    ones = POOL // 2
    bases = sample_scenes("zoo", ones, 1, TRAIN_SEED) + sample_scenes("zoo", POOL - ones, 2, TRAIN_SEED)
    scenes = [scene for base in bases for scene in (base, *(altered(base, rng) for _ in range(GROUP - 1)))]
    pixels = torch.from_numpy(render_batch(scenes)).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(getattr(processor.image_processor, f"image_{name}")) for name in ("mean", "std"))
    return scenes, (pixels - mean[:, None, None]) / std[:, None, None]


def _batch(scenes: list[Scene], rng: Random) -> list[int]:
    """Rows of whole groups, without those that show what an earlier row shows."""
    chosen = [group * GROUP + i for group in rng.sample(range(POOL), GROUPS) for i in range(GROUP)]
    return list({same_image(scenes[row]): row for row in chosen}.values())


def _loss(model: CLIPModel, pixels: Tensor, tokens: dict[str, Tensor]) -> Tensor:
    """CLIP's symmetric cross entropy over the batch."""
    with torch.autocast("cpu", torch.bfloat16):
        images = model.get_image_features(pixel_values=pixels).pooler_output  # (n, 64)
        texts = model.get_text_features(**tokens).pooler_output  # (n, 64)
    logits = model.logit_scale.exp() * F.normalize(images.float(), dim=-1) @ F.normalize(texts.float(), dim=-1).T
    truth = torch.arange(len(logits))
    return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2


def _mean(values: Tensor) -> float:
    return values.float().mean().item()


def _card(measured: dict[str, float]) -> str:
    names = dict.fromkeys(name[:-2] for name in measured)
    rows = "\n".join(f"| {name} | {measured[f'{name}_1']:.4f} | {measured[f'{name}_2']:.4f} |" for name in names)
    return f"""# CLIP

A transformers `CLIPModel` with its `CLIPProcessor`: images are brought to 32 x 32, texts use the vocabulary of the
zoo's language model, embeddings have 64 dimensions. Weights are stored in float16.

Made by `python -m bench zoo build clip`: {STEPS} steps of about {GROUPS * GROUP} images, each with one of its five
captions; a batch consists of groups of {GROUP} scenes that differ in one attribute or in which object has it, so that a
wrong attribute costs.

Measured on {CHECKED} fresh scenes of pairwise different attributes, a full caption each: recall at 1 both ways, how
often a caption beats the caption of a scene with one thing altered, and mean cosines.

| | one object | two objects |
|---|---|---|
{rows}

It knows the synthetic scenes and their captions only; its scores are comparable with no other CLIP's.
"""

"""Build the model of a config: the pretrained language model, one architecture's blocks, fresh image embeddings."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from architectures.sequence import ImageTokens
from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.system.errors import UserError

PROBE_TOKENS = 16


def build_model(config: Config, llm: PreTrainedModel, latent_channels: int, latent_size: int) -> FusionTransformer:
    """A model at step 0. What is random in it depends on the seed alone, so all architectures start as one function.

    Raises:
        UserError: ``llm`` is of a family whose layers are not made as Llama's are.
    """
    settings = config.model
    image = ImageTokens(
        channels=latent_channels,
        size=latent_size,
        patch_size=settings.patch_size,
        positions=settings.image_positions,
        delimiters=settings.image_delimiters,
        attention=settings.image_attention,
        time_conditioning=settings.time_conditioning,
    )
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = FusionTransformer(llm, settings.architecture, image, settings.options)
        same = _speaks_as(llm, model)
    except AttributeError as error:
        raise UserError(f"model.llm={settings.llm}: its layers are not made as Llama's are ({error})") from error
    if not same:
        raise UserError(
            f"model.llm={settings.llm}: its text-only logits are not reproduced, so its family "
            f"({llm.config.model_type}) needs handling of its own; use a Llama-like model"
        )
    return model


@torch.inference_mode()
def _speaks_as(llm: PreTrainedModel, model: FusionTransformer) -> bool:
    """Whether text alone gives exactly the untouched language model's logits: what is silently different in a family
    (norms on queries, scaled residuals, windows) would spoil every comparison."""
    ids = torch.arange(PROBE_TOKENS, device=llm.device)[None] * 7 % llm.config.vocab_size
    return torch.equal(model.language_logits(ids), llm(ids).logits)

"""Build the model of a config: the pretrained language model, one architecture's blocks, fresh image embeddings."""

from __future__ import annotations

import torch
from transformers import PreTrainedConfig, PreTrainedModel

import architectures
from architectures.decoder import language_states
from architectures.patches import ImageTokens
from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.models.controls import go_without_frozen, random_language_model, start_at_random
from bench.system.errors import UserError

PROBE_TOKENS = 16


def build_model(
    config: Config, llm: PreTrainedModel, latent_channels: int, latent_size: int, longest: int = 0
) -> FusionTransformer:
    """A model at step 0. Its random weights depend on the seed alone, so all architectures start as one function.

    ``longest`` is the run's longest sequence in tokens; 0 skips the test, as the embedded model is known to pass.

    Raises:
        UserError: ``llm`` is of a family whose layers are not made as Llama's are, or not over so many tokens; or the
            architecture declares frozen language, and its text-only logits differ.
    """
    settings = config.model
    for name, limit in _limits(llm.config).items():
        if longest > limit:
            raise UserError(
                f"model.llm={settings.llm}: {name}={limit} is less than this run's longest sequence, {longest} tokens, "
                "and what lies beyond is not handled; use a model that reaches further, or smaller images or captions"
            )
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
        same = _reproduced(llm, longest)
    except AttributeError as error:
        raise UserError(f"model.llm={settings.llm}: its layers are not made as Llama's are ({error})") from error
    if not same:
        raise UserError(
            f"model.llm={settings.llm}: its text-only logits are not reproduced, so its family "
            f"({llm.config.model_type}) needs handling of its own; use a Llama-like model"
        )
    model = _at_step_0(config, llm, image)
    promised = architectures.catalogue()[settings.architecture].language_frozen(settings.options)
    if promised and settings.control != "capacity_only" and not _kept(llm, model):
        raise UserError(
            f"model.architecture={settings.architecture}: it declares language_frozen, but its text-only logits "
            "at step 0 are not the language model's"
        )
    return model


def _at_step_0(config: Config, llm: PreTrainedModel, image: ImageTokens) -> FusionTransformer:
    """The model of the config's control, if there is one. ``llm`` is random already where that is the control."""
    settings = config.model

    def built(llm: PreTrainedModel) -> FusionTransformer:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            return FusionTransformer(llm, settings.architecture, image, settings.options)

    model = built(llm)
    if settings.control == "random_copy":
        if not start_at_random(model, built(random_language_model(llm, config.seed))):
            raise UserError(
                f"model.control: random_copy has no meaning for {settings.architecture}: nothing that it trains is a "
                "copy of the language model"
            )
    elif settings.control == "capacity_only":
        go_without_frozen(model)
    return model


def _limits(config: PreTrainedConfig) -> dict[str, int]:
    """Sequence lengths beyond which a language model ignores tokens or changes its rotary positions."""
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"]  # without: all layers, if there is a window
    rope = getattr(config, "rope_parameters", None) or {}
    found = {}
    if "sliding_attention" in kinds and getattr(config, "use_sliding_window", True):
        found["sliding_window"] = getattr(config, "sliding_window", None)
    if "chunked_attention" in kinds:
        found["attention_chunk_size"] = config.attention_chunk_size
    if rope.get("rope_type") in ("dynamic", "longrope"):
        trained = rope.get("original_max_position_embeddings") or config.max_position_embeddings
        found[f"the range of its {rope['rope_type']} rope"] = trained
    return {name: limit for name, limit in found.items() if limit is not None}


@torch.inference_mode()
def _reproduced(llm: PreTrainedModel, longest: int) -> bool:
    """Whether plain decoder blocks give exactly the untouched language model's text-only logits.

    Differences of a model family (norms on queries, scaled residuals) would bias every comparison. Over ``longest``
    tokens, if those are more than the probe's, the head's inputs are compared: logits would be large.
    """
    ids = _probe(llm, PROBE_TOKENS)  # 1 n
    if not torch.equal(llm.lm_head(language_states(llm.model, ids)), llm(ids).logits):
        return False
    if longest <= PROBE_TOKENS:
        return True
    ids = _probe(llm, longest)  # 1 n
    return torch.equal(language_states(llm.model, ids), llm.model(ids, use_cache=False).last_hidden_state)


@torch.inference_mode()
def _kept(llm: PreTrainedModel, model: FusionTransformer) -> bool:
    """Whether text alone gives exactly the untouched language model's logits."""
    ids = _probe(llm, PROBE_TOKENS)  # 1 n
    return torch.equal(model.language_logits(ids), llm(ids).logits)


def _probe(llm: PreTrainedModel, tokens: int) -> torch.Tensor:
    return torch.arange(tokens, device=llm.device)[None] * 7 % llm.config.vocab_size

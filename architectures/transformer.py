"""The model of an architecture: token embeddings, fusion blocks, text and image heads.

Shapes: B rows, n tokens of a segment, d width, V vocabulary, C x h x w latents, p patch size.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

import architectures
from architectures.base import IMAGE, Segment, SequenceBatch
from architectures.decoder import DecoderBlock
from architectures.patches import ImageTokens
from architectures.sequence import Image, Past, Placement, Text, attention_mask, valid_tokens

Batch = tuple[Sequence[Text | Image], Sequence[bool]]  # items of one layout, and which of them need an output
Continuation = tuple[Sequence[Text | Image], Sequence[bool], Past]  # a batch and the past that it is appended to


class FusionTransformer(nn.Module):
    """Language model ``llm`` extended with an image modality by an architecture; its layers are copied, not changed.

    Token embedding, final norm and language head are frozen, and what the architecture's blocks freeze.
    """

    def __init__(
        self, llm: PreTrainedModel, architecture: str, image: ImageTokens, options: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        body = llm.model
        self.embed_tokens = copy.deepcopy(body.embed_tokens).requires_grad_(False)
        self.rotary = copy.deepcopy(body.rotary_emb)
        self.norm = copy.deepcopy(body.norm).requires_grad_(False)
        self.lm_head = copy.deepcopy(llm.lm_head).requires_grad_(False)
        block, options = architectures.get(architecture), options or {}
        self.blocks = block.stack(body.layers, **options)
        self.image = image
        self.patches = block.image_input(image, width=llm.config.hidden_size, norm=body.norm, **options)
        self.heads = nn.ModuleDict()  # trained heads of losses: averaged, saved and hashed with the model

    @property
    def depth(self) -> int:
        """Number of blocks, which need not be the language model's number of layers."""
        return len(self.blocks)

    @property
    def device(self) -> torch.device:
        return self.norm.weight.device

    def compile_blocks(self) -> None:
        """Compile what follows attention in every decoder block; sizes are dynamic, so that it compiles once."""
        for module in self.modules():
            if isinstance(module, DecoderBlock):
                module.finish = torch.compile(module.finish, dynamic=True)  # type: ignore[method-assign]

    def forward(
        self,
        items: Sequence[Text | Image],
        past: Past | None = None,
        needs_output: Sequence[bool] | None = None,
    ) -> tuple[list[Tensor], Past]:
        """Run ``items`` after ``past``: the final states of each, (B, n, d) before norm and head, and the longer past.

        The past given is unchanged. Items that need no output (default: all do) are only attended to: their final
        states mean nothing.
        """
        past = self._empty_past(items) if past is None else past.fork()
        (states,) = self._states([(items, needs_output or [True] * len(items), past)], [self.depth])[self.depth]
        return states, past

    def forward_many(self, batches: Sequence[Batch]) -> list[list[Tensor]]:
        """Run several batches, each of its own layout, in one pass: final states as `forward` gives them one by one."""
        return self.hidden_states(batches, [self.depth])[self.depth]

    def hidden_states(self, batches: Sequence[Batch], layers: Collection[int]) -> dict[int, list[list[Tensor]]]:
        """Run several batches in one pass; states after each of ``layers``, by layer, batch and item: (B, n, d) each.

        Layer k is the output of the k-th block, 0 the embeddings, ``depth`` the final states, which mean nothing for
        items that need no output.
        """
        return self._states([(*batch, self._empty_past(batch[0])) for batch in batches], layers)

    def decode_step(self, items: Sequence[Text | Image], pasts: Sequence[Past]) -> list[Tensor]:
        """Run an item after each past in one pass; pasts stay as they are. A past of one row serves all rows."""
        batches = [([item], [True], past.fork()) for item, past in zip(items, pasts, strict=True)]
        return [states for (states,) in self._states(batches, [self.depth])[self.depth]]

    def _empty_past(self, items: Sequence[Text | Image]) -> Past:
        return Past.empty(tuple(item.kind for item in items), self.depth)

    def _states(self, batches: Sequence[Continuation], layers: Collection[int]) -> dict[int, list[list[Tensor]]]:
        """Run the batches, appending each to its past; states by layer asked for, batch and item."""
        assert all(0 <= layer <= self.depth for layer in layers), f"layers {layers} of {self.depth}"
        found = {}
        for layer, segments in enumerate(self._layers(batches)):
            if layer in layers:
                found[layer] = [[segment.hidden for segment in own] for own in segments]
        return found

    def _layers(self, batches: Sequence[Continuation]) -> Iterator[list[list[Segment]]]:
        """Yield each batch's segments: embedded, then after every layer."""
        segments = [[self._enter(item, past) for item in items] for items, _, past in batches]
        yield segments
        for layer, block in enumerate(self.blocks, start=1):
            inputs = [
                SequenceBatch(own, [needed or layer < self.depth for needed in needs_output], past.caches[layer - 1])
                for own, (_, needs_output, past) in zip(segments, batches, strict=True)
            ]
            segments = block(inputs)
            yield segments

    def logits(self, states: Tensor) -> Tensor:
        """Next-token logits of a text segment's final states: (..., d) -> (..., V)."""
        return self.lm_head(self.norm(states))

    def velocity(self, states: Tensor) -> Tensor:
        """Predicted velocity from an image segment's final states: (B, n, d) -> (B, C, h, w)."""
        return self.patches.head(states)

    def language_logits(self, ids: Tensor) -> Tensor:
        """Next-token logits of a text-only layout: (B, n) -> (B, n, V)."""
        (states,), _ = self([Text(ids)])
        return self.logits(states)

    def _enter(self, item: Text | Image, past: Past) -> Segment:
        """Embed an item, position it after the past, and append it there."""
        conditioning = None
        if isinstance(item, Image):
            hidden = self.patches(item.latents, item.sigma)  # B n d
            conditioning = self.patches.conditioning(item.sigma)
            causal = self.image.attention == "causal"
        else:
            hidden = self.embed_tokens(item.ids)  # B n d
            causal = True
        rows, tokens, _ = hidden.shape
        valid = valid_tokens(item)
        steps = torch.arange(tokens, device=hidden.device)
        count: Tensor | int = tokens if valid is None else valid.sum(1, keepdim=True)
        if item.kind == IMAGE and self.image.positions == "shared":
            steps, count = torch.zeros_like(steps), 1
        size = (item.kind, rows, tokens)
        if size not in past.placements:
            cosines, sines = self.rotary(hidden, (past.position + steps).view(-1, tokens))  # B or 1 n D
            rope = cosines.expand(rows, -1, -1), sines.expand(rows, -1, -1)
            mask = attention_mask(past, tokens, causal, rows, hidden.device)
            past.placements[size] = Placement(rope, *mask)
        placement = past.placements[size]
        past.grow(tokens, valid, count)
        return Segment(item.kind, hidden, *placement, IMAGE in past.layout, conditioning)

"""A pretrained language model with an image modality: embeddings, N fusion blocks, text and image heads.

Shapes: B rows, n tokens of a segment, d width, V vocabulary, C x h x w latents, p patch size.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

import architectures
from architectures.base import IMAGE, TEXT, Segment, Strand
from architectures.decoder import DecoderBlock
from architectures.patches import Patches
from architectures.sequence import Image, ImageTokens, Past, Place, Text, valid_tokens, visibility


class FusionTransformer(nn.Module):
    """One of the architectures on top of ``llm``, which is not changed: its layers are copied.

    Frozen are the token embedding, the final norm and the language head, and what the architecture's blocks freeze.
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
        self.blocks = architectures.get(architecture).stack(body.layers, **(options or {}))
        self.image = image
        self.patches = Patches(image, width=llm.config.hidden_size, norm=body.norm)

    @property
    def device(self) -> torch.device:
        return self.norm.weight.device

    def compile_blocks(self) -> None:
        """Let torch.compile fuse what follows attention in every block; sizes stay free, so that it compiles once."""
        for module in self.modules():
            if isinstance(module, DecoderBlock):
                module.finish = torch.compile(module.finish, dynamic=True)  # type: ignore[method-assign]

    def forward(
        self,
        items: Sequence[Text | Image],
        past: Past | None = None,
        wanted: Sequence[bool] | None = None,
    ) -> tuple[list[Tensor], Past]:
        """Map ``items`` after ``past``. Returns the final states of each, (B, n, d) before norm and head, and the past
        with the items added, which leaves the one given as it was.

        Items that are not ``wanted`` (default: all are) are only read: their final states mean nothing.
        """
        past = self._empty_past(items) if past is None else past.fork()
        (states,) = self._mapped([(items, wanted or [True] * len(items), past)])
        return states, past

    def together(self, batches: Sequence[tuple[Sequence[Text | Image], Sequence[bool]]]) -> list[list[Tensor]]:
        """Map several batches of (items, wanted), each of its own layout, as `forward` would one by one, but faster."""
        return self._mapped([(items, wanted, self._empty_past(items)) for items, wanted in batches])

    def go_on(self, items: Sequence[Text | Image], pasts: Sequence[Past]) -> list[Tensor]:
        """Map an item after each past, as `forward` would one by one, but faster. Rows of a past may be 1 for all."""
        states = self._mapped([([item], [True], past.fork()) for item, past in zip(items, pasts, strict=True)])
        return [each for (each,) in states]

    def _empty_past(self, items: Sequence[Text | Image]) -> Past:
        return Past.empty(tuple(item.kind for item in items), len(self.blocks))

    def _mapped(
        self, batches: Sequence[tuple[Sequence[Text | Image], Sequence[bool], Past]]
    ) -> list[list[Tensor]]:
        """The final states of each batch's items; its past grows by them."""
        (segments,) = deque(self._layers(batches), maxlen=1)  # what left the last layer; no other's is held
        return [[segment.hidden for segment in own] for own in segments]

    def _layers(
        self, batches: Sequence[tuple[Sequence[Text | Image], Sequence[bool], Past]]
    ) -> Iterator[list[list[Segment]]]:
        """Each batch's segments as they leave one layer after the other."""
        segments = [[self._enter(item, past) for item in items] for items, _, past in batches]
        for layer, block in enumerate(self.blocks):
            last = layer == len(self.blocks) - 1
            strands = []
            for own, (items, wanted, past) in zip(segments, batches, strict=True):
                to_map = [
                    item.states is None and (is_wanted or not last)
                    for item, is_wanted in zip(items, wanted, strict=True)
                ]
                strands.append(Strand(_with_given(items, own, layer), to_map, past.memories[layer]))
            segments = block(strands)
            yield segments

    def text_states(self, text: Text) -> list[Tensor]:
        """What each layer but the first gets of text that stands before an image: (B, n, d) each."""
        past = Past.empty((TEXT, IMAGE), len(self.blocks))
        return [segment.hidden for ((segment,),) in self._layers([([text], [False], past)])][:-1]

    def text_is_constant(self) -> bool:
        """Whether frozen weights alone map text that stands before an image: its states are constants of training."""
        word = torch.zeros(1, 1, dtype=torch.long, device=self.device)
        with torch.enable_grad():
            return not any(states.requires_grad for states in self.text_states(Text(word)))

    def logits(self, states: Tensor) -> Tensor:
        """Scores of the next token from a text segment's final states: (..., d) -> (..., V)."""
        return self.lm_head(self.norm(states))

    def velocity(self, states: Tensor) -> Tensor:
        """Predicted velocity from an image segment's final states: (B, n, d) -> (B, C, h, w)."""
        return self.patches.head(states)

    def language_logits(self, ids: Tensor) -> Tensor:
        """Scores of a layout of text alone: (B, n) -> (B, n, V)."""
        (states,), _ = self([Text(ids)])
        return self.logits(states)

    def _enter(self, item: Text | Image, past: Past) -> Segment:
        """Embed an item, place it after the past, and note it there."""
        if isinstance(item, Image):
            hidden = self.patches(item.latents, item.sigma)  # B n d
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
        if size not in past.places:
            cosines, sines = self.rotary(hidden, (past.position + steps).view(-1, tokens))  # B or 1 n D
            rope = cosines.expand(rows, -1, -1), sines.expand(rows, -1, -1)
            past.places[size] = Place(rope, *visibility(past, tokens, causal, rows, hidden.device))
        place = past.places[size]
        past.grow(tokens, valid, count)
        return Segment(item.kind, hidden, *place, with_image=IMAGE in past.layout)


def _with_given(items: Sequence[Text | Image], segments: list[Segment], layer: int) -> list[Segment]:
    """The segments, with the states that are given for this layer."""
    return [
        segment if item.states is None or layer == 0 else replace(segment, hidden=item.states[layer - 1])
        for item, segment in zip(items, segments, strict=True)
    ]

"""What is left of the language: a model at step 0, the same with noise on its logits, and models with known answers."""

from __future__ import annotations

import torch
from torch import Tensor

from architectures.sequence import Text
from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.data.assets import World
from bench.evaluation import scoring
from bench.evaluation.selftest.checks import Check, equals, keeps, worsens
from bench.models.build import build_model

NOISES = (0.75, 1.0, 1.5, 2.0)  # deviation of the noise, as a share of the logits' own
CERTAIN = 100.0  # a logit that leaves next to nothing to the others, and nothing infinite


def language_checks(world: World, config: Config) -> list[Check]:
    """None where nothing lies beside the language model to examine it by."""
    if not world.exam and not world.texts:
        return []
    model = build_model(config, world.llm, *world.latent_shape[:2]).eval()
    spoilt = [model, *[Noisy(model, grade, config.seed) for grade in NOISES]]
    graded = [scoring.language_scores(speaker, world, config) for speaker in spoilt]  # type: ignore[arg-type]
    found = []
    for metric, score in graded[0].items():
        demand = keeps if metric.endswith("_before") else worsens
        found.append(demand(metric, "noise on the fused model's logits", [scores[metric] for scores in graded]))
        if metric.endswith("_after"):
            before = graded[0][metric.replace("_after", "_before")]
            found.append(equals(metric, "at step 0: as before", score.value, before.value, 1e-5 * abs(before.value)))
    return found + _known(world, config, model.device)


def _known(world: World, config: Config, device: torch.device) -> list[Check]:
    """Models whose scores are known beforehand."""
    words = len(world.tokenizer)
    speakers = {"knows every token": 1, "knows none": 2, "guesses": 0}
    expected = {"exam_after": (1.0, 0.0, None), "perplexity_after": (1.0, None, float(words))}
    found = []
    for place, (name, ahead) in enumerate(speakers.items()):
        model = Known(ahead, words, device)
        scores = scoring.language_scores(model, world, config)  # type: ignore[arg-type]
        for metric, answers in expected.items():
            answer = answers[place]
            if metric in scores and answer is not None:
                found.append(equals(metric, name, scores[metric].value, answer, 1e-4 * max(answer, 1)))
    return found


class Noisy:
    """As much of a model as is asked about language, with noise on its logits."""

    def __init__(self, model: FusionTransformer, grade: float, seed: int) -> None:
        self.model, self.grade, self.device = model, grade, model.device
        self.random = torch.Generator(self.device).manual_seed(seed)

    def __call__(self, items: list[Text]) -> tuple[list[Tensor], object]:
        return self.model(items)  # B n d

    def logits(self, states: Tensor) -> Tensor:
        clean = self.model.logits(states)  # B n V
        noise = torch.randn(clean.shape, generator=self.random, device=self.device)
        return clean + self.grade * clean.std() * noise


class Known:
    """No model: it has read the text, and is certain of the token after the next, of the next, or of nothing."""

    def __init__(self, ahead: int, words: int, device: torch.device) -> None:
        self.ahead, self.words, self.device = ahead, words, device

    def __call__(self, items: list[Text]) -> tuple[list[Tensor], object]:
        return [items[0].ids], None  # B n

    def logits(self, states: Tensor) -> Tensor:
        if self.ahead == 0:
            return torch.zeros(*states.shape, self.words, device=states.device)
        token = states.roll(-1, 1)  # B n
        token = token if self.ahead == 1 else (token + 1) % self.words
        return CERTAIN * torch.nn.functional.one_hot(token, self.words).float()  # B n V

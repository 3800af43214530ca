"""Checks of language metrics: a model at step 0, the same with noise on its logits, and models with known answers."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from architectures.transformer import FusionTransformer
from bench.config.schema import Config
from bench.data.assets import Assets
from bench.evaluation import scoring
from bench.evaluation.metrics.base import Score
from bench.evaluation.selftest.checks import Check, equals, keeps, worsens
from bench.models.build import build_model

NOISES = (0.75, 1.0, 1.5, 2.0)  # deviation of the noise, as a share of the logits' own
CERTAIN = 100.0  # a logit that leaves next to nothing to the others, and nothing infinite


def language_checks(assets: Assets, config: Config) -> list[Check]:
    """Checks of exact-match QA and perplexity; none where the language model has no questions or texts beside it."""
    if not assets.exam and not assets.texts:
        return []
    model = build_model(config, assets.llm, *assets.latent_shape[:2]).eval()
    spoilt = [model, *[Noisy(model, grade, config.seed) for grade in NOISES]]
    graded = [scoring.language_scores(speaker, assets, config) for speaker in spoilt]  # type: ignore[arg-type]
    found = []
    for metric, score in graded[0].items():
        found.append(worsens(metric, "noise on the fused model's logits", [scores[metric] for scores in graded]))
        before = [_before(scores[metric]) for scores in graded]
        found.append(keeps(metric, "before training, whatever noise", before))
        found.append(equals(metric, "at step 0: as before", score.value, before[0].value, 1e-5 * abs(before[0].value)))
    return found + _known(assets, config, model.device)


def _before(score: Score) -> Score:
    assert score.before is not None
    return replace(score, value=score.before)


def _known(assets: Assets, config: Config, device: torch.device) -> list[Check]:
    """Models whose scores are known beforehand."""
    words = len(assets.tokenizer)
    speakers = {"knows every token": 1, "knows none": 2, "guesses": 0}
    expected = {"exam": (1.0, 0.0, None), "perplexity": (1.0, None, float(words))}
    found = []
    for place, (name, ahead) in enumerate(speakers.items()):
        model = Known(ahead, words, device)
        scores = scoring.language_scores(model, assets, config)  # type: ignore[arg-type]
        for metric, answers in expected.items():
            answer = answers[place]
            if metric in scores and answer is not None:
                found.append(equals(metric, name, scores[metric].value, answer, 1e-4 * max(answer, 1)))
    return found


class Noisy:
    """A model with noise on its logits."""

    def __init__(self, model: FusionTransformer, grade: float, seed: int) -> None:
        self.model, self.grade, self.device = model, grade, model.device
        self.random = torch.Generator(self.device).manual_seed(seed)

    def language_logits(self, ids: Tensor) -> Tensor:
        clean = self.model.language_logits(ids)  # B n V
        noise = torch.randn(clean.shape, generator=self.random, device=self.device)
        return clean + self.grade * clean.std() * noise


class Known:
    """A fake model that reads its logits off the text: certain of the next token, of the one after it, or of none."""

    def __init__(self, ahead: int, words: int, device: torch.device) -> None:
        self.ahead, self.words, self.device = ahead, words, device

    def language_logits(self, ids: Tensor) -> Tensor:
        if self.ahead == 0:
            return torch.zeros(*ids.shape, self.words, device=ids.device)
        token = ids.roll(-1, 1)  # B n
        token = token if self.ahead == 1 else (token + 1) % self.words
        return CERTAIN * torch.nn.functional.one_hot(token, self.words).float()  # B n V

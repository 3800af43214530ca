"""Faults in scoring: splits, references, tokenisation, averaging."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.reliability.faults.planting import SCORING, Fault, plant, slip


def wrong_split() -> None:
    """FID and KID are distances from images of the training split."""
    from bench.config.schema import DataConfig
    from bench.data import open_split
    from bench.evaluation import scorers

    def faulty(normal: Callable[..., Any]) -> Callable[..., Any]:
        def features(assets: Any, config: Any, asked: int, task: Any = None) -> Any:
            def split(name: str) -> Any:
                return open_split(DataConfig(train_size=len(assets.images(name))), "train")  # as many

            others = SimpleNamespace(images=split, once=assets.once, device=assets.device)
            return normal(others, config, asked, task)

        return features

    plant(scorers, "reference_features", faulty)


def own_references() -> None:
    """FID and KID count the images whose captions were the prompts among the real ones."""
    from bench.evaluation import scorers

    slip(scorers.reference_features, "asked if len(images) >= 2 * asked else 0", "0")


def few_references() -> None:
    """CIDEr's word weights come from the captioned images alone, not from the whole split."""
    from bench.evaluation.metrics.cider import Cider

    slip(Cider.measure, "enumerate(split.ids)", "enumerate(split.ids[: len(subject.captions)])")


def captions_not_tokenized() -> None:
    """CIDEr reads generated captions as they are written, with their full stops and capitals."""
    from bench.evaluation.metrics import cider

    slip(cider.cider, "tokenize([*captions.values()])", "[one_line(caption) for caption in captions.values()]")


def texts_averaged() -> None:
    """Perplexity is a mean over texts of their means, so that tokens of short texts weigh more."""
    from bench.evaluation.metrics import language

    slip(language.perplexity, "np.exp(total / tokens)", "np.exp(np.mean(per_item))")


FAULTS = {
    "FID on the wrong split": Fault(wrong_split, SCORING),
    "FID against the prompts' own images": Fault(own_references, SCORING),
    "CIDEr's weights of few references": Fault(few_references, SCORING),
    "captions not tokenized": Fault(captions_not_tokenized, SCORING),
    "perplexity averaged over texts": Fault(texts_averaged, SCORING),
}

"""The self-test: every check of every metric on the data of a config."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from bench.config.schema import Config
from bench.data.assets import Assets, assets_of
from bench.evaluation.metrics.parts.ptb import check_java
from bench.evaluation.selftest.captions import caption_checks
from bench.evaluation.selftest.checks import Check
from bench.evaluation.selftest.images import image_checks
from bench.evaluation.selftest.language import language_checks
from bench.evaluation.selftest.sample_size import Row
from bench.evaluation.selftest.verdict import measure_id, measure_identity
from bench.system.errors import UserError
from bench.system.quiet import quiet_libraries

MOST = 512  # images that are corrupted and measured at each grade
FEWEST = 64


@dataclass(frozen=True)
class Found:
    """Checks, the table of sample sizes, and how long they took."""

    checks: list[Check]
    rows: list[Row]
    items: int
    seconds: float

    @property
    def failed(self) -> dict[str, list[Check]]:
        """The failed checks of each metric that has any."""
        failed: dict[str, list[Check]] = {}
        for check in self.checks:
            if not check.passed:
                failed.setdefault(check.metric, []).append(check)
        return failed


def selftest(config: Config) -> Found:
    """Check every metric. Raises UserError where the split has too few images, or Java is missing."""
    begin = time.perf_counter()
    check_java()
    quiet_libraries()
    torch.set_num_threads(config.runtime.threads)
    assets = assets_of(config)
    asked = _asked(assets, config)
    _say("checking image metrics ...")
    checks, rows = image_checks(assets, config, asked)
    _say("caption metrics ...")
    checks += caption_checks(assets, config, asked)
    _say("language metrics ...")
    checks += language_checks(assets, config)
    order = list(dict.fromkeys(check.metric for check in checks))
    checks.sort(key=lambda check: order.index(check.metric))
    return Found(checks, rows, asked, time.perf_counter() - begin)


def verdict(config: Config, found: Found) -> dict[str, Any]:
    """Content of a stored self-test; `failed` has a reason for each metric that failed."""
    return {
        "measure_id": measure_id(config),
        "identity": measure_identity(config),
        "seed": config.seed,
        "items": found.items,
        "seconds": round(found.seconds, 1),
        "metrics": sorted({check.metric for check in found.checks}),
        "failed": {metric: "; ".join(c.name for c in checks) for metric, checks in found.failed.items()},
        "checks": [asdict(check) for check in found.checks],
        "sample_size": [asdict(row) for row in found.rows],
    }


def _asked(assets: Assets, config: Config) -> int:
    """Number of images to measure: at most half of the split, as the other half is the reference."""
    available = len(assets.images(config.eval.split))
    asked = min(MOST, available // 2)
    if asked < FEWEST:
        raise UserError(f"the {config.eval.split} split has {available} images; the self-test needs {2 * FEWEST}")
    return asked


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""`train`: train and score one run, or finish it. `eval`: score a finished training only."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from bench.config.load import load
from bench.config.schema import Config
from bench.runs import format_1, identity
from bench.runs.lease import Held, Lost
from bench.runs.watching import owner_is_gone
from bench.system import parent_watch
from bench.system.command_line import add_request, split_request
from bench.system.errors import UserError


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add a request."""
    add_request(parser)


def run(command: str, args: argparse.Namespace) -> int:
    """Run the experiment and print its numbers. Returns 0, or 1 if it failed; raises UserError for a wrong request."""
    config = load(*split_request(args.request))
    if command == "eval":
        config.eval.every = 0  # scores along training need a training
    folder, eval_id, step = identity.run_folder(config), identity.eval_id(config), config.train.steps
    result = identity.published_result(config, folder, eval_id)
    if result is None:
        if command == "eval":
            refuse_untrained(config)
        parent_watch.exit_with_parent()
        fix_threads(config.runtime.threads)
        if config.runtime.devices > 1 or config.runtime.strategy == "ddp":  # else torch warns that no rank lacks a task
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        try:
            result = trained_and_scored(config)
        except (Held, Lost) as other:
            raise UserError(f"another process works on this run: {other}") from other
        except UserError:
            raise
        except Exception as error:
            print(f"failed: {type(error).__name__}: {error} (more in {folder.error_file})", file=sys.stderr)
            return 1
    if result["schema"] == format_1.FORMAT:
        result = format_1.upgraded(result)
    for name, score in result["metrics"].items():
        if score.get("headline"):
            known = "".join(f", {what} {score[what]:.3g}" for what in ("chance", "before") if score[what] is not None)
            better = {"lower": ", lower is better", "higher": ", higher is better"}.get(score["direction"], "")
            print(f"{name:20} {score['value']:10.4g} {score['unit']} (n {score['n']}{known}{better})")
    print(f"see {folder.result_folder(eval_id, step)}")
    return 0


def trained_and_scored(config: Config) -> dict[str, Any]:
    """Execute the run, after watching an owner on another machine, who may have died. Raises as `execute.run` does."""
    from bench.experiment import execute

    try:
        return execute.run(config)
    except Held:
        if not owner_is_gone(identity.run_folder(config).lease_files):
            raise
    return execute.run(config)


def refuse_untrained(config: Config) -> None:
    """Raise UserError if the run of `config` has not been trained to its last step."""
    folder = identity.run_folder(config)
    if not folder.checkpoint(config.train.steps).exists():
        raise UserError(f"{folder.path} is not trained yet: run `python -m bench train` with the same settings")


def fix_threads(threads: int) -> None:
    """Fix the thread count, which is part of a run's identity, before a library that reads it is imported."""
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false")

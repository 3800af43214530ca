"""Loggers of a run (`runtime.loggers`): copies of metrics.jsonl and of the results.

Every start writes them anew from these files, so that they have each step once however often the run was interrupted.
One that fails is dropped with a warning, and the run goes on.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.config.schema import Config
from bench.runs.reader import StoredRun
from bench.training.logger_backends import BACKENDS, close

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger


class Numbers(NamedTuple):
    """Numbers of one step: its row of training, or the scores of an evaluation, which come after it."""

    step: int
    scored: bool
    values: dict[str, float]


class RunLogger:
    """One logger: opened when there is something to log, used until it fails."""

    def __init__(self, name: str, config: Config, folder: StoredRun) -> None:
        self.name, self.config, self.folder = name, config, folder
        self.logger: Logger | None = None
        self.failed = False

    def log(self, numbers: list[Numbers]) -> None:
        """Log numbers that the run's files have."""
        if self.failed:
            return
        with self._run_goes_on():
            if self.logger is None:
                self.logger = self._fresh()
            for step, _, values in numbers:
                self.logger.log_metrics(values, step)
            self.logger.save()

    def close(self, failed: bool) -> None:
        """End the logger's run, as one that failed or not."""
        if self.logger is not None and not self.failed:
            with self._run_goes_on():
                close(self.logger, failed)

    def _fresh(self) -> Logger:
        place = (self.folder.path / "loggers" / self.name).absolute()
        shutil.rmtree(place, ignore_errors=True)  # an earlier start's: all of it is logged again
        place.mkdir(parents=True)
        logger = BACKENDS[self.name](place, self.folder.run_id)
        logger.log_hyperparams(asdict(self.config))
        return logger

    @contextmanager
    def _run_goes_on(self) -> Iterator[None]:
        """Within, whatever goes wrong (a full disk, a server that is gone) ends the logger and not the run."""
        try:
            yield
        except Exception as error:
            self.failed = True
            reason = (str(error).strip().splitlines() or [""])[0][:200]
            print(
                f"warning: {self.name} logs {self.folder.run_id} no longer ({type(error).__name__}: {reason}); "
                f"everything is in {self.folder.metrics_file}",
                file=sys.stderr,
                flush=True,
            )


class RunLoggers:
    """All loggers of one start of a run. A context manager: leaving it closes them."""

    def __init__(self, config: Config, folder: StoredRun, eval_id: str) -> None:
        self.folder, self.eval_id = folder, eval_id
        self.loggers = [RunLogger(name, config, folder) for name in dict.fromkeys(config.runtime.loggers)]
        self.begun = False

    def row(self, row: dict[str, Any]) -> None:
        """Log a row of metrics.jsonl."""
        self._log(_row(row))

    def result(self, result: dict[str, Any]) -> None:
        """Log a published result."""
        self._log(_result(result))

    def __enter__(self) -> RunLoggers:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        for logger in self.loggers:
            logger.close(failed=failure is not None)

    def _log(self, latest: Numbers) -> None:
        if self.loggers:
            numbers = [latest] if self.begun else self._stored_until(latest)
            self.begun = True
            for logger in self.loggers:
                logger.log(numbers)

    def _stored_until(self, latest: Numbers) -> list[Numbers]:
        """Numbers in the run's files up to ``latest``; those after it will be computed again."""
        known = [_row(row) for row in self.folder.read_metrics()]
        known += [_result(result) for result in self.folder.results(self.eval_id)]
        return sorted((numbers for numbers in known if numbers[:2] <= latest[:2]), key=lambda numbers: numbers[:2])


def _row(row: dict[str, Any]) -> Numbers:
    return Numbers(row["step"], False, {name: value for name, value in row.items() if name != "step"})


def _result(result: dict[str, Any]) -> Numbers:
    return Numbers(result["step"], True, {f"eval/{name}": score["value"] for name, score in result["metrics"].items()})

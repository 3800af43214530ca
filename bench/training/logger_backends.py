"""Lightning's loggers: offline, each in a folder of its own."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.schema import LOGGERS

if TYPE_CHECKING:
    from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

PROJECT = "xfusion-bench"  # under which Weights & Biases and MLflow list the runs
MLFLOW_SERVER = os.environ.get("MLFLOW_TRACKING_URI")  # as the user has it: mlflow sets it to where it last wrote


def csv(place: Path, run_id: str) -> CSVLogger:
    """`metrics.csv`, a line per step."""
    from lightning.pytorch.loggers import CSVLogger

    return CSVLogger(place, name="", version="")


def tensorboard(place: Path, run_id: str) -> TensorBoardLogger:
    """Event files: `tensorboard --logdir runs`."""
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(place, name="", version="", default_hp_metric=False)


def wandb(place: Path, run_id: str) -> WandbLogger:
    """Weights & Biases, offline unless WANDB_MODE says otherwise: `wandb sync` sends it later."""
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    if wandb.run is not None:  # of a logger that failed in this process: it would be written into
        wandb.finish()
    settings = wandb.Settings(console="off", silent=True)
    mode = os.environ.get("WANDB_MODE", "offline")
    return WandbLogger(name=run_id, group=run_id, save_dir=place, project=PROJECT, mode=mode, settings=settings)


def mlflow(place: Path, run_id: str) -> MLFlowLogger:
    """MLflow, in a folder of the run unless MLFLOW_TRACKING_URI names a server."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a database would take seconds and mlflow's full package
    from lightning.pytorch.loggers import MLFlowLogger

    store = place / uuid.uuid4().hex[:8]  # mlflow mistakes a folder made anew for the earlier one
    return MLFlowLogger(experiment_name=PROJECT, run_name=run_id, tracking_uri=MLFLOW_SERVER or store.as_uri())


BACKENDS = {function.__name__: function for function in (csv, tensorboard, wandb, mlflow)}
assert tuple(BACKENDS) == LOGGERS


def close(logger: Logger, failed: bool) -> None:
    """Flush a logger and end its run."""
    from lightning.pytorch.loggers import WandbLogger

    logger.finalize("failed" if failed else "success")
    if isinstance(logger, WandbLogger):  # Lightning leaves its run open, and the next would be written into it
        logger.experiment.finish(exit_code=int(failed))

"""Scores of tasks: one name each, and true outputs as the task has them to be."""

from __future__ import annotations

import numpy as np
import pytest
from experiments import small_config

from bench.data.assets import Assets
from bench.evaluation import scorers, scoring
from bench.system.errors import UserError
from bench.system.plugins import plugins
from bench.tasks.base import Task


class Negative(Task):
    """An image in other colours."""

    name, title, layout = "negative", "negatives", ("text", "image")

    def true_images(self, images, rows):
        return 255 - images.images(rows)


def test_two_tasks_whose_scores_have_one_name_are_refused(monkeypatch):
    drawing = next(task(None) for task in plugins("task").values() if task.layout[-1] == "image")
    scoring.check_metrics({"one": drawing, "negative": Negative(None)})
    monkeypatch.setattr(Negative, "prefix", "")
    with pytest.raises(UserError, match="train.tasks.negative: its score '.*' is called as one of one's"):
        scoring.check_metrics({"one": drawing, "negative": Negative(None)})


def test_two_metrics_of_one_name_are_refused(monkeypatch):
    known = plugins("metric")
    monkeypatch.setattr("bench.evaluation.scoring.plugins", lambda kind: {**known, "again": known["fid"]})
    with pytest.raises(UserError, match="fid.py: the name of the metric 'fid' is taken"):
        scoring.declared()


def test_a_task_is_compared_with_its_own_true_outputs(tmp_path):
    config = small_config(tmp_path)
    assets = Assets(config)
    images = 255 - assets.images("test").images(range(16, 32))
    assert scorers.reference_features(assets, config, 16, Negative(config.train)) == pytest.approx(
        scorers.feature_net(assets, config).features(images), abs=1e-5
    )
    assert (
        np.abs(
            scorers.reference_features(assets, config, 16) - scorers.feature_net(assets, config).features(images)
        ).max()
        > 0.1
    )

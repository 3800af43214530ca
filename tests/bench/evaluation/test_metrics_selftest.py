"""The self-test of the metrics: all that is reported passes it, and a planted fault fails under its metric's name."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from experiments import shared_cache, small_config
from torch.nn import functional as F

from bench.__main__ import main
from bench.config.load import load
from bench.config.schema import Config, DataConfig
from bench.data import open_split
from bench.data.assets import Assets
from bench.evaluation import scorers, scoring
from bench.evaluation.metrics import cider, clip_score, fid, image_attributes, language
from bench.evaluation.metrics.base import Score
from bench.evaluation.selftest import attributes, distances
from bench.evaluation.selftest.checks import Check, keeps, never_improves, own_partner, worsens
from bench.evaluation.selftest.corruptions import CAPTIONS, IMAGES, drop_words, exchange
from bench.evaluation.selftest.language import language_checks
from bench.evaluation.selftest.run import selftest
from bench.evaluation.selftest.verdict import measure_id
from bench.experiment import execute
from bench.models.build import build_model
from bench.scenes import ATTRIBUTES
from bench.system.command_line import exit_status

ASKED = 64
MEASURED_IN = {
    "kid": fid, "clip_score": clip_score, "cider": cider, "image_attributes": image_attributes, "perplexity": language,
}  # fmt: skip
REAL = {name: getattr(module, name) for name, module in MEASURED_IN.items()}


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    return small_config(tmp_path_factory.mktemp("selftest"), f"data.test_size={2 * ASKED}")


@pytest.fixture
def fresh(config) -> Assets:
    """Assets that remembers nothing of another test's faults."""
    return Assets(config)


def failed(checks: list[Check]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for check in checks:
        if not check.passed:
            found.setdefault(check.metric, set()).add(check.name)
    return found


def score(value: float, direction: str = "higher", items: list[float] | None = None) -> Score:
    return Score(value, 4, direction, "x", None, per_item=items)


@pytest.mark.parametrize(
    ("direction", "values", "passes"),
    [
        ("lower", (1, 2, 3), True),
        ("lower", (1, 3, 2), False),
        ("lower", (1, 1, 2), False),
        ("lower", (3, 2, 1), False),
        ("higher", (3, 2, 1), True),
        ("higher", (3, 0, 0), True),  # there is nothing left to lose
        ("higher", (0, 0, 0), False),
        ("higher", (3, 1, 1), False),
        ("higher", (1, 2, 3), False),
        ("neither", (3, 2, 1), True),
        ("neither", (3, 1, 2), False),
    ],
)
def test_worse_at_each_grade(direction, values, passes):
    assert worsens("m", "blur", [score(value, direction) for value in values]).passed is passes


def test_what_must_stay_and_what_must_not_improve():
    assert keeps("m", "x", [score(2), score(2 + 1e-9)]).passed and not keeps("m", "x", [score(2), score(2.001)]).passed
    assert never_improves("m", "x", [score(2), score(1), score(2)]).passed
    assert not never_improves("m", "x", [score(2), score(2.1)]).passed
    assert not never_improves("m", "x", [score(2, "lower"), score(1.9, "lower")]).passed
    own, other = score(1, items=[1, 1, 1, 1]), score(0, items=[0, 0, 1, 2])
    assert own_partner("m", own, other).measured == (0.75,)


@pytest.mark.parametrize("corruption", [*IMAGES, *CAPTIONS], ids=lambda corruption: corruption.name)
def test_each_grade_spoils_more_than_the_one_before(corruption):
    rng = np.random.default_rng(0)
    items = rng.integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
    if corruption in CAPTIONS:
        items = [f"caption {i} of some ten words, a few of which go" for i in range(40)]
    grades = [corruption.spoil(items, grade, 1) for grade in corruption.grades]
    kept = [sum(np.array_equal(a, b) for a, b in zip(items, spoilt, strict=True)) for spoilt in grades]
    assert kept == sorted(kept, reverse=True) and kept[-1] == 0
    again = corruption.spoil(items, corruption.grades[0], 1)
    assert all(np.array_equal(a, b) for a, b in zip(again, grades[0], strict=True))
    if corruption.exchanges:
        assert sorted(map(str, exchange(list(range(40)), 0.5, 0))) == sorted(map(str, range(40)))


def test_words_dropped_once_stay_dropped():
    captions = [" ".join(map(str, range(30)))]
    few, many = (set(drop_words(captions, grade, 0)[0].split()) for grade in (0.2, 0.6))
    assert many < few


@pytest.fixture(scope="module")
def found(config):
    return selftest(config)


def test_all_that_is_reported_is_tested_and_passes(config, found):
    """A run's result names its metrics, and a verdict on them is found by the result's own `measure_id`."""
    assert not found.failed
    result = execute.run(config)
    assert {check.metric for check in found.checks} == set(result["metrics"])
    assert result["measure_id"] == measure_id(config)
    assert [(row.n, row.draws) for row in found.rows] == [(16, 4), (32, 2), (64, 1)]


def test_a_flipped_direction_fails_every_metric_that_has_one(found):
    flipped = {"rises": "higher", "falls": "lower"}
    graded = [check for check in found.checks if check.bound.split()[0] in flipped]
    directed = {check.metric for check in found.checks} - {"caption_length"}
    assert {check.metric for check in graded} == directed
    for check in graded:
        other = flipped[check.bound.split()[0]]
        assert not worsens(check.metric, check.name, [score(value, other) for value in check.measured]).passed


def biased_kid(features, reference, *rest, **more):
    """Every point meets itself."""

    def within(x):
        return ((x @ x.T / x.shape[1] + 1) ** 3).mean()

    one, two = np.asarray(features, float), np.asarray(reference, float)
    value = within(one) + within(two) - 2 * ((one @ two.T / one.shape[1] + 1) ** 3).mean()
    return replace(REAL["kid"](features, reference, *rest, **more), value=value)


def shifted_clip_score(images, captions, *rest):
    return REAL["clip_score"](images, [*captions[1:], captions[0]], *rest)


def shifted_cider(captions, references):
    said = list(captions.values())
    return REAL["cider"](dict(zip(captions, [*said[1:], said[0]], strict=True)), references)


def shifted_image_attributes(images, scenes, *rest):
    return REAL["image_attributes"](images, [*scenes[1:], scenes[0]], *rest)


def perplexity_in_bits(*parts):
    true = REAL["perplexity"](*parts)
    return replace(true, value=2 ** float(np.log(true.value)))


FAULTS = {
    "kid": biased_kid,
    "clip_score": shifted_clip_score,
    "cider": shifted_cider,
    "image_attributes": shifted_image_attributes,
    "perplexity": perplexity_in_bits,
}


def test_planted_faults_fail_under_their_own_names_alone(config, monkeypatch, capsys, tmp_path):
    for name, fault in FAULTS.items():
        for module in [module for path, module in sys.modules.items() if path.startswith("bench.")]:
            if getattr(module, name, None) is REAL[name]:  # wherever it was imported to
                monkeypatch.setattr(module, name, fault)
    monkeypatch.setattr("bench.evaluation.selftest.run.assets_of", Assets)
    file = tmp_path / "verdict.json"
    settings = [f"data.test_size={2 * ASKED}", f"runtime.runs={tmp_path / 'runs'}"]
    assert exit_status(lambda: main(["metrics", "selftest", "smoke", *settings, "--json", str(file)])) == 1
    stored = json.loads(file.read_text(encoding="utf-8"))
    images = {f"image_{name}" for name in ("attributes", "all_right", *ATTRIBUTES)}
    assert set(stored["failed"]) == {"fid", "kid", "clip_score", "cider", "perplexity"} | images
    assert stored["failed"]["fid"] == "its net reads real images"  # or so it must seem where the scenes are others
    kid = ("written out, own resizing", "a set from itself: below 0", "N = 16, mean of 400: closed form", "unbiased")
    assert all(check in stored["failed"]["kid"] for check in kid)
    said = capsys.readouterr().out
    assert "FAILED cider: captions exchanged; own partner no worse; pycocoevalcap's own call" in said
    kept = tmp_path / "runs" / "selftest" / f"{stored['measure_id']}.json"
    assert json.loads(kept.read_text(encoding="utf-8")) == stored


def through_a_coarser_grid(images, size):
    shrunk = F.interpolate(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1, (16, 16))
    return F.interpolate(shrunk, (size, size))


def other_split(assets, config, asked, task):
    others = open_split(DataConfig(test_size=2 * ASKED), "validation").images(range(asked, 2 * ASKED))
    return scorers.feature_net(assets, config).features(others)


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ("bench.models.feature_net.to_pixels", through_a_coarser_grid),  # another resizing, of both sets
        ("bench.evaluation.scorers.reference_features", other_split),  # FID on the wrong split
    ],
)
def test_distances_from_other_features_fail(config, fresh, monkeypatch, where, fault):
    monkeypatch.setattr(where, fault)
    pictures = fresh.images("test")
    clean = scoring.image_scores(pictures.images(range(ASKED)), [""] * ASKED, fresh, config)
    features = distances.Features.of(pictures, scorers.feature_net(fresh, config), ASKED)
    found = failed(distances.checks(clean, features, seed=0))
    assert "by eigenvalues, own resizing" in found["fid"] and "written out, own resizing" in found["kid"]


def test_distances_by_a_net_that_knows_nothing_fail(config, fresh):
    net = scorers.feature_net(fresh, config)
    with torch.no_grad():
        for weights in net.parameters():
            weights.copy_(weights.flatten()[torch.randperm(weights.numel())].view_as(weights))
    clean = scoring.image_scores(fresh.images("test").images(range(ASKED)), [""] * ASKED, fresh, config)
    assert set(failed(attributes.reads_real_images(clean))) == {"fid", "kid"}


def test_the_independent_features_are_those_of_the_net_at_any_size(config, fresh):
    net = scorers.feature_net(fresh, config)
    for size in (32, 64, 48):
        pictures = open_split(DataConfig(test_size=40, image_size=size), "test")
        ours = distances.Features.of(pictures, net, 20).all
        assert ours == pytest.approx(net.features(pictures.images(range(40))), abs=1e-3)


def test_a_model_that_changed_its_language_at_step_0_is_seen(config, fresh, monkeypatch):
    def forgetful(*parts):
        model = build_model(*parts)
        with torch.no_grad():
            model.norm.weight.mul_(1.5)
        return model

    monkeypatch.setattr("bench.evaluation.selftest.language.build_model", forgetful)
    assert "at step 0: as before" in failed(language_checks(fresh, config))["perplexity"]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (["metrics", "selftst"], "selftst"),
        (["metrics", "selftest", "smoke", "data.test_size=100"], "has 100 images; the self-test needs 128"),
        (["metrics", "selftest", "smoke", "data.name=coco", "data.root=nowhere"], "nowhere"),
    ],
)
def test_a_wrong_request_is_one_line(request_, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exit_status(lambda: main(request_)) == 2
    said = capsys.readouterr().err.splitlines()
    assert says in said[-1] and said[-1].startswith("error: ") and not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_world_passes_in_full(tmp_path, seed):
    config = load("default", [f"seed={seed}", f"runtime.runs={tmp_path}", f"runtime.cache={shared_cache()}"])
    found = selftest(config)
    assert not found.failed and found.items == 512
    assert [row.n for row in found.rows] == [64, 128, 256, 512, 1024]

"""Claims, from YAML to a verdict, on synthetic run folders whose truth is known."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from bench.system.errors import UserError
from benchmarks import fake_results
from benchmarks.fake_results import score
from reports.paper import published
from reports.stored.runs import read_sweep
from reports.stored.settings import finished
from reports.verdicts import facts, hypotheses, margins, power
from reports.verdicts import looks as looks_module
from reports.verdicts import text as verdict_text
from reports.verdicts.axis import main_effects
from reports.verdicts.judging import NOT_JUDGED, Verdict, judged

N = 64
FAR = {"single_tower": 0.0, "dual_projection": 1.0, "gated_layer": -3.0, "dual_tower": 4.0}  # what is better is higher


def land(runs: Path, architecture: str, noise: float, seed: int, shift: float, **other: object) -> dict:
    """A finished run whose CIDEr is better by `shift`, and its FID lower; returns its point of sweep.json."""
    settings = {"steps": 1200, "i2t_noise": noise, "note": None} | other
    note = settings.pop("note")
    items = 5 + shift + 0.01 * seed + np.random.default_rng(seed).normal(0, 0.02, N)
    exam = np.ones(N) if architecture != "single_tower" else (np.arange(N) < 4 + seed).astype(float)
    features = {"weights": "embedded:features:abc"}
    metrics = {
        "fid": score(20 - shift + 0.01 * seed, "lower", note=note, **features),
        "kid": score((20 - shift) / 100, "lower", **features),
        "cider": score(float(items.mean())),
        "exam": score(float(exam.mean()), before=1.0),
        "perplexity": score(1.8 if architecture != "single_tower" else 99.0, "lower", before=1.8),
    }  # fmt: skip
    name = f"{architecture}-{seed}{int(100 * noise)}{zlib.crc32(str(settings).encode()) % 9973}"
    per_item = {"cider": items.tolist(), "exam_before": [1.0] * N, "exam": exam.tolist()}
    return fake_results.land(
        runs / name, architecture, seed, settings["steps"], metrics, train=settings, items=per_item
    )


def study(tmp_path: Path, points: list[dict], preset: str = "default") -> Path:
    return fake_results.ask(tmp_path / "results" / "architecture", points, "architecture", ["fid"], preset=preset)


def four(tmp_path: Path, seeds: int, **other: object) -> list[dict]:
    return [land(tmp_path / "runs", a, 0, s, shift, **other) for a, shift in FAR.items() for s in range(seeds)]


def verdicts(folder: Path, own: Path | None = None) -> dict[str, Verdict]:
    return {verdict.claim.name: verdict for verdict in judged(read_sweep(folder), hypotheses.read(own))}


def test_the_papers_eight_claims_are_there_and_settings_they_name_exist() -> None:
    read = hypotheses.read()
    assert [claim.name[0] for claim in read] == list("12345678")
    assert [claim.name for claim in read if claim.needs] == ["7-alignment", "8-x-fuse"]
    assert all(claim.sweep and claim.comparisons for claim in read if not claim.needs)


def test_clear_effects_of_three_seeds_support_the_first_three_claims(tmp_path: Path) -> None:
    found = verdicts(study(tmp_path, four(tmp_path, 3)))
    for name in ("1-dual-tower-best", "2-gated-worst", "3-language"):
        assert found[name].outcome == "supported", found[name]
    cider = next(f for f in found["1-dual-tower-best"].findings if f.comparison.metric == "cider" and f.tested)
    assert cider.tested is not None and cider.tested.effect == pytest.approx(4.0)  # the noise is shared by seed
    assert "scored by embedded weights" in found["1-dual-tower-best"].below_paper
    assert any("1,200 steps, not 100,000" in lack for lack in found["1-dual-tower-best"].below_paper)
    assert {found[n].outcome for n in ("4-clean-images", "7-alignment", "8-x-fuse")} == {NOT_JUDGED}


def test_the_same_effects_of_one_seed_support_nothing_that_varies_over_seeds(tmp_path: Path) -> None:
    folder = study(tmp_path, four(tmp_path, 1))
    found = verdicts(folder)
    assert {found[n].outcome for n in ("1-dual-tower-best", "2-gated-worst", "3-language")} == {"inconclusive"}
    cider = next(f.tested for f in found["1-dual-tower-best"].findings if f.comparison.metric == "cider")
    assert cider is not None and cider.by_items is not None and cider.by_seeds is None
    unchanged = [f.outcome for f in found["3-language"].findings if f.comparison.relation == "unchanged"]
    assert unchanged == ["supported"] * 6  # no sample: the frozen weights gave the same answers
    text = verdict_text.markdown(read_sweep(folder), list(found.values()))
    assert "One seed: the spread between seeds is not known." in text
    assert "python -m sweeps run architecture 'seed=[0,1,2]'" in text
    assert "three or more are needed" in power.analysis(read_sweep(folder), list(found.values()))


def test_fid_that_does_not_rank_gives_its_place_to_kid_and_says_so(tmp_path: Path) -> None:
    folder = study(tmp_path, four(tmp_path, 3, note="N < 2d: biased, does not rank"), "small")
    found = verdicts(folder)
    measured = {f.pairs.metric for f in found["1-dual-tower-best"].findings if f.pairs}
    assert measured == {"kid", "cider"}
    text = verdict_text.markdown(read_sweep(folder), list(found.values()))
    assert "KID in its place" in text and "python -m sweeps run noise small" in text


def test_one_changed_answer_refutes_that_language_is_kept(tmp_path: Path) -> None:
    points = four(tmp_path, 2)
    path = next((tmp_path / "runs").glob("dual_tower-*/evals/e0/step-1200"))
    result = json.loads((path / "result.json").read_text(encoding="utf-8"))
    result["metrics"]["exam"]["value"] = 1 - 1 / N
    items = json.loads((path / "per_item.json").read_text(encoding="utf-8"))
    items["exam"][0] = 0.0
    (path / "per_item.json").write_text(json.dumps(items), encoding="utf-8")
    fake_results.reseal(path, metrics=result["metrics"])
    found = verdicts(study(tmp_path, points))["3-language"]
    assert found.outcome == "contradicted"
    assert [f.why for f in found.findings if f.outcome == "contradicted"] == ["differs in 1 of 2 runs"]


def test_equal_pairs_of_a_task_are_asked_for(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    points = [land(runs, "dual_tower", 0, s, 1.0) for s in range(3)]
    unequal = [land(runs, "dual_tower", 0, s, 0.0, t2i_fraction=1.0) for s in range(3)]
    found = verdicts(study(tmp_path, points + unequal))["5-captioning-helps-generation"]
    assert found.outcome == NOT_JUDGED and "25,601 and 38,400" in found.findings[0].why
    equal = [land(runs, "dual_tower", 0, s, 0.0, t2i_fraction=1.0, steps=800) for s in range(3)]
    found = verdicts(_asking(tmp_path, points + equal))["5-captioning-helps-generation"]
    fid = next(f for f in found.findings if f.comparison.metric == "fid")
    assert fid.outcome == "supported", fid


def _asking(tmp_path: Path, points: list[dict]) -> Path:
    """The same runs, of which the results folder asks for others."""
    path = tmp_path / "results" / "architecture" / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"points": points}), encoding="utf-8")
    return path.parent


def test_runs_that_are_not_done_are_left_out_and_said(tmp_path: Path) -> None:
    points = four(tmp_path, 3)
    gone = next(p for p in points if p["run_id"].startswith("dual_tower-2"))
    (tmp_path / "runs" / gone["run_id"] / "evals" / "e0" / "step-1200" / "result.json").unlink()
    folder = study(tmp_path, points)
    assert len(finished(read_sweep(folder).points)) == 11
    first = verdicts(folder)["1-dual-tower-best"].findings[0]
    assert first.pairs is not None and first.pairs.differences.blocks == (0, 1)
    assert "seeds 2 were run on one side only and are left out" in first.pairs.notes


OWN = """
text: The gated layer writes better than the single tower.
sweep: architecture
comparisons:
  - runs: {model.architecture: gated_layer}
    are: better
    than: [{model.architecture: single_tower}]
    metrics: [cider]
"""


def test_a_claim_of_ones_own_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = study(tmp_path, four(tmp_path, 3))
    (tmp_path / "mine.yaml").write_text(OWN, encoding="utf-8")
    assert verdicts(folder, tmp_path / "mine.yaml")["mine"].outcome == "contradicted"
    (tmp_path / "claims").mkdir()
    (tmp_path / "mine.yaml").rename(tmp_path / "claims" / "mine.yaml")
    monkeypatch.chdir(tmp_path)
    assert verdicts(folder)["mine"].outcome == "contradicted"


def test_settings_that_differ_beside_those_compared_are_told(tmp_path: Path) -> None:
    points = four(tmp_path, 2)
    others = [p for p in points if not p["run_id"].startswith("gated_layer")]
    others += [land(tmp_path / "runs", "gated_layer", 0, seed, -3.0, batch_size=64) for seed in (0, 1)]
    found = verdicts(study(tmp_path, others))["2-gated-worst"]
    notes = {note for finding in found.findings if finding.pairs for note in finding.pairs.notes}
    assert notes == {"the two sides also differ in train.batch_size"}


WRONG = [
    (("metrics: [cider]", "metrics: [ciderr]"), "unknown metric 'ciderr' (did you mean 'cider'?)"),
    (("gated_layer", "gate_layer"), "unknown architecture 'gate_layer' (did you mean 'gated_layer'?)"),
    (("model.architecture: gated", "model.architectur: gated"), "did you mean 'model.architecture'?"),
    (("are: better", "are: beter"), "unknown relation 'beter' (did you mean 'better'?)"),
    (("are: better", "ar: better"), "unknown key 'comparisons[0].ar' (did you mean 'are'?)"),
    (("are: better", "are: same\n    margin: 0"), "'same' needs a margin above 0"),
    (("    metrics: [cider]", "    metrics: [cider]\n    margin: a lot"), "margin: must be a number from 0"),
    (("sweep: architecture\n", "sweep: architecture\nover: models\n"), "over: must be architectures, not 'models'"),
    (("sweep: architecture\n", "sweep: architecture\nover: architectures\n"), "no model.architecture may be named"),
    (("are: better", "are: unchanged"), "has no meaning with 'unchanged'"),
    (("metrics: [cider]", "metrics: [exam_after]"), "unknown metric 'exam_after' (did you mean 'exam'?)"),
    (("[cider]", "[perplexity_before]"), "unknown metric 'perplexity_before' (did you mean 'perplexity'?)"),
    (("metrics: [cider]", "metrics: [1]"), "metrics: must be a list of metrics"),
    (("sweep: architecture", "sweep: architecture\nequal: as many"), "equal: must be TASK_samples"),
    (("    metrics: [cider]", "    metrics: [cider]\n    margin: -1"), "margin: must be a number from 0"),
    (("text: The", "text: [The"), "mine.yaml"),
    (("sweep: architecture\n", ""), "sweep: is missing"),
]


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_wrong_claim_is_refused_in_one_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in OWN
    (tmp_path / "mine.yaml").write_text(OWN.replace(*change), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        hypotheses.read(tmp_path / "mine.yaml")
    assert said in str(refused.value) and "mine.yaml" in str(refused.value) and "\n" not in str(refused.value)


def test_names_in_a_claim_are_those_of_the_results(tmp_path: Path) -> None:
    sweep = read_sweep(study(tmp_path, four(tmp_path, 1)))
    own = tmp_path / "mine.yaml"

    def refused(*changes: tuple[str, str]) -> str:
        text = OWN
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        own.write_text(text, encoding="utf-8")
        with pytest.raises(UserError) as said:
            hypotheses.read(own, sweep)
        return str(said.value)

    no_other = ("    than: [{model.architecture: single_tower}]\n", "")
    assert "'cider' is not measured before training (exam, perplexity is)" in refused(("better", "unchanged"), no_other)
    task = ("sweep: architecture", "sweep: architecture\nequal: i2i_samples")
    assert "equal: no task is called 'i2i' (did you mean 't2i'?)" in refused(task)
    assert "unknown metric 'bleu'" in refused(("[cider]", "[bleu]"))
    own.write_text(OWN.replace("[cider]", "[clip_score]"), encoding="utf-8")  # a metric that these results lack
    assert verdicts(tmp_path / "results" / "architecture", own)["mine"].outcome == NOT_JUDGED


def test_the_papers_own_arithmetic() -> None:
    (slip,) = published.content()["arithmetic"]
    change = 100 * (14.20 / 19.10 - 1)
    assert slip["table_gives"] == pytest.approx(change, abs=0.05) and round(change, 1) == -25.7
    (said,) = published.slips()
    assert "-23 %" in said and "-25.7 %" in said
    sides = [{"model.architecture": "dual_tower"}, {"model.architecture": "gated_layer"}]
    assert published.beside("architecture", sides, "cider") == "BLIP2-ITM 31.3, 14.5"


def test_the_commands_print_verdicts_and_plans_and_load_no_torch(tmp_path: Path) -> None:
    folder = study(tmp_path, four(tmp_path, 3))
    code = f"import sys; from reports.__main__ import main; main(['verdicts', {str(folder)!r}]); " \
           f"main(['settle', {str(folder)!r}]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("# Verdicts: architecture") and done.stdout.strip().endswith("False"), done.stderr
    assert "| The dual tower is best at both tasks. | **supported** | not comparable |" in done.stdout
    found = judged(read_sweep(folder), hypotheses.read())
    assert json.loads(facts.as_json(read_sweep(folder), found))["verdicts"][0]["verdict"] == "supported"


@pytest.mark.parametrize(
    ("scores", "expected", "words"),
    [
        ([score(0.9, chance=0.2, ceiling=1.0), score(0.5, chance=0.2, ceiling=1.0)], 0.04, "5 % of the way"),
        ([score(14.0, "lower", ceiling=2.0), score(10.0, "lower", ceiling=2.0)], 1.0, "10 % of the excess"),
        ([score(1.5, "lower", ceiling=2.0)], 0.0, "10 % of the excess"),
        ([score(0.98, ceiling=1.0)], 0.05, "5 % of the way"),
        ([score(2.0, chance=0.8), score(4.0, chance=0.8)], 0.15, "5 % of the mean"),
        ([score(1.8, "lower")], 0.09, "5 % of the mean"),
    ],
)
def test_a_margin_that_no_claim_names_follows_from_what_the_metric_says(
    scores: list[dict], expected: float, words: str
) -> None:
    margin, rule = margins.default(scores)
    assert margin == pytest.approx(expected) and words in rule


def test_the_committed_margins_are_no_wider_than_was_promised() -> None:
    most = {"way": 0.05, "excess": 0.10, "mean": 0.05}
    assert all(rule["share"] <= most[rule["of"]] for rule in margins.rules())


NEAR = {"single_tower": 0.0, "dual_projection": 0.01, "gated_layer": -0.01, "dual_tower": 0.02}


def test_equal_architectures_of_little_spread_show_no_relevant_difference(tmp_path: Path) -> None:
    points = [land(tmp_path / "runs", a, 0, s, shift) for a, shift in NEAR.items() for s in range(3)]
    folder = study(tmp_path, points)
    found = verdicts(folder)["1-dual-tower-best"]
    assert found.outcome == "no relevant difference"
    text = verdict_text.markdown(read_sweep(folder), [found])
    assert "| no relevant difference | no relevant difference, no relevant difference |" in text
    assert "5 % of the mean" in text
    own = OWN.replace("    metrics: [cider]", "    metrics: [cider]\n    margin: 0.005")
    (tmp_path / "mine.yaml").write_text(own, encoding="utf-8")
    mine = verdicts(folder, tmp_path / "mine.yaml")["mine"].findings[0]
    assert mine.outcome == "contradicted" and mine.tested is not None and mine.pairs is not None
    assert mine.pairs.margin == 0.005 and mine.tested.at(4.0) == "no relevant difference"


ACROSS = """
text: Clean images help captions, whatever the architecture.
sweep: noise
over: architectures
comparisons:
  - runs: {train.i2t_noise: 0}
    are: better
    than: [{train.i2t_noise: 1}]
    metrics: [cider]
"""


def noisy(tmp_path: Path, harm: dict[str, float], seeds: int = 1) -> Path:
    """Every architecture at three noise levels, each of which harms it by its own amount."""
    points = [
        land(tmp_path / "runs", who, level, seed, FAR[who] - level * harm[who])
        for who in FAR for level in (0, 0.5, 1) for seed in range(seeds)
    ]  # fmt: skip
    return fake_results.ask(tmp_path / "results" / "noise", points, "i2t_noise", ["fid", "cider"])


def test_one_seed_of_four_architectures_answers_for_the_axis_over_them(tmp_path: Path) -> None:
    folder = noisy(tmp_path, {"single_tower": 2.0, "dual_projection": 2.3, "gated_layer": 1.8, "dual_tower": 2.1})
    (tmp_path / "mine.yaml").write_text(ACROSS, encoding="utf-8")
    found = verdicts(folder, tmp_path / "mine.yaml")["mine"]
    (finding,) = found.findings
    assert found.outcome == "supported" and finding.tested is not None and finding.tested.error is not None
    assert finding.tested.effect == pytest.approx(2.05) and finding.tested.error.freedom == 3
    assert found.judged_at.startswith("Over these 4 architectures, one seed")
    effects = main_effects(read_sweep(folder))
    said = {(one.metric, one.kind): one.tested for one in effects}
    assert set(said) == {(metric, kind) for metric in ("fid", "cider") for kind in ("last against first", "trend")}
    change, trend = said["cider", "last against first"], said["cider", "trend"]
    assert change.outcome == trend.outcome == "contradicted"  # the last value is worse
    assert change.effect == pytest.approx(-2.05) == trend.effect  # the harm is a straight line
    assert trend.error is not None and trend.error.freedom == 6  # (3 values - 1) x (4 architectures - 1)
    text = verdict_text.markdown(read_sweep(folder), [found], effects)
    assert "## What noise cap on I2T images does" in text and "| CIDEr | trend | 4 | -2.05 |" in text
    json.loads(facts.as_json(read_sweep(folder), [found], effects))


def test_architectures_that_disagree_leave_the_axis_open(tmp_path: Path) -> None:
    folder = noisy(tmp_path, {"single_tower": 6.0, "dual_projection": -5.0, "gated_layer": 4.0, "dual_tower": -2.0})
    found = main_effects(read_sweep(folder))
    assert {one.tested.outcome for one in found} == {"inconclusive"}
    said = power.analysis(read_sweep(folder), [], found)
    assert "What noise cap on I2T images does, over these architectures (inconclusive)" in said


def wavering(tmp_path: Path, shift: float, spread: float, seeds: int) -> Path:
    """The gated layer against the single tower, better by `shift` but not at every seed."""
    random = np.random.default_rng(4)
    points = []
    for seed in range(seeds):
        points.append(land(tmp_path / "runs", "single_tower", 0, seed, 0.0))
        points.append(land(tmp_path / "runs", "gated_layer", 0, seed, shift + spread * random.normal()))
    return study(tmp_path, points)


def test_a_plan_says_how_many_runs_and_minutes(tmp_path: Path) -> None:
    folder = wavering(tmp_path, 0.8, 1.0, 3)
    (tmp_path / "mine.yaml").write_text(OWN, encoding="utf-8")
    found = [verdicts(folder, tmp_path / "mine.yaml")["mine"]]
    said = power.analysis(read_sweep(folder), found)
    match = re.search(r"(\d+) seeds in all: (\d+) more runs, (\d+) minutes?, then supported", said)
    assert match and int(match[2]) == 2 * (int(match[1]) - 3)


def test_looks_decide_clear_claims_early_and_give_up_hopeless_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN, encoding="utf-8")

    def standing(shift: float, spread: float, seeds: int, looks: list[int], at_most: int = 12) -> looks_module.Standing:
        place = tmp_path / f"{shift}-{spread}-{seeds}"
        sweep = read_sweep(wavering(place, shift, spread, seeds))
        claims = [one for one in hypotheses.read(tmp_path / "mine.yaml") if one.name == "mine"]
        (found,) = looks_module.standings(sweep, claims, looks, at_most)
        return found

    early = standing(3.0, 0.1, 6, [3, 4, 5, 6])
    assert (early.state, early.seeds, early.verdict.outcome) == ("decided", 3, "supported")
    waiting = standing(0.8, 1.0, 3, [3])
    assert (waiting.state, waiting.verdict.outcome) == ("open", "inconclusive") and 0.05 < waiting.hope < 1
    assert looks_module.undecided([early, waiting]) == [waiting]
    hopeless = standing(0.02, 6.0, 10, [3, 10])
    assert hopeless.state == "futile" and hopeless.hope < 0.05
    assert standing(0.8, 1.0, 1, [1]).state == "open"  # of one seed nothing is known

"""Claims, from YAML to a verdict, on synthetic run folders whose truth is known."""

from __future__ import annotations

import json
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
from reports.verdicts import facts, hypotheses, power
from reports.verdicts import text as verdict_text
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

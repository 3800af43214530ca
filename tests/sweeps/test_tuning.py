"""`tune`: successive halving as a literal loop has it, equal budgets, a planted rate that is found, and its file."""

from __future__ import annotations

import random

import pytest

from sweeps.tuning import halving
from sweeps.tuning.scores import scored


def literal_halving(values, counts, score):
    """The textbook's: sort by score, keep the first so many."""
    left, history = list(values), []
    for rung, count in enumerate(counts):
        assert len(left) == count
        history.append({value: score(rung, value) for value in left})
        if rung + 1 < len(counts):
            left = sorted(left, key=lambda value: -history[-1][value])[: counts[rung + 1]]
    return history, max(history[-1], key=lambda value: history[-1][value])


@pytest.mark.parametrize("keep", [0.5, 1 / 3, 0.7, 1.0])
@pytest.mark.parametrize("candidates", [3, 7, 8])
def test_halving_is_the_literal_one(keep, candidates):
    draw = random.Random(f"{keep} {candidates}")
    grids = [halving.grid(0.01 * (arm + 1), [2.0**k for k in range(candidates)]) for arm in range(3)]
    noise = {(arm, rung, v): draw.random() for arm, grid in enumerate(grids) for rung in range(3) for v in grid}
    counts = halving.sizes(candidates, 3, keep)
    found = halving.climb(
        grids, [grid[0] for grid in grids], counts,
        lambda rung, alive: [[noise[arm, rung, v] for v in values] for arm, values in enumerate(alive)],
    )  # fmt: skip
    for arm, rungs in enumerate(found):
        history, best = literal_halving(grids[arm], counts, lambda rung, v, arm=arm: noise[arm, rung, v])
        assert [dict(zip(rung.values, rung.scores, strict=True)) for rung in rungs] == history
        assert halving.best(rungs[-1], grids[arm][0], 1) == [best]


def test_sizes_never_fall_to_nothing():
    assert halving.sizes(7, 3, 0.5) == [7, 4, 2]
    assert halving.sizes(9, 3, 1 / 3) == [9, 3, 1]
    assert halving.sizes(3, 5, 0.1) == [3, 1, 1, 1, 1]


def test_diverged_candidates_come_last_and_equals_stay_near_the_common_rate():
    rung = halving.Rung([1.0, 2.0, 4.0, 8.0], [None, 0.5, 0.5, None])
    assert halving.best(rung, 2.0, 1) == [2.0] and halving.best(rung, 4.0, 1) == [4.0]
    assert halving.best(rung, 1.0, 3) == [1.0, 2.0, 4.0]


def test_a_finer_grid_has_as_many_candidates_between_the_neighbours():
    factors = [0.125, 0.25, 0.5, 1, 2, 4, 8]
    fine = halving.finer(factors)
    assert len(fine) == 7 and min(fine) > 0.5 and max(fine) < 2 and fine[3] == 1


def metric(value, direction="higher", task="i2t", chance=0.0, ceiling=1.0, headline=True):
    return {"value": value, "direction": direction, "task": task, "chance": chance, "ceiling": ceiling,
            "headline": headline}  # fmt: skip


def test_ranks_count_each_task_once_and_share_ties():
    def runs(fid, clip, cider):
        return [{"fid": metric(fid, "lower", "t2i"), "clip": metric(clip, task="t2i"), "cider": metric(cider)}]

    # ranks of t2i: (1 + 2.5) / 2, (2 + 2.5) / 2, (3 + 1) / 2; of i2t: 3, 2, 1
    scores = scored("rank", [], [runs(1, 0.2, 0.1), runs(2, 0.2, 0.2), runs(3, 0.3, 0.3)])
    assert scores == pytest.approx([-(1.75 + 3) / 2, -(2.25 + 2) / 2, -(2 + 1) / 2])


def test_standings_go_from_chance_to_ceiling_and_leave_out_what_has_none():
    def runs(*values):
        return [
            {"cider": metric(v, chance=None), "a": metric(v, chance=0.2, ceiling=0.7),
             "loss": metric(v, "neither"), "b": metric(v, headline=False)} for v in values
        ]  # fmt: skip

    assert scored("standing", [], [runs(0.45), runs(0.2), runs(0.6, 0.8)]) == pytest.approx([0.5, 0.0, 1.0])
    assert scored("standing", ["b"], [runs(0.45)]) == pytest.approx([0.45])


def test_a_candidate_that_diverged_for_one_seed_has_no_score():
    good = {"a": metric(0.5)}
    assert scored("rank", [], [[good, good], [good, None], [None, None]]) == [-1.0, None, None]
    assert scored("rank", [], [[None]]) == [None]

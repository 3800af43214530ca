"""Intervals, corrections and plans against closed forms, literal sums and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.reliability.calibration import Row, coverage, verdicts
from reports.statistics.differences import Differences, Parts, variance_parts

from reports.statistics.intervals import Error, over_both, over_items, over_seeds
from reports.statistics.judging import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, conjunction, judge
from reports.statistics.planning import plan


def of_items(table: np.ndarray) -> Differences:
    return Differences(tuple(range(len(table))), table.mean(1), table)


@pytest.fixture
def table() -> np.ndarray:
    random = np.random.default_rng(1)
    return 0.2 + random.normal(size=(4, 1)) * 0.3 + random.normal(size=(1, 50)) + random.normal(size=(4, 50))


def test_the_interval_over_seeds_is_that_of_a_paired_t_test() -> None:
    ours, theirs = np.array([1.0, 1.4, 0.9]), np.array([0.7, 0.8, 0.6])
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert over_seeds(Differences((0, 1, 2), ours - theirs)) == pytest.approx((expected.low, expected.high))


def test_one_seed_has_no_interval_over_seeds_and_no_error() -> None:
    one = of_items(np.array([[0.1, 0.3, 0.2, 0.9]]))
    assert over_seeds(one) is None and over_both(one) is None and over_items(one) is not None
    assert over_items(Differences((0, 1), np.array([1.0, 2.0]))) is None  # FID: nothing to resample


def test_the_bootstrap_over_items_has_the_width_of_the_normal_theory() -> None:
    items = np.random.default_rng(0).normal(0.1, 1, (1, 512))
    found = over_items(of_items(items))
    assert found is not None
    reach = 1.96 * items.std(ddof=1) / math.sqrt(512)
    assert found == pytest.approx((items.mean() - reach, items.mean() + reach), abs=0.1 * reach)
    assert found == over_items(of_items(items))  # the same runs give the same bytes


def test_variance_parts_are_those_of_the_literal_sums(table: np.ndarray) -> None:
    k, n = table.shape
    grand = table.mean()
    of_seeds = n * sum((row.mean() - grand) ** 2 for row in table) / (k - 1)
    of_columns = k * sum((column.mean() - grand) ** 2 for column in table.T) / (n - 1)
    rest = sum(
        (table[i, j] - table[i].mean() - table[:, j].mean() + grand) ** 2 for i in range(k) for j in range(n)
    ) / ((k - 1) * (n - 1))  # fmt: skip
    found = variance_parts(of_items(table))
    assert found.seed == pytest.approx((of_seeds - rest) / n) and found.item == pytest.approx((of_columns - rest) / k)
    assert found.rest == pytest.approx(rest)
    error = over_both(of_items(table))
    assert error is not None
    assert error.size**2 == pytest.approx((of_seeds + of_columns - rest) / (k * n))
    seeds = over_seeds(of_items(table))
    assert seeds is not None and error.interval(0)[1] > (seeds[1] - seeds[0]) / 2  # both is more than one


def test_p_is_the_level_whose_interval_just_excludes_the_threshold(table: np.ndarray) -> None:
    values = np.array([1.0, 1.4, 0.9])
    error = over_both(Differences((0, 1, 2), values))
    assert error is not None
    assert error.p(values.mean(), 0) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    error = over_both(of_items(table))
    assert error is not None
    low, high = error.interval(1.0, error.p(1.0, 0.4))
    assert (low, high) == pytest.approx((0.4, 1.6)) and error.p(1.0, 1.0) == 1.0


def test_variance_that_would_be_negative_is_none() -> None:
    flat = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])  # all means are 0, of rows and of columns
    assert variance_parts(of_items(flat)) == Parts(0.0, 0.0, pytest.approx(2.0))


def test_holm_on_an_example_worked_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


@pytest.mark.parametrize(("k", "size"), [(3, 1), (5, 1), (5, 6)])
def test_the_smallest_detectable_effect_is_found_in_four_studies_of_five(k: int, size: int) -> None:
    effect = smallest_detectable(Error(((1 / math.sqrt(k), k - 1),)), size)
    studies = np.random.default_rng(k).normal(effect, 1, (20_000, k))
    found = stats.ttest_1samp(studies, 0, axis=1)
    assert np.mean((found.pvalue < 0.05 / size) & (found.statistic > 0)) == pytest.approx(0.8, abs=0.012)


def test_a_plan_is_the_first_number_that_excludes_the_threshold() -> None:
    differences = Differences((0, 1, 2), np.array([0.1, 0.5, 0.9]))
    found = plan(differences, 0.0, 0.05)
    assert found.seeds is not None and found.items is None and found.parts.seed == pytest.approx(0.16)

    def excludes(k: int) -> bool:
        return stats.t.ppf(0.975, k - 1) * 0.4 / math.sqrt(k) < 0.5

    assert excludes(found.seeds) and not excludes(found.seeds - 1)


def test_more_items_do_not_settle_what_seeds_leave_open_nor_seeds_what_items_do() -> None:
    random = np.random.default_rng(0)
    noisy_seeds = of_items(0.3 + np.array([[-0.5], [0.5], [0.0]]) + 0.1 * random.normal(size=(3, 512)))
    found = plan(noisy_seeds, 0.0, 0.05)
    assert found.items is None and found.seeds is not None and found.seeds > 3
    noisy_items = of_items(0.02 + random.normal(size=(1, 512)) + 0.01 * random.normal(size=(3, 512)))
    found = plan(noisy_items, noisy_items.effect - 0.02, 0.05)
    assert found.seeds is None and found.items is not None and found.items > 512
    assert plan(noisy_seeds, noisy_seeds.effect, 0.05).seeds is None  # no effect at all


def judged(values: list[float], low: float, high: float) -> str:
    return judge([Judgement("one", Differences(tuple(range(len(values))), np.array(values)), low, high)])[0].outcome


def test_a_verdict_is_where_the_effect_lies_and_how_surely() -> None:
    clear, vague = [1.0, 1.01, 0.99], [1.0, 3.0, -1.0]
    assert judged(clear, 0, math.inf) == SUPPORTED and judged(clear, -math.inf, 0) == CONTRADICTED
    assert judged(vague, 0, math.inf) == INCONCLUSIVE == judged([1.0], 0, math.inf)
    assert judged(clear, 1.5, math.inf) == CONTRADICTED and judged(clear, -math.inf, 1.5) == SUPPORTED
    assert judged([0.01, -0.01, 0.0], -0.5, 0.5) == SUPPORTED and judged(clear, -0.5, 0.5) == CONTRADICTED
    assert judged([0.3, 0.6, 0.4], -0.5, 0.5) == INCONCLUSIVE


def test_a_question_that_two_claims_ask_counts_once() -> None:
    differences = Differences((0, 1, 2), np.array([1.0, 1.2, 0.9]))
    family = judge([Judgement("a", differences, 0, math.inf), Judgement("a", differences, 0, math.inf)])
    assert {one.family_size for one in family} == {1} and family[0].p == family[0].p_holm


def test_a_conjunction_needs_all_and_falls_with_one() -> None:
    assert conjunction([SUPPORTED, SUPPORTED]) == SUPPORTED
    assert conjunction([SUPPORTED, INCONCLUSIVE]) == INCONCLUSIVE == conjunction([])
    assert conjunction([SUPPORTED, INCONCLUSIVE, CONTRADICTED]) == CONTRADICTED


def test_short_calibration_keeps_its_bounds_within_the_spread_of_so_few_studies() -> None:
    random = np.random.default_rng(3)
    rows = [*coverage(random, 120), *verdicts(random, 120)]
    assert len(rows) == 20
    for row in rows:
        low, high = row.spread
        assert low <= row.most and high >= row.least, row
    assert not Row("a wrong one", 60, 120, 0.93, 0.97).kept

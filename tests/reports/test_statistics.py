"""Intervals, verdicts, looks and plans against closed forms, literal sums, other libraries and simulation."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
import pytest
from scipy import stats

from benchmarks.reliability import calibration, synthetic
from reports.statistics.blocks import Error, error
from reports.statistics.differences import Differences, item_size, variance_parts
from reports.statistics.intervals import over_items, over_seeds
from reports.statistics.judging import (
    CONTRADICTED,
    INCONCLUSIVE,
    NO_DIFFERENCE,
    SUPPORTED,
    Judgement,
    conjunction,
    judge,
)
from reports.statistics.layouts import errors, smallest_detectable
from reports.statistics.planning import plan
from reports.statistics.sequential import chances, last_level, look_levels
from reports.statistics.simultaneous import quantile, tail

ONE = ((1.0, -1.0),)


def of_items(table: np.ndarray) -> Differences:
    return Differences(tuple(range(len(table))), table.mean(1), table)


def of_arms(ours: str, theirs: str, values: dict[str, np.ndarray]) -> Differences:
    arms: dict[Hashable, tuple[float, np.ndarray]] = {ours: (1.0, values[ours]), theirs: (-1.0, values[theirs])}
    return Differences(tuple(range(len(values[ours]))), values[ours] - values[theirs], None, arms)


@pytest.fixture
def table() -> np.ndarray:
    random = np.random.default_rng(1)
    return 0.2 + random.normal(size=(4, 1)) * 0.3 + random.normal(size=(1, 50)) + random.normal(size=(4, 50))


@pytest.mark.parametrize("freedom", [2, 6, 30, 1000])
@pytest.mark.parametrize("level", [0.2, 0.05, 0.001])
def test_quantiles_of_all_pairs_are_tukeys(freedom: int, level: float) -> None:
    expected = stats.studentized_range.isf(level, 4, freedom) / math.sqrt(2)
    assert quantile(level, freedom, synthetic.pairs()) == pytest.approx(expected, rel=2e-3)
    assert quantile(level, freedom, ONE) == pytest.approx(stats.t.isf(level / 2, freedom), rel=1e-6)


def test_quantiles_of_all_against_one_hold_by_scipys_multivariate_t() -> None:
    bound = float(quantile(0.05, 8, synthetic.against_one()))
    shape = np.full((3, 3), 0.5) + 0.5 * np.eye(3)
    inside = stats.multivariate_t(shape=shape, df=8, seed=0).cdf([bound] * 3, lower_limit=[-bound] * 3, maxpts=200_000)
    assert inside == pytest.approx(0.95, abs=1e-3)
    assert tail(bound, 8, synthetic.against_one()) == pytest.approx(0.05, rel=1e-6)


def test_many_quantiles_are_those_of_each() -> None:
    freedoms = np.linspace(2, 12, 50)
    each = [float(quantile(0.003, one, synthetic.pairs())) for one in freedoms]
    assert quantile(0.003, freedoms, synthetic.pairs()) == pytest.approx(each, rel=5e-4)


def test_two_arms_alone_are_a_paired_t_test() -> None:
    ours, theirs = np.array([1.0, 1.4, 0.9]), np.array([0.7, 0.8, 0.6])
    expected = stats.ttest_rel(ours, theirs)
    found = error(np.array([ours, theirs]), ONE).at(0)
    assert found.interval((ours - theirs).mean(), 0.05) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p(float((ours - theirs).mean())) == pytest.approx(expected.pvalue, rel=1e-3)
    assert over_seeds(Differences((0, 1, 2), ours - theirs)) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    (alone,) = errors([("m", Differences((0, 1, 2), ours - theirs))])
    assert alone is not None and alone.reach(0.05) == pytest.approx(found.reach(0.05))


def test_the_error_is_the_residual_of_the_two_way_table_and_the_pairs_own() -> None:
    runs = np.random.default_rng(0).normal(size=(4, 5)) + 3 * np.random.default_rng(1).normal(size=5)
    rest = sum(
        (runs[a, s] - runs[a].mean() - runs[:, s].mean() + runs.mean()) ** 2 for a in range(4) for s in range(5)
    ) / (3 * 4)
    found = error(runs, synthetic.pairs())
    own = np.var(runs[0] - runs[1], ddof=1)
    assert found.freedom == 12 and found.variance[0] == pytest.approx(0.3 * 2 * rest + 0.7 * own)
    assert found.unequal_variance[0] == pytest.approx(max(0.8 * 2 * rest + 0.2 * own, own))
    shifted = error(runs + 100 * np.arange(5), synthetic.pairs())  # what a seed does to all cancels
    assert shifted.variance == pytest.approx(found.variance)


def test_arms_that_are_not_alike_are_found_and_their_intervals_wider() -> None:
    rest = np.random.default_rng(1).normal(size=(4, 5))
    alike, unlike = (error(rest * np.array(sd)[:, None], synthetic.pairs()) for sd in ((1, 1, 1, 1), (1, 1, 1, 30)))
    assert alike.alike(0.05) and not unlike.alike(0.05)
    assert not alike.alike(1e-6)  # the smaller the level, the surer it must be
    wide = unlike.reach(0.05)[2] / math.sqrt(unlike.variance[2] / 5)
    assert wide > 1.1 * alike.reach(0.05)[2] / math.sqrt(alike.variance[2] / 5)


def test_one_seed_has_no_interval_over_seeds_and_no_error() -> None:
    one = of_items(np.array([[0.1, 0.3, 0.2, 0.9]]))
    assert over_seeds(one) is None and errors([("m", one)]) == [None] and over_items(one) is not None
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
    assert item_size(table) ** 2 == pytest.approx((of_columns - rest) / (k * n))
    (both,) = errors([("m", of_items(table))])
    assert both is not None and both.size(0.05) ** 2 == pytest.approx((of_seeds + of_columns - rest) / (k * n))
    assert both.reach(0.05) > stats.t.isf(0.025, k - 1) * math.sqrt(of_seeds / (k * n))  # both is more than one
    assert both.interval(1.0, both.p(0.6)) == pytest.approx((0.4, 1.6), rel=1e-3) and both.p(0.0) == 1.0


def test_variance_that_would_be_negative_is_none() -> None:
    flat = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])  # all means are 0, of rows and of columns
    found = variance_parts(of_items(flat))
    assert (found.seed, found.item, item_size(flat)) == (0.0, 0.0, 0.0) and found.rest == pytest.approx(2.0)


def test_comparisons_of_one_metric_share_their_error_and_metrics_share_the_level() -> None:
    random = np.random.default_rng(0)
    values = {name: random.normal(size=4) for name in "abc"}
    asked = [("m", of_arms("a", "b", values)), ("m", of_arms("c", "a", values)), ("n", of_arms("a", "b", values))]
    first, second, other = errors(asked)
    assert first is not None and second is not None and other is not None
    assert first.freedom == second.freedom == 6 and first.contrasts == second.contrasts and first.shares == 2
    assert other.freedom == 3 and other.reach(0.05) == pytest.approx(
        stats.t.isf(0.05 / 4, 3) * stats.sem(values["a"] - values["b"]), rel=1e-4)  # fmt: skip
    constant = {"a": np.full(4, 0.7), "b": np.full(4, 0.7)}  # as what a frozen model keeps
    more = errors([*asked, ("k", of_arms("a", "b", constant))])
    assert more[0] == first and more[3] is not None and more[3].reach(0.05) == pytest.approx(0, abs=1e-12)
    twice = errors([*asked, ("m", of_arms("b", "a", values))])  # the same question, turned round
    assert twice[0] == first


def test_an_arm_that_lacks_a_seed_takes_it_from_its_own_comparisons_alone() -> None:
    random = np.random.default_rng(5)
    values = {name: random.normal(size=4) for name in "abc"}
    short = {name: some[:3] for name, some in values.items()}
    whole, less = errors([("m", of_arms("a", "b", values)), ("m", of_arms("a", "c", short))])
    assert whole is not None and less is not None and (whole.blocks, less.blocks) == (4, 3)
    assert (whole.freedom, less.freedom, less.shares) == (3, 4, 2)  # b was run under those three seeds too


@pytest.mark.parametrize("k", [3, 5])
def test_the_smallest_detectable_effect_is_found_in_four_studies_of_five(k: int) -> None:
    effect = smallest_detectable(Error(ONE, k, 1.0, k - 1.0, 1.0, k - 1.0, 0.0), 0.05)
    found = stats.ttest_1samp(np.random.default_rng(k).normal(effect, 1, (20_000, k)), 0, axis=1)
    assert np.mean((found.pvalue < 0.05) & (found.statistic > 0)) == pytest.approx(0.8, abs=0.012)


def one(values: list[float], low: float = 0.0, high: float = math.inf, margin: float = 0.0) -> Judgement:
    return judge([Judgement("one", Differences(tuple(range(len(values))), np.array(values)), low, high, margin)])[0]


def test_a_plan_is_the_first_number_that_decides() -> None:
    found = plan(one([0.1, 0.5, 0.9]))
    assert found.seeds is not None and found.items is None and found.parts.seed == pytest.approx(0.16)

    def reach(k: int) -> float:
        return stats.t.ppf(0.975, k - 1) * 0.4 / math.sqrt(k)

    assert reach(found.seeds) < 0.5 < reach(found.seeds - 1) and found.outcome == SUPPORTED
    alike = plan(one([0.05, -0.3, 0.3], margin=0.2))
    assert alike.outcome == NO_DIFFERENCE and alike.seeds is not None and alike.seeds < 40
    assert plan(one([0.4, -0.4, 0.0])).seeds is None  # no effect at all, and no margin


def test_more_items_do_not_settle_what_seeds_leave_open_nor_seeds_what_items_do() -> None:
    random = np.random.default_rng(0)
    noisy_seeds = of_items(0.3 + np.array([[-0.5], [0.5], [0.0]]) + 0.1 * random.normal(size=(3, 512)))
    found = plan(judge([Judgement("a", noisy_seeds, 0.0, math.inf)])[0])
    assert found.items is None and found.seeds is not None and found.seeds > 3
    noisy_items = of_items(random.normal(size=(1, 512)) + 0.01 * random.normal(size=(3, 512)))
    found = plan(judge([Judgement("a", noisy_items, noisy_items.effect - 0.02, math.inf)])[0])
    assert found.seeds is None and found.items is not None and found.items > 512


def test_a_verdict_is_where_the_effect_lies_and_how_surely() -> None:
    clear, vague = [1.0, 1.01, 0.99], [1.0, 3.0, -1.0]
    assert one(clear).outcome == SUPPORTED and one(clear, -math.inf, 0.0).outcome == CONTRADICTED
    assert one(vague).outcome == INCONCLUSIVE == one([1.0]).outcome
    assert one(clear, 1.5).outcome == CONTRADICTED and one(clear, -math.inf, 1.5, 1.5).outcome == SUPPORTED
    assert one([0.01, -0.01, 0.0], -0.5, 0.5, 0.5).outcome == SUPPORTED
    assert one(clear, -0.5, 0.5, 0.5).outcome == CONTRADICTED
    assert one([0.3, 0.6, 0.4], -0.5, 0.5, 0.5).outcome == INCONCLUSIVE


def test_an_interval_within_the_margin_is_no_relevant_difference_however_sure() -> None:
    small = [0.10, 0.11, 0.09]
    assert one(small).outcome == SUPPORTED and one(small, margin=0.05).outcome == SUPPORTED
    found = one(small, margin=0.2)
    assert found.outcome == NO_DIFFERENCE == found.at(2.0) and found.at(0.5) == SUPPORTED
    assert one(small, -math.inf, 0.0, margin=0.2).outcome == NO_DIFFERENCE
    assert one([0.3, -0.3, 0.0], margin=0.2).outcome == INCONCLUSIVE


def test_a_conjunction_needs_all_and_falls_with_one() -> None:
    assert conjunction([SUPPORTED, SUPPORTED]) == SUPPORTED
    assert conjunction([SUPPORTED, INCONCLUSIVE]) == INCONCLUSIVE == conjunction([])
    assert conjunction([SUPPORTED, NO_DIFFERENCE, INCONCLUSIVE]) == NO_DIFFERENCE
    assert conjunction([SUPPORTED, INCONCLUSIVE, CONTRADICTED, NO_DIFFERENCE]) == CONTRADICTED


def test_looks_spend_five_per_cent_in_all_and_as_they_go() -> None:
    looks = list(range(3, 21))
    levels = look_levels(looks, 20)
    assert levels[0] == pytest.approx(0.05 * 3 / 20) and last_level(looks[:5], 20) == levels[-1]
    assert look_levels(looks[:7], 20) == levels[:7]  # what is to come changes nothing
    assert look_levels([3, 20], 20)[1] > levels[-1]  # looks that were skipped cost nothing
    sums = np.random.default_rng(0).standard_normal((100_000, 20)).cumsum(1)[:, 2:] / np.sqrt(looks)
    beyond = np.abs(sums) > stats.norm.isf(np.array(levels) / 2)
    assert beyond.any(1).mean() == pytest.approx(0.05, abs=0.0025)
    assert beyond[:, :8].any(1).mean() == pytest.approx(0.05 * 10 / 20, abs=0.002)
    assert look_levels([5], 5) == pytest.approx([0.05])


def test_hope_is_the_chance_of_a_decision_to_come() -> None:
    level = last_level([3], 20)
    found = chances(one([0.2, -0.9, 1.0]), 20, level)
    assert sum(found.values()) == pytest.approx(1) and found[SUPPORTED] < 0.5 < found[INCONCLUSIVE]
    assert chances(one([0.4, 0.3, 0.8]), 20, level)[SUPPORTED] > 0.9
    assert chances(one([0.02, -0.04, 0.03], margin=1.0), 20, level) == {NO_DIFFERENCE: 1.0}
    assert chances(one([1.0]), 20, level) == {}
    random = np.random.default_rng(1)  # against a simulation of what the seeds to come may bring
    start = one([0.2, -0.5, 0.9])
    ends = (0.2 * 3 + random.normal(0.2, np.std([0.2, -0.5, 0.9], ddof=1), (4000, 9)).sum(1)) / 12
    reach = stats.t.isf(0.005, 11) * np.std([0.2, -0.5, 0.9], ddof=1) / math.sqrt(12)
    assert chances(start, 12, 0.01).get(SUPPORTED, 0.0) == pytest.approx(np.mean(ends > reach), abs=0.02)


def test_short_calibration_keeps_its_bounds_within_the_spread_of_so_few_studies() -> None:
    simulations = (calibration.coverage, calibration.item_coverage, calibration.false_verdicts,
                   calibration.at_the_margin, calibration.planted)  # fmt: skip
    rows = [row for simulation in simulations for row in simulation(3, 200)]
    assert len(rows) > 300 and len({row.what for row in rows}) == len(rows)
    for row in rows:  # five standard errors: of 300 rows none may fail by chance
        slack = 5 * math.sqrt(max(row.most * (1 - row.most), row.least * (1 - row.least), 0.02) / row.studies)
        assert row.least - slack <= row.share <= row.most + slack, row
    assert not calibration.Row("a wrong one", 60, 120, 0.93, 0.97).kept


def test_the_calibration_counts_what_judging_decides() -> None:
    tables = synthetic.tables(np.random.default_rng(0), 40, 3, "one 3 times as wide", synthetic.NORMAL)[:, 0]
    effects = tables.mean(-1) @ np.array(synthetic.pairs()).T
    many = error(tables, synthetic.pairs())
    for place, runs in enumerate(tables):
        values = dict(zip("abcd", runs, strict=True))
        asked = [Judgement((a, b), of_arms(a, b, values), 0.0, math.inf, 4.0, "m")
                 for a, b in ("ab", "ac", "ad", "bc", "bd", "cd")]  # fmt: skip
        family = judge(asked)
        reaches = [float(found.error.reach(0.05)) for found in family if found.error]
        assert reaches == pytest.approx(many.reach(0.05)[place], rel=1e-3)
        assert [found.effect for found in family] == pytest.approx(effects[place])

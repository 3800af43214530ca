"""Within a seed the longest runs go first, as soon as it is known which those are."""

from __future__ import annotations

from sweeps.launchers.order import Queue
from sweeps.plan import Point


def points(seeds: list[int], steps: int = 10) -> list[Point]:
    """Two runs of each of three architectures a seed; nothing of their folders is looked at."""
    return [
        Point(name, seed, [], None, "", steps, f"{name} {seed} {turn}")
        for seed in seeds
        for name in ("quick", "slow", "middling")
        for turn in (0, 1)
    ]


def taken(queue: Queue, n: int) -> list[str]:
    return [queue.next().point.label for _ in range(n)]


def test_what_is_not_known_goes_as_it_is_listed():
    queue = Queue(points([0]))
    assert taken(queue, 6) == [point.label for point in points([0])]
    assert queue.next() is None


def test_the_longest_of_a_seed_goes_first_and_no_seed_before_an_earlier_one():
    runs = points([0, 1])
    queue = Queue(runs)
    queue.took(queue.next().point, 1.0)
    assert taken(queue, 1) == ["slow 0 0"]  # what is not known may be long
    queue.took(runs[2], 9.0)
    assert taken(queue, 1) == ["middling 0 0"]
    queue.took(runs[4], 3.0)
    assert taken(queue, 3) == ["slow 0 1", "middling 0 1", "quick 0 1"]
    assert taken(queue, 6) == ["slow 1 0", "slow 1 1", "middling 1 0", "middling 1 1", "quick 1 0", "quick 1 1"]


def test_more_steps_take_longer():
    short, long = points([0], steps=10)[0], points([0], steps=20)[0]
    queue = Queue([short, long])
    queue.took(points([0], steps=1000)[0], 1.0)
    assert [queue.next().point for _ in range(2)] == [long, short]


def test_what_comes_back_undone_waits_for_all_others():
    queue = Queue(points([0, 1]))
    held = queue.next()
    queue.later(held)
    died = queue.next()
    queue.later(died, attempts=1)
    labels = taken(queue, 10)
    assert held.point.label not in labels and died.point.label not in labels
    again = [queue.next(), queue.next()]
    assert [(run.point, run.attempt) for run in again] == [(held.point, 1), (died.point, 2)]
    assert queue.next() is None

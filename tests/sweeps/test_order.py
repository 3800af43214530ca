"""Within a seed the longest runs go first, as soon as it is known which those are."""

from __future__ import annotations

from bench.runs.folder import RunFolder
from sweeps.jobs import Job
from sweeps.launchers.order import Queue
from sweeps.point import Point


def jobs(seeds: list[int], steps: int = 10) -> list[Job]:
    """Two runs of each of three architectures a seed; nothing of their folders is looked at."""
    return [
        Job((Point(name, seed, [], RunFolder(f"{name}-{seed}{turn}"), "", steps, (steps,), label, ""),))
        for seed in seeds
        for name in ("quick", "slow", "middling")
        for turn in (0, 1)
        for label in [f"{name} {seed} {turn}"]
    ]


def labels(some: list[Job]) -> list[str]:
    return [job.points[0].label for job in some]


def taken(queue: Queue, n: int) -> list[str]:
    return labels([queue.next() for _ in range(n)])


def queue_of(some: list[Job]) -> Queue:
    queue = Queue()
    queue.put(some)
    return queue


def test_what_is_not_known_goes_as_it_is_listed():
    assert taken(queue_of(jobs([0])), 6) == labels(jobs([0]))


def test_the_longest_of_a_seed_goes_first_and_no_seed_before_an_earlier_one():
    runs = jobs([0, 1])
    queue = queue_of(runs)
    queue.took(queue.next(), 1.0)
    assert taken(queue, 1) == ["slow 0 0"]  # what is not known may be long
    queue.took(runs[2], 9.0)
    assert taken(queue, 1) == ["middling 0 0"]
    queue.took(runs[4], 3.0)
    assert taken(queue, 3) == ["slow 0 1", "middling 0 1", "quick 0 1"]
    assert taken(queue, 6) == ["slow 1 0", "slow 1 1", "middling 1 0", "middling 1 1", "quick 1 0", "quick 1 1"]


def test_seconds_are_per_step():
    runs = jobs([0], steps=10)[:1] + [Job((jobs([0], steps=1000)[2].points[0],))]
    queue = queue_of(runs)
    queue.took(runs[0], 10.0)  # a second a step
    queue.took(runs[1], 100.0)  # a tenth of it, but a hundred times the steps
    assert taken(queue, 2) == ["slow 0 0", "quick 0 0"]


def test_what_comes_back_goes_behind_all_others():
    runs = jobs([0, 1])
    queue = queue_of(runs)
    first = queue.next()
    queue.put([first])
    assert taken(queue, 12) == [*labels(runs[1:]), *labels(runs[:1])]


def test_a_closed_queue_gives_out_nothing():
    queue = queue_of(jobs([0]))
    queue.close()
    assert queue.next() is None

"""How many requests are in flight finds itself. A model of a system answers, and no test waits."""

import heapq
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.endpoint.concurrency import FEW, MOST_IN_FLIGHT, Concurrency

PAGE, NOTHING = 50_000, 20

#: How many seconds an answer takes, by how many requests are in flight.
Slowness = Callable[[int], float]


def steady(seconds: float) -> Slowness:
    return lambda _: seconds


def with_capacity(capacity: int, seconds: float = 0.05) -> Slowness:
    """A system that works on so many requests at once. The others wait."""
    return lambda in_flight: seconds * max(1.0, in_flight / capacity)


def run(concurrency: Concurrency, slowness: Slowness, answers: int, size: int = PAGE) -> float:
    """Send as many requests as may be in flight, until so many were answered. Returns answers a second."""
    now, numbers, in_flight = 0.0, count(), list[tuple[float, int, float]]()
    for _ in range(answers):
        while len(in_flight) < concurrency.allowed:
            heapq.heappush(in_flight, (now + slowness(len(in_flight) + 1), next(numbers), now))
            concurrency.used(len(in_flight))
        now, _, began = heapq.heappop(in_flight)
        concurrency.answered(now - began, size)
    return answers / now if now else 0.0


def test_it_begins_with_few_and_doubles_while_answers_stay_quick() -> None:
    concurrency = Concurrency()
    allowed = []
    for rounds in (4, 8, 16, 32, 32):
        run(concurrency, steady(0.05), rounds)
        allowed.append(concurrency.allowed)
    assert (FEW, allowed) == (4, [8, 16, 32, 32, 32])


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
def test_it_never_goes_above_its_bound(most: int) -> None:
    concurrency = Concurrency(most)
    assert concurrency.allowed == min(most, FEW)
    run(concurrency, steady(0.05), 1_000)
    assert concurrency.allowed == most


@pytest.mark.parametrize("capacity", [5, 8, 12, 16, 24])
def test_it_settles_where_the_throughput_does(capacity: int) -> None:
    concurrency = Concurrency()
    run(concurrency, with_capacity(capacity), 1_000)
    assert capacity * 0.8 <= concurrency.allowed <= capacity * 1.7
    assert run(concurrency, with_capacity(capacity), 1_000) >= 0.9 * capacity / 0.05


def test_a_system_that_bears_no_more_than_few_gets_few() -> None:
    concurrency = Concurrency()
    run(concurrency, with_capacity(1), 500)
    assert concurrency.allowed <= 2 * FEW


def test_it_goes_down_at_once_when_answers_get_slower_and_up_again_later() -> None:
    concurrency = Concurrency()
    run(concurrency, steady(0.05), 200)
    assert concurrency.allowed == MOST_IN_FLIGHT
    run(concurrency, steady(0.2), MOST_IN_FLIGHT)
    assert concurrency.allowed <= MOST_IN_FLIGHT / 2
    run(concurrency, steady(0.05), 2_000)
    assert concurrency.allowed == MOST_IN_FLIGHT


def test_slow_answers_alone_never_lead_below_few() -> None:
    concurrency = Concurrency()
    for seconds in (0.05, 0.5, 5.0, 50.0):
        run(concurrency, steady(seconds), 10)
        assert concurrency.allowed >= FEW


def test_empty_answers_which_are_quick_do_not_make_full_ones_slow() -> None:
    """A read begins with windows that may be empty."""
    concurrency = Concurrency()
    for full in (0, 1):
        run(concurrency, steady(0.05), full)
        run(concurrency, steady(0.001), 7, size=NOTHING)
    run(concurrency, steady(0.05), 500)
    assert concurrency.allowed > FEW


def test_one_large_answer_does_not_hide_that_the_others_get_slower() -> None:
    concurrency = Concurrency()
    run(concurrency, with_capacity(5), 100)
    concurrency.answered(0.05, 3 * PAGE)
    run(concurrency, with_capacity(5), 1_000)
    assert concurrency.allowed <= 10


def test_a_system_that_has_become_slower_by_itself_is_tried_again() -> None:
    concurrency = Concurrency()
    run(concurrency, steady(0.02), 4)
    run(concurrency, steady(0.09), 3_000)
    assert concurrency.allowed == MOST_IN_FLIGHT


def test_one_slow_answer_changes_nothing() -> None:
    concurrency = Concurrency()
    run(concurrency, steady(0.05), 28)
    concurrency.answered(30.0, PAGE)
    run(concurrency, steady(0.05), 100)
    assert concurrency.allowed == MOST_IN_FLIGHT


def test_it_does_not_rise_while_nobody_uses_it() -> None:
    concurrency = Concurrency()
    for _ in range(500):
        concurrency.used(1)
        concurrency.answered(0.05, PAGE)
    assert concurrency.allowed == FEW


def test_answers_that_come_at_once_need_no_more_requests() -> None:
    concurrency = Concurrency()
    run(concurrency, steady(0.002), 500)
    assert concurrency.allowed == FEW
    concurrency.halve()
    run(concurrency, steady(0.002), 500)
    assert concurrency.allowed == FEW


def test_what_was_too_much_is_approached_step_by_step() -> None:
    concurrency = Concurrency()
    run(concurrency, steady(0.05), 100)
    concurrency.halve()
    assert concurrency.allowed == 16
    run(concurrency, steady(0.05), 16)
    assert concurrency.allowed == 17


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10**6), st.integers(0, 40)) | st.none(), max_size=300),
)
def test_it_stays_within_its_bounds_whatever_happens(most: int, events: list[tuple[float, int, int] | None]) -> None:
    concurrency = Concurrency(most)
    for event in events:
        if event is None:
            concurrency.halve()
        else:
            concurrency.used(event[2])
            concurrency.answered(*event[:2])
        assert 1 <= concurrency.allowed <= most

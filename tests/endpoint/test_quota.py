"""Requests are spread where a system allows only so many in a time. Models of systems answer, and no test waits."""

import math
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint.test_pacing import FakeTime
from thulium_frames.endpoint.concurrency import Concurrency
from thulium_frames.endpoint.pacing import Pace
from thulium_frames.endpoint.quota import Quota

#: Says at a moment how long to wait: 0 where the request is answered.
Limit = Callable[[float], float]


def sliding(limit: int, window: float) -> Limit:
    """At most so many in any time of this length."""
    passed: deque[float] = deque(maxlen=limit)

    def ask(now: float) -> float:
        if len(passed) == limit and passed[0] + window > now:
            return math.ceil(passed[0] + window - now)
        passed.append(now)
        return 0

    return ask


def fixed(limit: int, window: float) -> Limit:
    """At most so many from each full window to the next."""
    counted: dict[int, int] = {}

    def ask(now: float) -> float:
        number = int(now // window)
        counted[number] = counted.get(number, 0) + 1
        return 0 if counted[number] <= limit else math.ceil((number + 1) * window - now)

    return ask


def answers(limit: Limit, seconds: float, each: float = 0.001) -> int:
    """How many requests are answered in this time, where each takes so many seconds of ours."""
    time, answered = FakeTime(), 0
    pace, end = Pace(Concurrency(), time.clock), time.now + seconds
    while time.now < end:
        with pace.turn(time) as began:
            time.now += each
            pause = limit(time.now)
        if pause:
            pace.slow_down(began, pause, too_many=True)
        else:
            pace.answered(began, 1000)
            answered += 1
    return answered


@pytest.mark.parametrize("each", [0.0005, 0.001, 0.002])
@pytest.mark.parametrize("limit", [sliding, fixed])
@pytest.mark.parametrize("seconds", [5, 10, 60])
def test_hardly_a_seventh_is_lost_of_a_hundred_requests_a_second(
    limit: Callable[[int, float], Limit], seconds: int, each: float
) -> None:
    assert answers(limit(100, 1.0), seconds, each) >= 0.85 * 100 * seconds


@pytest.mark.parametrize(("allowed", "window"), [(40, 1.0), (50, 5.0), (600, 60.0), (1000, 60.0)])
@pytest.mark.parametrize("limit", [sliding, fixed])
def test_other_limits_lose_little_too(limit: Callable[[int, float], Limit], allowed: int, window: float) -> None:
    assert answers(limit(allowed, window), 10 * window) >= 0.8 * allowed * 10


def test_nothing_is_spread_until_a_system_says_so() -> None:
    quota = Quota()
    for moment in range(1000):
        assert quota.wait(moment) == 0
        quota.sent(moment)
        quota.answered(moment)
    assert quota.interval == 0


@pytest.mark.parametrize(("answered", "pause"), [(5, 1.0), (500, 30.0), (500, 0.0)])
def test_a_429_that_shows_no_limit_spreads_nothing(answered: int, pause: float) -> None:
    """After a few answers it may have come for any reason. A long pause loses nothing that spreading could win."""
    quota = Quota()
    for _ in range(2):
        for _ in range(answered):
            quota.sent(0.0)
            quota.answered(0.0)
        quota.exceeded(0.1, pause)
    assert quota.interval == 0


def test_what_others_sent_before_does_not_count() -> None:
    limit = sliding(100, 1.0)
    for _ in range(60):
        limit(1000.0)
    assert answers(limit, 10) >= 0.85 * 100 * 10


def test_a_silence_between_requests_does_not_count() -> None:
    quota, now = Quota(), 0.0
    for silence in (0.0, 7200.0, 3600.0):
        now += silence
        for _ in range(50):
            now += 0.01
            quota.sent(now)
            quota.answered(now)
        quota.exceeded(now, 1.0)
        now += 1.0
    assert 0 < quota.interval <= 0.03


@given(st.lists(st.tuples(st.floats(0, 10_000), st.sampled_from(["sent", "answered", "exceeded"])), max_size=300))
def test_the_interval_stays_short_whatever_happens(events: list[tuple[float, str]]) -> None:
    quota, now = Quota(), 0.0
    for seconds, event in events:
        now += seconds
        if event == "sent":
            quota.sent(now)
        elif event == "answered":
            for _ in range(20):
                quota.answered(now)
        else:
            quota.exceeded(now, 1.0)
        assert 0 <= quota.interval <= 0.25
        assert quota.wait(now) <= 0.25 * 301


def test_what_is_spread_grows_slowly_again() -> None:
    quota = Quota(interval=0.01)
    for _ in range(1000):
        quota.answered(0.0)
    assert 0.0095 < quota.interval < 0.0099

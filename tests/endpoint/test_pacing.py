import threading
from contextlib import ExitStack
from dataclasses import FrozenInstanceError
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.endpoint.concurrency import Concurrency
from thulium_frames.endpoint.pacing import Pace
from thulium_frames.endpoint.retries import RetryPolicy


class FakeTime(threading.Event):
    """A clock that stands still, and a stop signal. Waiting for the signal moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.now += timeout
        return self.is_set()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def pace_of(most: int, time: FakeTime) -> Pace:
    """A pace that has reached its limit."""
    return Pace(Concurrency(most, first=most), time.clock)


def answered(pace: Pace, times: int) -> list[int]:
    """The number of allowed requests after each of that many answers."""
    allowed = []
    for _ in range(times):
        pace.concurrency.used(pace.allowed)
        pace.answered(pace.clock() - 1, 100)
        allowed.append(pace.allowed)
    return allowed


# --- slowing down


@pytest.mark.parametrize(("most", "allowed"), [(1, [1, 1]), (2, [1, 1]), (3, [1, 1]), (4, [2, 1]), (9, [4, 2])])
def test_each_burst_halves_the_concurrency_down_to_one(most: int, allowed: list[int], time: FakeTime) -> None:
    pace = pace_of(most, time)
    assert pace.allowed == most
    for expected in allowed:
        time.now += 1
        pace.slow_down(began=time.now, pause=0)
        assert pace.allowed == expected


def test_a_burst_halves_once_however_many_requests_it_had(time: FakeTime) -> None:
    pace = pace_of(8, time)
    with ExitStack() as turns:
        began = [turns.enter_context(pace.turn(time)) for _ in range(8)]
        time.now += 3
        for moment in began:
            pace.slow_down(moment, pause=0)
            time.now += 0.1
    assert pace.allowed == 4


def test_a_request_that_began_after_the_slowing_halves_again(time: FakeTime) -> None:
    pace = pace_of(8, time)
    time.now += 1
    pace.slow_down(began=time.now - 1, pause=0)
    time.now += 1
    with pace.turn(time) as began:
        pace.slow_down(began, pause=0)
    assert pace.allowed == 2


# --- pausing


def test_everybody_waits_for_the_time_that_one_was_told(time: FakeTime) -> None:
    pace = pace_of(4, time)
    start = time.now
    pace.slow_down(began=start, pause=30)
    for _ in range(3):
        with pace.turn(time) as began:
            assert began >= start + 30
    assert time.waits == [30]


def test_the_longest_of_several_pauses_counts(time: FakeTime) -> None:
    pace = pace_of(4, time)
    start = time.now
    pace.slow_down(began=start, pause=30)
    pace.slow_down(began=start, pause=5)
    with pace.turn(time) as began:
        assert began >= start + 30


def test_a_pause_of_a_late_request_of_the_burst_holds_too(time: FakeTime) -> None:
    pace = pace_of(4, time)
    start = time.now
    time.now += 1
    pace.slow_down(began=start, pause=5)
    time.now += 1
    pace.slow_down(began=start, pause=30)
    assert pace.allowed == 2
    with pace.turn(time) as began:
        assert began >= start + 32


def test_without_a_pause_nobody_waits(time: FakeTime) -> None:
    pace = pace_of(2, time)
    with pace.turn(time), pace.turn(time):
        pass
    assert time.waits == []


def test_who_is_told_to_stop_waits_for_nothing(time: FakeTime) -> None:
    pace = pace_of(1, time)
    pace.slow_down(began=time.now, pause=3600)
    time.set()
    with pace.turn(time), pace.turn(time):
        pass
    assert time.waits == []


def test_a_stop_ends_a_pause() -> None:
    pace, stop = Pace(Concurrency(1)), threading.Event()
    pace.slow_down(began=float("inf"), pause=3600)

    def take_a_turn() -> None:
        with pace.turn(stop):
            pass

    worker = threading.Thread(target=take_a_turn, daemon=True)
    worker.start()
    stop.set()
    worker.join(10)
    assert not worker.is_alive()


# --- taking turns


class Telling(threading.Condition):
    """Reports each time that somebody starts to wait on it."""

    def __init__(self, told: "SimpleQueue[str]") -> None:
        super().__init__()
        self.told = told

    def wait(self, timeout: float | None = None) -> bool:
        self.told.put("waits")
        return super().wait(timeout)


@pytest.mark.parametrize(("most", "slowed", "allowed"), [(1, False, 1), (3, False, 3), (3, True, 1), (8, True, 2)])
def test_who_comes_when_all_turns_are_taken_waits_for_one(most: int, slowed: bool, allowed: int) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    pace, stop = Pace(Concurrency(most)), threading.Event()
    pace._changed = Telling(told)
    if slowed:
        pace.slow_down(began=float("inf"), pause=0)

    def take_a_turn() -> None:
        with pace.turn(stop):
            told.put("has a turn")

    with ExitStack() as turns:
        for _ in range(allowed):
            turns.enter_context(pace.turn(stop))
        worker = threading.Thread(target=take_a_turn, daemon=True)
        worker.start()
        assert told.get(timeout=10) == "waits"
    while (news := told.get(timeout=10)) == "waits":
        pass
    assert news == "has a turn"
    worker.join()


def test_a_turn_that_ended_in_an_error_is_given_back(time: FakeTime) -> None:
    pace = pace_of(1, time)
    for _ in range(3):
        with pytest.raises(KeyError), pace.turn(time):
            raise KeyError
    with pace.turn(time) as began:
        assert began == time.now


# --- recovering


def test_the_concurrency_recovers_one_step_with_each_round_of_answers(time: FakeTime) -> None:
    pace = pace_of(4, time)
    time.now += 1
    pace.slow_down(began=time.now, pause=0)
    assert answered(pace, 6) == [2, 3, 3, 3, 4, 4]
    assert answered(pace, 20) == [4] * 20


def test_from_one_the_first_answer_allows_two(time: FakeTime) -> None:
    pace = pace_of(3, time)
    time.now += 1
    pace.slow_down(began=time.now, pause=0)
    assert answered(pace, 4) == [2, 2, 3, 3]


def test_being_slowed_again_starts_the_round_anew(time: FakeTime) -> None:
    pace = pace_of(8, time)
    time.now += 1
    pace.slow_down(began=time.now, pause=0)
    assert answered(pace, 3) == [4, 4, 4]
    time.now += 1
    pace.slow_down(began=time.now, pause=0)
    assert answered(pace, 3) == [2, 3, 3]


@given(st.integers(1, 20), st.lists(st.booleans(), max_size=200))
def test_the_concurrency_stays_within_its_bounds_and_climbs_by_one(most: int, told_to_slow: list[bool]) -> None:
    time = FakeTime()
    pace = pace_of(most, time)
    for slow in told_to_slow:
        before, time.now = pace.allowed, time.now + 1
        if slow:
            pace.slow_down(began=time.now, pause=0)
            assert pace.allowed == max(1, before // 2)
        else:
            pace.concurrency.used(before)
            pace.answered(time.now - 1, 100)
            assert before <= pace.allowed <= min(most, before + 1)


# --- retries


@given(st.floats(0.001, 10), st.floats(0.001, 100), st.integers(1, 10_000))
def test_a_wait_doubles_up_to_the_longest_and_has_jitter(first: float, longest: float, failures: int) -> None:
    policy = RetryPolicy(first_wait=first, max_wait=longest)
    full = first
    for _ in range(failures - 1):
        full = min(2 * full, longest)
    full = min(full, longest)
    assert all(full / 2 <= policy.wait(failures) <= full for _ in range(20))


def test_the_waits_of_several_workers_differ() -> None:
    assert len({RetryPolicy().wait(3) for _ in range(20)}) > 1


def test_a_policy_is_a_value_that_does_not_change() -> None:
    assert RetryPolicy() == RetryPolicy()
    with pytest.raises(FrozenInstanceError):
        RetryPolicy().tries = 3  # type: ignore[misc]  # wrong on purpose

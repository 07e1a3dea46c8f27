"""Systems that honour only the day of a bound: found out on the way, read day by day, and proven."""

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reading.test_plan import Order, Row, newest_first, oldest_first, random_ties
from thulium_frames.errors import ContractError, UnprovenWindowError
from thulium_frames.reading import Grain, Piece, Reading, Span, read_pieces
from thulium_frames.reading.grain import Ends, GrainChangedError, trial_of
from thulium_frames.reading.plan import ReadPlan, WindowRead
from thulium_frames.records import HeldCall, Page, to_batch
from thulium_frames.windows import DAY, MINUTE, Window, floor

START = datetime(2024, 7, 1)
WEEK = Window(START, START + 7 * DAY)
SMALL = Reading(page_rows=10, window_rows=40, ahead_rows=60, batch_rows=1)


def at_random(random: Random) -> Order:
    """A new order for each request."""
    return lambda rows: random.sample(rows, len(rows))


def by_number(rows: list[Row]) -> list[Row]:
    """An order that stays, but has nothing to do with the dates."""
    return sorted(rows, key=lambda row: row.number * 7919 % 1009)


@dataclass
class ByDay:
    """A system of which only the day of one bound, or of both, counts. It notes what it is asked.

    Its rows are sorted by date.
    """

    rows: Sequence[Row]
    order: Order = oldest_first
    is_from_by_day: bool = True
    is_to_by_day: bool = True
    includes_end: bool = True
    most_a_page: int = 100
    asked: list[tuple[Window, Span]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, window: Window, span: Span, stop: threading.Event) -> Page:  # noqa: ARG002  # answers take no time
        with self.lock:
            self.asked.append((window, span))
            found = self.order(self.within(window))
            page = found[span.offset : span.offset + min(span.limit, self.most_a_page)]
            return Page(len(found), [row.call for row in page])

    def within(self, window: Window) -> list[Row]:
        start = floor(window.start, DAY if self.is_from_by_day else MINUTE)
        unit = DAY if self.is_to_by_day else MINUTE
        end = floor(window.end, unit) + (unit if self.includes_end else timedelta(0))
        first, last = (bisect_left(self.rows, moment, key=lambda row: row.date) for moment in (start, end))
        return list(self.rows[first:last])


def some_rows(number: int, window: Window = WEEK, seed: int = 1) -> list[Row]:
    random, seconds = Random(seed), int((window.end - window.start).total_seconds())
    moments = sorted(window.start + timedelta(seconds=random.randrange(seconds)) for _ in range(number))
    return [Row(moment, place) for place, moment in enumerate(moments)]


def in_warsaw(calls: Sequence[HeldCall]) -> pa.RecordBatch:
    return to_batch(calls, "Europe/Warsaw")


def read(
    server: ByDay, window: Window = WEEK, reading: Reading = SMALL, workers: int = 1, grain: Grain | None = None
) -> list[Piece]:
    how = {"reading": reading, "workers": lambda: workers}
    return list(read_pieces(window, server.ask, in_warsaw, grain=grain or Grain(), on_count=id, **how))  # type: ignore[arg-type]  # of several types


def numbers(pieces: Sequence[Piece]) -> list[int]:
    return sorted(int(number) for piece in pieces for number in piece.batch.column("src").to_pylist())


def told(rows: Sequence[Row]) -> list[int]:
    return sorted(row.number for row in rows)


BOUNDS = [(True, True), (True, False), (False, True)]
ORDERS = {
    "oldest first": oldest_first,
    "newest first": newest_first,
    "new ties": random_ties(Random(1)),
    "by number": by_number,
    "at random": at_random(Random(1)),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("is_from_by_day", "is_to_by_day"), BOUNDS)
@pytest.mark.parametrize("includes_end", [True, False])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_call_is_read_once_in_time_order(
    order: str, is_from_by_day: bool, is_to_by_day: bool, includes_end: bool, workers: int
) -> None:
    server = ByDay(some_rows(300), ORDERS[order], is_from_by_day, is_to_by_day, includes_end)
    pieces = read(server, reading=SMALL, workers=workers)
    assert numbers(pieces) == told(server.rows)
    assert (pieces[0].window.start, pieces[-1].window.end) == (WEEK.start, WEEK.end)
    assert all(before.window.end == after.window.start for before, after in pairwise(pieces))


@pytest.mark.parametrize("is_to_by_day", [True, False])
def test_a_system_is_found_out_once_and_asked_for_days_from_there_on(is_to_by_day: bool) -> None:
    grain, server = Grain(), ByDay(some_rows(300), newest_first, is_from_by_day=True, is_to_by_day=is_to_by_day)
    read(server, grain=grain)
    assert grain.unit is DAY
    assert grain.ends is (Ends.DAY_INCLUDED if is_to_by_day else Ends.BY_MINUTE)
    server.asked.clear()
    assert numbers(read(server, grain=grain)) == told(server.rows)
    assert all(window.start == floor(window.start, DAY) for window, _ in server.asked)


def test_a_system_that_excludes_the_last_day_is_found_out_by_the_trial() -> None:
    grain, server = Grain(), ByDay(some_rows(300), by_number, includes_end=False)
    assert numbers(read(server, grain=grain)) == told(server.rows)
    assert (grain.unit, grain.ends) == (DAY, Ends.DAY_EXCLUDED)


def test_a_system_that_honours_minutes_is_read_by_minutes() -> None:
    grain = Grain()
    server = ByDay(some_rows(300), oldest_first, is_from_by_day=False, is_to_by_day=False)
    assert numbers(read(server, grain=grain)) == told(server.rows)
    assert grain.unit is MINUTE
    assert any(window.start != floor(window.start, DAY) for window, _ in server.asked)


def test_the_day_after_the_last_is_asked_for_only_until_it_is_known_to_come() -> None:
    rows = some_rows(60, Window(START, START + DAY)) + some_rows(500, Window(START + DAY, START + 2 * DAY), seed=2)
    grain, server = Grain(), ByDay(rows, oldest_first)
    day = Window(START, START + DAY)
    assert numbers(read(server, day, grain=grain)) == told(rows[:60])
    server.asked.clear()
    read(server, day, grain=grain)
    assert {window.end for window, _ in server.asked} == {START + DAY - MINUTE}


def test_the_last_minute_is_not_lost_where_the_end_is_excluded() -> None:
    late = Row(START + DAY - timedelta(seconds=1), 999)
    server = ByDay([*some_rows(60, Window(START, START + DAY)), late], includes_end=False)
    assert 999 in numbers(read(server, Window(START, START + DAY)))


@pytest.mark.parametrize("most_a_page", [1, 3, 7])
def test_pages_may_be_shorter_than_asked_for(most_a_page: int) -> None:
    server = ByDay(some_rows(120), newest_first, most_a_page=most_a_page)
    assert numbers(read(server)) == told(server.rows)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("is_from_by_day", "is_to_by_day"), BOUNDS)
def test_a_part_of_a_day_is_that_part_alone(order: str, is_from_by_day: bool, is_to_by_day: bool) -> None:
    window = Window(START + timedelta(hours=10), START + timedelta(days=2, hours=15))
    server = ByDay(some_rows(300), ORDERS[order], is_from_by_day, is_to_by_day)
    assert numbers(read(server, window)) == [row.number for row in server.rows if window.start <= row.date < window.end]


@pytest.mark.parametrize("order", ["oldest first", "newest first", "by number"])
@pytest.mark.parametrize(("is_from_by_day", "is_to_by_day"), BOUNDS)
@pytest.mark.parametrize("days", [1, 7])
def test_crowded_days_take_little_more_than_two_requests_for_a_page(
    order: str, is_from_by_day: bool, is_to_by_day: bool, days: int
) -> None:
    rows = [
        row for day in range(days + 1) for row in some_rows(2_000, Window(START + day * DAY, START + (day + 1) * DAY))
    ]
    rows = [Row(row.date, number) for number, row in enumerate(rows)]
    server = ByDay(rows, ORDERS[order], is_from_by_day, is_to_by_day)
    window = Window(START, START + days * DAY)
    expected = [row.number for row in rows if row.date < window.end]
    assert numbers(read(server, window, Reading(), workers=1)) == expected
    assert len(server.asked) <= 2.3 * len(expected) / 100


def test_days_that_fit_a_page_cost_a_request_for_a_page_of_them() -> None:
    server = ByDay(some_rows(2_000, Window(START, START + 100 * DAY)), oldest_first)
    window = Window(START, START + 100 * DAY)
    assert numbers(read(server, window, Reading(), workers=1)) == told(server.rows)
    assert len(server.asked) <= 1.5 * 2_000 / 100


def test_a_huge_day_holds_itself_and_the_look_ahead() -> None:
    days = [Window(START + day * DAY, START + (day + 1) * DAY) for day in range(4)]
    rows = [row for day in days for row in some_rows(1_000, day)]
    server = ByDay([Row(row.date, number) for number, row in enumerate(rows)], oldest_first)
    grain = Grain()
    grain.is_day, grain.ends = True, Ends.DAY_INCLUDED
    read(server, Window(START, START + 4 * DAY), Reading(ahead_rows=200), 4, grain)
    held = most_held(server, Reading(ahead_rows=200), grain)
    assert held <= 1_000 + 200 + 4 * 100


def most_held(server: ByDay, reading: Reading, grain: Grain) -> int:
    """Drive a plan as four workers would, and return the most calls that it held."""
    plan, most = ReadPlan(Window(START, START + 4 * DAY), reading, 4, grain), 0
    under_way: list[tuple[WindowRead, Span]] = []
    while plan.front is not None:
        while len(under_way) < 4 and (task := plan.next_request()) is not None:
            under_way.append(task)
        wanted, span = under_way.pop(0)
        runs = plan.receive(wanted, server.ask(wanted.asked, span, threading.Event()))
        reads = [wanted for _, wanted in plan._wanted] + [wanted for wanted, _ in under_way]
        most = max(most, plan._held + sum(wanted.crowd.held for wanted in reads if wanted.crowd))
        for run in sorted(runs, key=lambda run: run.window):
            if run.window.start == plan.front:
                plan.deliver(run.window, len(run.calls))
    return most


@given(
    st.integers(0, 80),
    st.integers(0, 10**6),
    st.sampled_from(BOUNDS),
    st.booleans(),
    st.sampled_from(list(ORDERS)),
    st.integers(1, 12),
)
def test_any_system_by_the_day_is_read_exactly(
    number: int, seed: int, bounds: tuple[bool, bool], includes_end: bool, order: str, most_a_page: int
) -> None:
    rows = some_rows(number, Window(START, START + 3 * DAY), seed)
    server = ByDay(rows, ORDERS[order], *bounds, includes_end, most_a_page)
    pieces = read(server, Window(START, START + 3 * DAY), Reading(page_rows=5, window_rows=20, batch_rows=1))
    assert numbers(pieces) == told(rows)


@given(st.integers(0, 10**6), st.sampled_from(BOUNDS), st.sampled_from(list(ORDERS)))
def test_calls_that_come_and_go_are_read_once_or_the_day_is_named(
    seed: int, bounds: tuple[bool, bool], order: str
) -> None:
    """Calls that are there all the time are read once; others at most once."""
    random = Random(seed)
    rows = some_rows(60, Window(START, START + 3 * DAY), seed)
    passing = {row.number for row in random.sample(rows, 6)}

    class Changing(ByDay):
        def within(self, window: Window) -> list[Row]:
            self.rows = [row for row in rows if row.number not in passing or random.random() < 0.7]
            return super().within(window)

    server = Changing(rows, ORDERS[order], *bounds)
    try:
        found = numbers(read(server, Window(START, START + 3 * DAY), Reading(page_rows=10, window_rows=20)))
    except UnprovenWindowError:
        return
    assert len(set(found)) == len(found)
    assert set(told(rows)) - passing <= set(found)


def test_a_grain_that_another_read_found_out_is_taken_over() -> None:
    grain, rows = Grain(), some_rows(300)

    class Told(ByDay):
        def ask(self, window: Window, span: Span, stop: threading.Event) -> Page:
            if len(self.asked) == 3:
                grain.is_day = True
            return super().ask(window, span, stop)

    server = Told(rows, oldest_first)
    assert numbers(read(server, grain=grain)) == told(rows)


def test_a_call_of_a_day_that_was_not_asked_for_is_an_error_that_names_it() -> None:
    class Careless(ByDay):
        def within(self, window: Window) -> list[Row]:  # noqa: ARG002  # that is the point
            return list(self.rows)

    server = Careless(some_rows(30), at_random(Random(1)))
    day = Window(START + 2 * DAY, START + 3 * DAY)
    with pytest.raises(ContractError, match=r"asked for calls of 2024-07-03 00:00 .* answered one of 2024-07-0[1-7]"):
        read(server, day)


def test_a_call_of_an_earlier_minute_makes_the_grain_a_day_once() -> None:
    grain, calls = Grain(), [Row(START, 1).call]
    start, end = START + timedelta(hours=5), START + timedelta(hours=6)
    with pytest.raises(GrainChangedError):
        grain.check(Window(start, end), calls)
    assert grain.unit is DAY
    grain.check(Window(grain.first_asked(start), grain.last_asked(end)), calls)


def test_a_call_of_a_later_minute_tells_that_the_whole_day_comes() -> None:
    grain, calls = Grain(), [Row(START + timedelta(hours=20), 1).call]
    grain.check(Window(START - DAY, START), calls)
    assert (grain.unit, grain.ends) == (MINUTE, Ends.DAY_INCLUDED)
    assert grain.last_asked(START) == START - MINUTE


def test_a_trial_needs_a_call_after_midnight() -> None:
    assert trial_of([Row(START, 1).call]) is None
    noon = START + timedelta(hours=12)
    assert trial_of([Row(noon, 1).call, Row(START, 2).call]) == Window(noon, noon + MINUTE)
    last = START + DAY - MINUTE
    assert trial_of([Row(last, 1).call, Row(noon, 2).call]) == Window(last - MINUTE, last)
    assert trial_of([Row(noon, 1).call, Row(noon - MINUTE, 2).call]) == Window(noon, noon + MINUTE)


def test_the_last_minute_of_a_day_can_be_asked_for_where_the_whole_day_comes() -> None:
    rows = some_rows(150, Window(START + DAY - 2 * MINUTE, START + DAY)) + some_rows(300, Window(START + DAY, WEEK.end))
    server = ByDay([Row(row.date, number) for number, row in enumerate(rows)], newest_first, is_from_by_day=False)
    grain = Grain(Ends.DAY_INCLUDED)
    for start in (START, START + DAY - MINUTE):
        expected = [row.number for row in server.rows if start <= row.date < START + DAY]
        assert numbers(read(server, Window(start, START + DAY), Reading(page_rows=100), grain=grain)) == expected

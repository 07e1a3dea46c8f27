"""Tests drive the window plan without threads, against a model of the server that shares no code with it."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doses import examples
from thulium_frames.errors import ContractError, UnprovenWindowError
from thulium_frames.reading import Grain, Reading, Span
from thulium_frames.reading.grain import Ends, GrainChangedError
from thulium_frames.reading.plan import ReadPlan, WindowRead
from thulium_frames.reading.runs import ProvenRun
from thulium_frames.records import Page
from thulium_frames.records.call import HeldCall, Record, calls_of
from thulium_frames.windows import Window

START = datetime(2024, 7, 1)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
ROOT = Window(START, START + 2 * DAY)
SMALL = Reading(page_rows=5, window_rows=20, ahead_rows=40, batch_rows=1)


def honours_minutes() -> Grain:
    """What is known of a system that honours minutes."""
    return Grain(Ends.BY_MINUTE)


@dataclass(frozen=True)
class Row:
    """A call record of the model. `number` tells it from other records; `rating` may be edited later."""

    date: datetime
    number: int
    connection_id: str = "1"
    rating: str | None = None

    @property
    def call(self) -> HeldCall:
        written = f"{self.date:%Y-%m-%d %H:%M:%S}"
        tags = [self.rating or "none"]
        (call,) = calls_of([Record(written, str(self.number), connection_id=self.connection_id, tags=tags)])
        return call


def record(call: HeldCall) -> Record:
    return msgspec.json.decode(call.line, type=Record)


Order = Callable[[list[Row]], list[Row]]


def oldest_first(rows: list[Row]) -> list[Row]:
    return rows


def newest_first(rows: list[Row]) -> list[Row]:
    return rows[::-1]


def random_ties(random: Random) -> Order:
    """Sorted by minute, and within a minute in a new order for each request."""
    return lambda rows: sorted(rows, key=lambda row: (row.date.replace(second=0), random.random()))


class Server:
    """Answers with rows from `date_from` to `date_to`. `includes_end` says whether the minute `date_to` is included.

    `before_answer` may change the rows.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        order: Order = oldest_first,
        *,
        most_a_page: int = 100,
        includes_end: bool = True,
        before_answer: "Callable[[Server], None]" = lambda _: None,
    ) -> None:
        self.rows = sorted(rows, key=lambda row: (row.date, row.number))
        self.order = order
        self.most_a_page = most_a_page
        self.includes_end = includes_end
        self.before_answer = before_answer
        self.requests = 0
        #: The rows at the time of each request.
        self.snapshots: list[list[Row]] = []

    def within(self, start: datetime, end: datetime) -> list[Row]:
        first, last = (bisect_left(self.rows, moment, key=lambda row: row.date) for moment in (start, end))
        return self.rows[first:last]

    def answer(self, window: Window, span: Span) -> Page:
        self.before_answer(self)
        self.requests += 1
        self.snapshots.append(self.rows)
        found = self.within(window.start, window.end + MINUTE if self.includes_end else window.end)
        page = self.order(found)[span.offset : span.offset + min(span.limit, self.most_a_page)]
        return Page(len(found), [row.call for row in page])

    @property
    def crowd(self) -> int:
        """The most rows of two consecutive minutes. No split can make an answer smaller than that."""
        minutes = Counter(row.date.replace(second=0) for row in self.rows)
        return max((rows + minutes[minute + MINUTE] for minute, rows in list(minutes.items())), default=0)


@dataclass
class Outcome:
    windows: list[Window] = field(default_factory=list)
    calls: list[list[HeldCall]] = field(default_factory=list)
    error: UnprovenWindowError | None = None

    @property
    def numbers(self) -> list[str]:
        return sorted(record(call).src or "" for calls in self.calls for call in calls)


Choose = Callable[[int], int]


def in_turn(_: int) -> int:
    return 0


def in_turn_from_the_end(under_way: int) -> int:
    return under_way - 1


def drive(
    server: Server, root: Window, reading: Reading, *, workers: int = 1, choose: Choose = in_turn, most: int = 5_000
) -> Outcome:
    """Read a window as the workers do, one step at a time. `choose` says which answer arrives next.

    It also checks that the plan asks for nothing more while the look-ahead is full, and that reading ends.
    """
    plan, outcome = ReadPlan(root, reading, workers, honours_minutes()), Outcome()
    under_way: list[tuple[WindowRead, Span]] = []
    proven: dict[datetime, ProvenRun] = {}
    while plan.front is not None:
        while len(under_way) < workers and (task := plan.next_request()) is not None:
            assert 1 <= task[1].limit <= reading.page_rows
            assert task[1].offset >= 0
            is_next = all(task[0].window.start < read.window.start for read, _ in under_way)
            assert is_next or held_by(proven) < reading.ahead_rows, "there is enough to deliver"
            under_way.append(task)
        assert under_way, "nothing is under way, and nothing is asked for"
        read, span = under_way.pop(choose(len(under_way)))
        try:
            runs = plan.receive(read, server.answer(read.asked, span))
        except UnprovenWindowError as error:
            outcome.error = error
            return outcome
        for run in runs:
            assert run.window.start not in proven
            assert not any(call.date and call.date > f"{run.window.end:%Y-%m-%d %H:%M:59}" for call in run.calls)
            proven[run.window.start] = run
        assert server.requests < most, "there is no end"
        held, bound = held_by(proven), reading.ahead_rows + (workers + 1) * reading.page_rows
        assert held <= bound or held <= bound + (workers + 1) * server.crowd
        while plan.front in proven:
            take(plan, proven.pop(plan.front), outcome)
    assert plan.close() == []
    assert plan._held == 0
    return outcome


def told_by(plan: ReadPlan, server: Server, read: WindowRead, span: Span) -> dict[datetime, ProvenRun]:
    """The runs that the server's answer completes, by their starts."""
    return {run.window.start: run for run in plan.receive(read, server.answer(read.asked, span))}


def take(plan: ReadPlan, run: ProvenRun, outcome: Outcome) -> None:
    outcome.windows.append(run.window)
    outcome.calls.append(within(run.window, run.calls))
    plan.deliver(run.window, len(run.calls))


def held_by(proven: dict[datetime, ProvenRun]) -> int:
    return sum(len(run.calls) for run in proven.values())


def within(window: Window, calls: Iterable[HeldCall]) -> list[HeldCall]:
    start, end = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (window.start, window.end))
    return [call for call in calls if start <= (call.date or "") < end]


def told(rows: Iterable[Row]) -> list[str]:
    return sorted(str(row.number) for row in rows)


def assert_covered(outcome: Outcome, root: Window) -> None:
    assert outcome.error is None
    assert outcome.windows[0].start == root.start
    assert outcome.windows[-1].end == root.end
    assert [window.end for window in outcome.windows[:-1]] == [window.start for window in outcome.windows[1:]]


def spread(rows: int, root: Window) -> list[Row]:
    step = (root.end - root.start) / rows
    return [Row((root.start + number * step).replace(microsecond=0), number) for number in range(rows)]


CROWDED = START + 600 * MINUTE


def crowd(rows: int, minute: datetime = CROWDED) -> list[Row]:
    return [Row(minute + number % 60 * SECOND, number) for number in range(rows)]


# --- whatever the server does, and in whatever order its answers arrive

READINGS = st.builds(
    Reading,
    page_rows=st.integers(1, 6),
    window_rows=st.integers(1, 15),
    ahead_rows=st.integers(1, 40),
    batch_rows=st.integers(1, 15),
    fruitless_reads=st.just(60),
)
MOMENTS = st.one_of(
    st.integers(0, 2 * 24 * 60 - 1).map(lambda minute: START + minute * MINUTE),
    st.sampled_from([0, 1, 719, 1439, 1440, 2879]).map(lambda minute: START + minute * MINUTE),
)
ROWS = st.lists(
    st.tuples(MOMENTS, st.integers(0, 59), st.sampled_from(["1.1", "1.2", "2.1"])),
    max_size=30,
).map(
    lambda drawn: [
        Row(minute + second * SECOND, number, connection_id)
        for number, (minute, second, connection_id) in enumerate(drawn)
    ]
)
ORDERS = st.one_of(
    st.sampled_from([oldest_first, newest_first]),
    st.integers(0, 2**32).map(lambda seed: random_ties(Random(seed))),
)
CHOICES = st.randoms(use_true_random=False).map(lambda random: random.randrange)
SERVERS = st.builds(Server, ROWS, ORDERS, most_a_page=st.sampled_from([1, 2, 3, 100]), includes_end=st.booleans())


@given(SERVERS, READINGS, st.integers(1, 5), CHOICES)
@settings(max_examples=examples(300))
def test_calls_that_stand_still_are_all_read_in_time_order(
    server: Server, reading: Reading, workers: int, choose: Choose
) -> None:
    outcome = drive(server, ROOT, reading, workers=workers, choose=choose)
    assert_covered(outcome, ROOT)
    assert outcome.numbers == told(server.rows)


@given(ROWS, READINGS, st.sampled_from([oldest_first, newest_first]))
def test_each_window_holds_its_own_calls(rows: list[Row], reading: Reading, order: Order) -> None:
    server = Server(rows, order)
    outcome = drive(server, ROOT, reading)
    for window, calls in zip(outcome.windows, outcome.calls, strict=True):
        assert sorted(record(call).src or "" for call in calls) == told(server.within(window.start, window.end))


@dataclass
class Drift:
    """Makes the next change of a list before each answer: one row more, one row less, or an edited rating."""

    changes: list[tuple[str, int]]
    done: int = 0

    def __call__(self, server: Server) -> None:
        if self.done == len(self.changes):
            return
        kind, number = self.changes[self.done]
        self.done += 1
        rows = list(server.rows)
        if kind == "added":
            rows.append(Row(START + number * 7 % 2880 * MINUTE, 1000 + self.done))
        elif kind == "crowded":
            rows.append(Row(START + number % 60 * SECOND, 1000 + self.done))
        elif rows:
            row = rows.pop(number % len(rows))
            if kind == "rated":
                rows.append(replace(row, rating=f"{self.done} stars"))
        server.rows = sorted(rows, key=lambda row: (row.date, row.number))


def drifts(*kinds: str) -> st.SearchStrategy[Drift]:
    changes = st.tuples(st.sampled_from(["none", *kinds]), st.integers(0, 3000))
    return st.lists(changes, max_size=60).map(
        lambda drawn: Drift([change if change[0] != "none" else ("rated", change[1]) for change in drawn])
    )


@given(SERVERS, drifts("added", "crowded") | drifts("removed") | drifts("rated"), READINGS, st.integers(1, 4), CHOICES)
@settings(max_examples=examples(400))
def test_calls_that_change_meanwhile_never_make_a_minute_that_was_not(
    server: Server, drift: Drift, reading: Reading, workers: int, choose: Choose
) -> None:
    server.before_answer = drift
    outcome = drive(server, ROOT, reading, workers=workers, choose=choose)
    snapshots = [by_minute((row.date, str(row.number)) for row in rows) for rows in server.snapshots]
    for window, calls in zip(outcome.windows, outcome.calls, strict=True):
        records = [record(call) for call in calls]
        read = by_minute((datetime.fromisoformat(row.date or ""), row.src or "") for row in records)
        for minute in {minute for snapshot in snapshots for minute in snapshot}:
            if window.start <= minute < window.end:
                assert read.get(minute, []) in [snapshot.get(minute, []) for snapshot in snapshots]
    if outcome.error is None:
        assert_covered(outcome, ROOT)


def by_minute(rows: Iterable[tuple[datetime, str]]) -> dict[datetime, list[str]]:
    found: dict[datetime, list[str]] = {}
    for moment, number in sorted(rows):
        found.setdefault(moment.replace(second=0), []).append(number)
    return {minute: sorted(numbers) for minute, numbers in found.items()}


@given(SERVERS, drifts("added", "crowded", "removed"), READINGS, st.integers(1, 4), CHOICES)
@settings(max_examples=examples(800))
def test_calls_that_come_and_go_meanwhile_hide_none_that_stayed(
    server: Server, drift: Drift, reading: Reading, workers: int, choose: Choose
) -> None:
    server.before_answer = drift
    outcome = drive(server, ROOT, reading, workers=workers, choose=choose)
    ever = {str(row.number) for snapshot in server.snapshots for row in snapshot}
    assert set(outcome.numbers) <= ever
    assert len(set(outcome.numbers)) == len(outcome.numbers)
    for window, calls in zip(outcome.windows, outcome.calls, strict=True):
        numbers = [told(row for row in rows if window.start <= row.date < window.end) for rows in server.snapshots]
        always = set(numbers[0]).intersection(*numbers)
        assert always <= {record(call).src for call in calls}


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_a_call_that_goes_while_another_comes_hides_no_third(order: Order) -> None:
    """The count stays the same. But the plan asks for no later page by its offset, so no call can slip past."""
    rows = spread(13, ROOT)
    goes, comes = (rows[1], Row(rows[-1].date, 99)) if order is oldest_first else (rows[-2], Row(START, 99))

    def change(server: Server) -> None:
        if server.requests == 1:
            server.rows = sorted([*(set(rows) - {goes}), comes], key=lambda row: (row.date, row.number))

    server = Server(rows, order, before_answer=change)
    assert drive(server, ROOT, SMALL).numbers == told(server.rows)


class ScriptedServer(Server):
    """Gives one prepared page for each request."""

    def __init__(self, pages: list[tuple[int, list[Row]]]) -> None:
        super().__init__([])
        self.pages = pages
        self.asked: list[tuple[int, int]] = []

    def answer(self, window: Window, span: Span) -> Page:  # noqa: ARG002  # the same for any window
        self.asked.append((span.offset, span.limit))
        count, rows = self.pages[self.requests]
        self.requests += 1
        return Page(count, [row.call for row in rows])


def drive_minute(pages: list[tuple[int, list[Row]]], *, fruitless_reads: int = 12) -> Outcome:
    """Read one crowded minute, a row at a time, from prepared pages."""
    reading = Reading(page_rows=1, window_rows=10, ahead_rows=10, fruitless_reads=fruitless_reads)
    return drive(ScriptedServer(pages), Window(CROWDED, CROWDED + MINUTE), reading)


def test_a_crowded_minute_is_proven_when_each_call_was_seen_before_and_after_a_count_of_them() -> None:
    rows = crowd(3)
    outcome = drive_minute([(3, [row]) for row in rows + rows])
    assert (outcome.numbers, outcome.error) == (told(rows), None)


def test_calls_are_told_as_they_were_seen_last() -> None:
    row, other = crowd(2)
    rated = replace(row, rating="5 stars")
    outcome = drive_minute([(2, [seen]) for seen in (row, other, rated, other)])
    assert [record(call).tags for call in outcome.calls[0]] == [["5 stars"], ["none"]]


def test_a_call_that_went_between_two_reads_of_a_crowded_minute_is_not_told() -> None:
    """The reads report different counts, so the calls of the first read prove nothing about the second."""
    kept, gone, unseen = crowd(3)
    with_gone = [(3, [kept]), (3, [gone]), (3, [kept])]
    without = [(2, [kept]), (2, [kept]), (2, [kept]), (2, [unseen]), (2, [kept]), (2, [unseen])]
    assert drive_minute(with_gone + without).numbers == told([kept, unseen])


def test_a_read_in_which_the_count_changed_adds_nothing_to_a_crowded_minute() -> None:
    gone, kept, one, other = crowd(4)
    changing = [(2, [gone]), (3, [kept])]
    without = [(3, [row]) for row in (one, other, kept, one, kept, other)]
    assert drive_minute(changing + without).numbers == told([kept, one, other])


def test_calls_of_a_crowded_minute_that_were_replaced_are_forgotten() -> None:
    """The count stayed the same, and that many different calls were seen. But they were never there all at once."""
    kept, gone, one, other = crowd(4)
    before = [(3, [row]) for row in (kept, gone, one)]
    after = [(3, [row]) for row in (other, one, kept, other, one, kept, other, one)]
    assert drive_minute(before + after).numbers == told([kept, one, other])


def test_more_calls_than_are_counted_are_forgotten() -> None:
    """The system counts two calls, and a page shows two. But the reading saw a third call before."""
    gone, one, other = crowd(3)
    pages = [(2, [gone]), (2, [one, other]), (2, [one, other]), (2, [other, one])]
    assert drive_minute(pages).numbers == told([one, other])


def test_a_crowded_minute_is_read_on_while_each_read_brings_a_call() -> None:
    rows = crowd(6)
    pages = [(6, [row]) for row in rows + rows for _ in range(6)]
    assert drive_minute(pages, fruitless_reads=2).numbers == told(rows)


@pytest.mark.parametrize("fruitless_reads", [1, 2, 5])
def test_a_crowded_minute_is_given_up_after_so_many_reads_without_a_new_call(fruitless_reads: int) -> None:
    one, other, third = crowd(3)
    pages = [(3, [one])] * 4 + [(3, [other])] * 4 * (fruitless_reads + 1)
    outcome = drive_minute([*pages, *[(3, [third])] * 30], fruitless_reads=fruitless_reads)
    assert outcome.error is not None
    assert f"the system counts 3, 2 were told apart, and {fruitless_reads} reads in a row" in str(outcome.error)


@pytest.mark.parametrize("reads", [["aaaa", "bbb"], ["aaaa", "aabb", "aaa"], ["aaaa", "aabb", "aaa", "aab"]])
def test_a_crowded_minute_whose_count_never_rests_is_given_up(reads: list[str]) -> None:
    """Each read has one count and proves nothing, not even together with other reads of the same count."""
    rows = dict(zip("ab", crowd(2), strict=True))
    pages = [(len(read) + 1, [rows[name]]) for read in reads for name in read + read[-1]]
    assert drive_minute(pages * 60, fruitless_reads=12).error is not None


def test_a_crowded_minute_that_empties_while_it_is_read_is_empty() -> None:
    outcome = drive_minute([(2, crowd(1)), (0, []), (0, []), (0, [])])
    assert (outcome.numbers, outcome.error) == ([], None)


def test_a_rating_given_meanwhile_does_not_make_two_calls_of_one() -> None:
    server = Server(crowd(12), random_ties(Random(3)), before_answer=Drift([("rated", n) for n in range(200)]))
    outcome = drive(server, ROOT, Reading(page_rows=5, window_rows=20, ahead_rows=40, fruitless_reads=60))
    assert outcome.numbers == told(server.rows)


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_an_hour_in_which_calls_come_in_ends_with_all_of_them(order: Order) -> None:
    server = Server(spread(60, ROOT), order, before_answer=Drift([("added", number * 11) for number in range(40)]))
    outcome = drive(server, ROOT, replace(SMALL, fruitless_reads=60), workers=3)
    assert_covered(outcome, ROOT)
    assert set(outcome.numbers) >= set(told(server.snapshots[0]))


# --- equal rows, and rows that share an id


def test_equal_rows_of_one_page_are_different_calls() -> None:
    equal = Row(START, 7)
    outcome = drive(Server([equal, equal, equal, Row(START + MINUTE, 8)]), ROOT, SMALL)
    assert outcome.numbers == ["7", "7", "7", "8"]


def test_equal_rows_are_all_kept_where_the_windows_are_small_enough() -> None:
    equal = Row(START + 30 * MINUTE, 7)
    outcome = drive(Server([*spread(30, ROOT), equal, equal], newest_first), ROOT, SMALL)
    assert_covered(outcome, ROOT)
    assert outcome.numbers == sorted([*told(spread(30, ROOT)), "7", "7"])


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 4), st.integers(0, 2**32))
def test_equal_rows_of_a_crowded_minute_are_told_or_the_minute_is_not(numbers: list[int], page: int, seed: int) -> None:
    server = Server([Row(START, number) for number in numbers], random_ties(Random(seed)))
    outcome = drive(server, ROOT, Reading(page_rows=page, window_rows=page, ahead_rows=20))
    if outcome.error is None:
        assert outcome.numbers == told(server.rows)


def test_equal_calls_on_both_sides_of_a_page_edge_in_a_crowded_minute_are_told() -> None:
    """The order never changes. If the edges of the pages never changed either, the two would never share a page."""
    rows = sorted([*crowd(14), Row(CROWDED, 4), Row(CROWDED, 4)], key=lambda row: row.number)
    server = Server(rows, lambda found: sorted(found, key=lambda row: row.number))
    outcome = drive(server, Window(CROWDED, CROWDED + MINUTE), SMALL)
    assert (outcome.numbers, outcome.error) == (told(rows), None)


def test_legs_of_one_call_share_an_id_and_are_all_kept() -> None:
    legs = [Row(START + number * MINUTE, number, "1719784800.1") for number in range(17)]
    assert drive(Server(legs), ROOT, SMALL).numbers == told(legs)


# --- proof


def test_a_window_of_less_than_a_page_is_taken_at_one_request() -> None:
    server = Server(spread(4, ROOT))
    assert drive(server, ROOT, SMALL).windows == [ROOT]
    assert server.requests == 1


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_behind_a_full_page_it_is_asked_whether_there_is_more(order: Order) -> None:
    server = Server(spread(5, ROOT), order)
    assert drive(server, ROOT, SMALL).windows == [ROOT]
    assert server.requests == 2


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_a_page_in_order_proves_all_but_its_last_minute_and_the_rest_is_asked_for(order: Order) -> None:
    server = Server(spread(18, ROOT), order)
    outcome = drive(server, ROOT, SMALL)
    assert_covered(outcome, ROOT)
    assert list(map(len, outcome.calls)) == [4, 4, 4, 4 + 2]
    assert server.requests == (5 if order is oldest_first else 1 + 5), (
        "newest first, the first one tells where the end is"
    )


def test_a_window_without_calls_is_taken_at_one_request() -> None:
    server = Server([])
    outcome = drive(server, ROOT, SMALL)
    assert (outcome.windows, outcome.calls, server.requests) == ([ROOT], [[]], 1)


def test_a_page_in_another_order_is_split_until_it_fits() -> None:
    server = Server(spread(12, ROOT), lambda rows: sorted(rows, key=lambda row: row.number % 3))
    outcome = drive(server, ROOT, SMALL)
    assert all(len(calls) <= SMALL.page_rows for calls in outcome.calls)
    assert outcome.numbers == told(server.rows)


@given(ROWS, READINGS, st.integers(1, 4), CHOICES)
@settings(max_examples=examples(200))
def test_calls_in_an_order_that_is_not_of_their_dates_are_all_read(
    rows: list[Row], reading: Reading, workers: int, choose: Choose
) -> None:
    """For example, the order of the calls' ends. Here most calls still stand where their dates would place them."""
    server = Server(rows, lambda found: sorted(found, key=lambda row: row.date + row.number % 4 * 90 * MINUTE))
    outcome = drive(server, ROOT, reading, workers=workers, choose=choose)
    assert_covered(outcome, ROOT)
    assert outcome.numbers == told(server.rows)


def test_a_part_and_a_rest_that_do_not_add_up_are_read_by_themselves() -> None:
    """The page is in order. But one call of its minutes comes after the page, where the plan does not look for it."""
    rows = spread(12, ROOT)
    server = Server(rows, lambda found: sorted(found, key=lambda row: (row.number == 2, row.date)))
    outcome = drive(server, ROOT, SMALL)
    assert_covered(outcome, ROOT)
    assert outcome.numbers == told(rows)


@pytest.mark.parametrize("hidden", range(0, 40, 3))
@pytest.mark.parametrize("choose", [in_turn, in_turn_from_the_end])
@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_a_call_that_several_workers_cannot_see_is_missed_in_their_counts(
    hidden: int, choose: Choose, order: Order
) -> None:
    """All pages are in order, but one call comes last in every answer, so no worker meets it in its place."""
    rows = spread(40, ROOT)
    server = Server(rows, lambda found: sorted(order(found), key=lambda row: row.number == hidden))
    outcome = drive(server, ROOT, Reading(page_rows=5), workers=3, choose=choose)
    assert_covered(outcome, ROOT)
    assert outcome.numbers == told(rows)


def cut_in_two(server: Server) -> tuple[ReadPlan, tuple[WindowRead, Span], tuple[WindowRead, Span]]:
    """A plan after its first page. Two workers read the rest."""
    plan = ReadPlan(ROOT, Reading(page_rows=5), 2, honours_minutes())
    told_by(plan, server, *(plan.next_request() or pytest.fail("nothing is asked for")))
    early, late = plan.next_request(), plan.next_request()
    assert early is not None
    assert late is not None
    return plan, early, late


def test_an_idle_worker_takes_the_later_half_of_what_another_reads() -> None:
    _, (early, _), (late, _) = cut_in_two(Server(spread(40, ROOT)))
    assert early.window.start < early.window.end == late.window.start < late.window.end == ROOT.end
    assert early.until == late.until == ROOT.end


def test_hardly_more_than_a_page_is_left_to_its_reader() -> None:
    plan = ReadPlan(ROOT, Reading(page_rows=5), 2, honours_minutes())
    server = Server(spread(13, ROOT))
    told_by(plan, server, *(plan.next_request() or pytest.fail("nothing is asked for")))
    assert plan.next_request() is not None
    assert plan.next_request() is None


@pytest.mark.parametrize("late_first", [False, True])
def test_a_call_that_comes_behind_a_cut_has_what_stands_before_it_read_again(late_first: bool) -> None:
    server = Server(spread(13 + 5, ROOT))
    plan, early, late = cut_in_two(server)
    told_by(plan, server, *(late if late_first else early))
    server.rows = [*server.rows, Row(ROOT.end - MINUTE, 99)]
    told_by(plan, server, *(early if late_first else late))
    asked = []
    while (task := plan.next_request()) is not None:
        asked.append(task[0].window)
        told_by(plan, server, *task)
    assert any(window.end == late[0].window.start for window in asked)


def test_a_call_that_comes_into_the_rest_has_the_part_before_it_asked_for_again() -> None:
    server = Server(spread(10, ROOT))

    def add(server: Server) -> None:
        if server.requests == 1:
            server.rows = sorted([*server.rows, Row(ROOT.end - MINUTE, 99)], key=lambda row: row.date)

    server.before_answer = add
    assert drive(server, ROOT, SMALL).numbers == told(server.rows)
    assert server.requests == 3 + 2, "it and the minute behind it fill a page"


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("change", [-1, 1])
def test_an_end_that_moves_between_two_pages_is_looked_for_again(at: int, change: int) -> None:
    """With the newest call first, the oldest calls are at the end, and the count tells where the end is."""
    server = Server(spread(18, ROOT), newest_first)

    def move(server: Server) -> None:
        if server.requests == at:
            server.rows = server.rows[:-1] if change < 0 else [*server.rows, Row(ROOT.end - MINUTE, 99)]

    server.before_answer = move
    assert drive(server, ROOT, SMALL).numbers == told(server.rows)


def test_a_window_with_more_rows_than_are_read_in_one_go_is_split_before_it_is_read() -> None:
    server = Server(spread(60, ROOT))
    asked = []
    server.before_answer = lambda server: asked.append(server.requests)
    outcome = drive(server, ROOT, SMALL)
    assert outcome.windows[0].end <= START + DAY
    assert outcome.numbers == told(server.rows)


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_pages_that_are_shorter_than_asked_are_taken_as_they_are(order: Order) -> None:
    server = Server(spread(18, ROOT), order, most_a_page=3)
    assert drive(server, ROOT, SMALL).numbers == told(server.rows)
    looks_for_the_end = order is newest_first
    assert server.requests == looks_for_the_end + 9


def test_a_page_that_is_longer_than_asked_is_taken() -> None:
    rows = spread(18, ROOT)
    assert drive(ScriptedServer([(18, rows)]), ROOT, SMALL).numbers == told(rows)


def test_calls_of_the_minute_after_the_window_prove_nothing_of_it() -> None:
    """The page ends with some of these calls, so no rest of the window is left to add up."""
    rows = [*spread(4, Window(START, START + MINUTE * 8)), *(Row(START + 8 * MINUTE, 10 + n) for n in range(4))]
    window = Window(START, START + 8 * MINUTE)
    outcome = drive(Server(rows), window, SMALL)
    assert_covered(outcome, window)
    assert outcome.numbers == told(rows[:4])


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_a_system_that_does_not_honour_minutes_is_not_read_by_minutes(order: Order) -> None:
    class ByDay(Server):
        def within(self, start: datetime, end: datetime) -> list[Row]:
            return super().within(start.replace(hour=0, minute=0), end.replace(hour=0, minute=0) + DAY)

    with pytest.raises(GrainChangedError):
        drive(ByDay(spread(30, ROOT), order), ROOT, SMALL)
    assert drive(ByDay(spread(4, ROOT), order), ROOT, SMALL).error is None


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_a_system_that_does_not_honour_days_is_not_read(order: Order) -> None:
    class ByMonth(Server):
        def within(self, start: datetime, end: datetime) -> list[Row]:
            return super().within(start - 30 * DAY, end + 30 * DAY)

    rows = spread(30, Window(ROOT.start - 2 * DAY, ROOT.end + 2 * DAY))
    with pytest.raises(ContractError, match=r"asked for calls of .* the system answered one of 2024-0"):
        drive(ByMonth(rows, order), ROOT, SMALL)


def test_rows_of_the_minute_after_a_window_are_in_the_answer_and_not_in_the_window() -> None:
    rows = [Row(START + DAY - SECOND, 1), Row(START + DAY, 2), Row(START + DAY + SECOND, 3)]
    day = Window(START, START + DAY)
    assert Server(rows).answer(day, Span(0, 100)).count == 3
    assert drive(Server(rows), day, SMALL).numbers == ["1"]


# --- crowded minutes


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("workers", [1, 3])
def test_a_crowded_minute_in_random_order_is_completed(seed: int, workers: int) -> None:
    server = Server([*crowd(23), *(replace(row, number=100 + row.number) for row in spread(30, ROOT))])
    server.order = random_ties(Random(seed))
    outcome = drive(server, ROOT, replace(SMALL, fruitless_reads=40), workers=workers)
    assert_covered(outcome, ROOT)
    assert outcome.numbers == told(server.rows)


@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_a_crowded_minute_in_a_stable_order_is_read_twice(order: Order) -> None:
    minute = Window(START, START + MINUTE)
    server = Server(crowd(23, START), order)
    assert drive(server, minute, SMALL).numbers == told(server.rows)
    whole, from_half_a_page, behind_the_count = math.ceil(23 / 5), 1 + math.ceil((23 - 2) / 5), 1
    assert server.requests == whole + behind_the_count + from_half_a_page


LIES: dict[str, Order] = {
    "hides a row": lambda rows: rows[:-1],
    "gives a row twice for another": lambda rows: [*rows[:-1], *rows[:1]],
    "gives no rows": lambda rows: rows[:0],
    "gives a row too many": lambda rows: [*rows, *rows[-1:]],
    "gives a row too many, newest first": lambda rows: [*rows[::-1], *rows[:1]],
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_minute_that_can_never_be_proven_ends_the_reading_and_is_named(lie: str, workers: int) -> None:
    server = Server(crowd(12), LIES[lie], includes_end=False)
    outcome = drive(server, ROOT, SMALL, workers=workers, most=300)
    assert "2024-07-01 10:00 to 2024-07-01 10:01" in str(outcome.error)
    assert "12" in str(outcome.error)
    assert not any(outcome.calls)


@pytest.mark.parametrize("lie", [lie for lie in LIES if "twice" not in lie])
@given(rows=ROWS, reading=READINGS, workers=st.integers(1, 4), choose=CHOICES)
@settings(max_examples=examples(30))
def test_a_server_that_lies_is_never_believed_and_never_asked_without_end(
    lie: str, rows: list[Row], reading: Reading, workers: int, choose: Choose
) -> None:
    server = Server(rows, LIES[lie])
    outcome = drive(server, ROOT, replace(reading, fruitless_reads=5), workers=workers, choose=choose)
    for window, calls in zip(outcome.windows, outcome.calls, strict=True):
        told_in_window = sorted(record(call).src or "" for call in calls)
        assert told_in_window == told(server.within(window.start, window.end))


Count = Callable[[int, int], int]
#: Wrong counts, made from the number of all calls and the number of calls on the page.
COUNTS: dict[str, Count] = {
    "one fewer": lambda calls, _: max(0, calls - 1),
    "none": lambda _calls, _on_page: 0,
    "one more": lambda calls, _: calls + 1,
    "those of the page": lambda _, on_page: on_page,
    "half of them": lambda calls, _: calls // 2,
}


class Miscounting(Server):
    """Reports a wrong count."""

    count: Count

    def answer(self, window: Window, span: Span) -> Page:
        page = super().answer(window, span)
        return Page(self.count(page.count, len(page.calls)), page.calls)


@pytest.mark.parametrize("counts", COUNTS)
@given(
    rows=ROWS,
    reading=READINGS,
    workers=st.integers(1, 4),
    choose=CHOICES,
    order=st.sampled_from([oldest_first, newest_first]),
)
@settings(max_examples=examples(100))
def test_a_wrong_count_hides_no_call(
    counts: str, rows: list[Row], reading: Reading, workers: int, choose: Choose, order: Order
) -> None:
    server = Miscounting(rows, order)
    server.count = COUNTS[counts]
    outcome = drive(server, ROOT, replace(reading, fruitless_reads=5), workers=workers, choose=choose)
    for window, calls in zip(outcome.windows, outcome.calls, strict=True):
        assert sorted(record(call).src or "" for call in within(window, calls)) == told(
            server.within(window.start, window.end)
        )


# --- how many requests there are


@pytest.mark.parametrize("rows", [0, 1, 99, 100])
def test_a_rare_filter_over_ten_years_costs_next_to_nothing(rows: int) -> None:
    ten_years = Window(datetime(2014, 1, 1), datetime(2024, 1, 1))
    server = Server(spread(rows, ten_years) if rows else [])
    outcome = drive(server, ten_years, Reading())
    assert outcome.numbers == told(server.rows)
    assert server.requests == (2 if rows == 100 else 1)


def by_day(rows: int, days: int, hours: tuple[int, int]) -> list[Row]:
    """Calls at random moments within these hours of the days."""
    first, last = hours
    random = Random(5)
    moments = [
        START + random.randrange(days) * DAY + timedelta(seconds=random.randrange(first * 3600, last * 3600))
        for _ in range(rows)
    ]
    return [Row(moment, number) for number, moment in enumerate(moments)]


YEAR = Window(START, START + 365 * DAY)
SHAPES: dict[str, Callable[[], list[Row]]] = {
    "spread over a year": partial(spread, 30_000, YEAR),
    "in working hours": partial(by_day, 30_000, 365, (8, 16)),
    "of one busy week": partial(by_day, 30_000, 7, (0, 24)),
    "of one busy day": partial(by_day, 15_000, 1, (8, 16)),
    "of one day in a year": partial(by_day, 500, 1, (8, 16)),
}


@pytest.mark.parametrize("order", [oldest_first, newest_first])
@pytest.mark.parametrize("shape", SHAPES)
def test_there_are_about_as_many_requests_as_pages_of_rows(shape: str, order: Order) -> None:
    server = Server(SHAPES[shape](), order)
    outcome = drive(server, YEAR, Reading(), workers=4)
    assert outcome.numbers == told(server.rows)
    minutes = Counter(row.date.replace(second=0) for row in server.rows)
    again = sum(rows**2 for rows in minutes.values()) / len(server.rows) / 2  # rows of a page's last minute
    assert server.requests <= len(server.rows) / (99 - again) + 42


def test_a_year_costs_hardly_more_requests_than_pages() -> None:
    """The centre has 800 calls a day in ten hours, and the usual four workers read it."""
    server = Server(by_day(800 * 365, 365, (8, 18)))
    outcome = drive(server, YEAR, Reading(), workers=4)
    assert len(outcome.numbers) == len(server.rows)
    assert server.requests <= 1.03 * len(server.rows) / 100


def test_nothing_is_asked_before_it_is_wanted_and_nothing_after_the_end() -> None:
    server = Server(spread(60, ROOT))
    plan = ReadPlan(ROOT, SMALL, 1, honours_minutes())
    read, span = plan.next_request() or pytest.fail("nothing is asked for")
    assert (read.window, span) == (ROOT, Span(0, 5))
    assert plan.next_request() is None
    assert told_by(plan, server, read, span) == {}
    assert plan.front == ROOT.start
    read, _ = plan.next_request() or pytest.fail("nothing is asked for")
    assert read.window.start == ROOT.start
    assert read.window.end < ROOT.end


def test_a_full_look_ahead_asks_for_no_more_until_windows_are_taken() -> None:
    server = Server(spread(200, ROOT))
    plan = ReadPlan(ROOT, Reading(page_rows=5, window_rows=20, ahead_rows=10, batch_rows=1), 2, honours_minutes())
    runs = {}
    first, span = plan.next_request() or pytest.fail("nothing is asked for")
    told_by(plan, server, first, span)
    slow = plan.next_request()
    while (task := plan.next_request()) is not None:
        runs.update(told_by(plan, server, *task))
    assert 0 < held_by(runs) <= 10 + 5, "nothing of it can be taken before what the slow one reads"
    while plan.front not in runs:
        assert slow is not None
        runs.update(told_by(plan, server, *slow))
        slow = plan.next_request()
    while plan.front in runs:
        take(plan, runs.pop(plan.front), Outcome())
    assert slow or plan.next_request(), "there is room again"


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_what_nobody_takes_stops_the_reading(workers: int, order: Order) -> None:
    """Otherwise a caller who is slower than the system would have all calls in memory in the end."""
    server = Server(spread(400, ROOT), order)
    plan = ReadPlan(
        ROOT, Reading(page_rows=5, window_rows=400, ahead_rows=50, batch_rows=10), workers, honours_minutes()
    )
    held = 0
    while (task := plan.next_request()) is not None:
        held += held_by(told_by(plan, server, *task))
    assert 0 < held <= 50 + 10
    assert plan.front == ROOT.start


@pytest.mark.parametrize("workers", [2, 4, 8])
@pytest.mark.parametrize("order", [oldest_first, newest_first])
def test_workers_are_kept_busy(workers: int, order: Order) -> None:
    """All workers get their answers in the same round. An idle worker gets a part of a window that is being read."""
    server = Server(by_day(20_000, 30, (8, 16)), order)
    plan, rounds = ReadPlan(Window(START, START + 30 * DAY), Reading(), workers, honours_minutes()), 0
    runs: dict[datetime, ProvenRun] = {}
    while plan.front is not None:
        rounds += 1
        under_way = [task for _ in range(workers) if (task := plan.next_request()) is not None]
        for read, span in under_way:
            runs.update(told_by(plan, server, read, span))
        while plan.front in runs:
            take(plan, runs.pop(plan.front), Outcome())
    assert rounds <= 1.04 * 200 / workers + 4


def test_many_workers_read_in_windows_that_the_look_ahead_holds() -> None:
    """Longer windows would fill the look-ahead, and the workers would wait for the first window."""
    server = Server(by_day(60_000, 80, (8, 18)))
    plan, rounds = (
        ReadPlan(Window(START, START + 80 * DAY), Reading(ahead_rows=10_000), 8, honours_minutes()),
        0,
    )
    runs: dict[datetime, ProvenRun] = {}
    while plan.front is not None:
        rounds += 1
        under_way = [task for _ in range(8) if (task := plan.next_request()) is not None]
        for read, span in under_way:
            runs.update(told_by(plan, server, read, span))
        while plan.front in runs:
            take(plan, runs.pop(plan.front), Outcome())
    assert rounds <= 1.4 * 600 / 8


def test_pages_that_follow_one_another_are_put_together() -> None:
    outcome = drive(Server(spread(100, ROOT)), ROOT, Reading(page_rows=10, batch_rows=25, window_rows=200))
    assert_covered(outcome, ROOT)
    assert [len(calls) for calls in outcome.calls] == [27, 27, 27, 19]


def test_what_is_proven_when_no_more_will_come_is_not_lost() -> None:
    server = Server(spread(30, ROOT))
    plan = ReadPlan(ROOT, Reading(page_rows=10), 1, honours_minutes())
    for _ in range(3):
        read, span = plan.next_request() or pytest.fail("nothing is asked for")
        assert told_by(plan, server, read, span) == {}
    assert [len(run.calls) for run in plan.close()] == [18]


def test_what_an_answer_proves_that_fails_itself_is_not_lost() -> None:
    """The answer proves the part before a cut, but also holds a call from outside its window."""
    server = Server(spread(18, ROOT))
    plan, early, late = cut_in_two(server)
    while early[0].window.start < late[0].window.start:
        assert told_by(plan, server, *early) == {}
        if (task := plan.next_request()) is None:
            break
        early = task
    answer = server.answer(late[0].asked, late[1])
    stranger = Row(ROOT.end + DAY, 99).call
    with pytest.raises(ContractError):
        plan.receive(late[0], Page(answer.count, [*answer.calls[:-1], stranger]))
    (run,) = plan.close()
    assert (run.window.start, run.window.end) == (ROOT.start, late[0].window.start)
    assert plan.close() == []


def test_who_takes_only_the_first_rows_reads_in_small_windows() -> None:
    reading = Reading(page_rows=10, window_rows=1000, ahead_rows=2000)
    assert reading.for_rows(300, 4) == (replace(reading, window_rows=300, ahead_rows=300, batch_rows=300), 4)
    assert reading.for_rows(10_000, 4) == (reading, 4)


@pytest.mark.parametrize(("order", "requests"), [(oldest_first, 2), (newest_first, 3)])
@pytest.mark.parametrize("rows", [1, 4])
def test_the_first_rows_of_ten_years_cost_a_page_and_the_one_that_proves_it(
    order: Order, requests: int, rows: int
) -> None:
    ten_years = Window(datetime(2014, 1, 1), datetime(2024, 1, 1))
    server = Server(spread(1000, ten_years), order)
    reading = replace(SMALL, window_rows=50, ahead_rows=500, batch_rows=50)
    plan = ReadPlan(ten_years, *reading.for_rows(rows, workers=4), honours_minutes())
    found: dict[datetime, ProvenRun] = {}
    while ten_years.start not in found:
        task = plan.next_request()
        assert task is not None
        assert plan.next_request() is None, "one page after the other"
        found = told_by(plan, server, *task)
    assert len(found[ten_years.start].calls) >= rows
    assert server.requests == requests

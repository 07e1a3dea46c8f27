"""Whatever a system does, an export equals the truth row for row, or ends with the right error and keeps whole days.

A system asks for pauses in whole seconds. Here they take a hundredth of that, and retries hardly wait. For more
combinations: `THULIUM_FRAMES_EXAMPLES=2000 pytest tests/test_faults.py`.
"""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import httpx
import polars as pl
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from tests.doses import dose, is_said
from tests.ports import port_to_keep
from tests.witness import Row, comparable, history, told, wrongs
from thulium_frames import SCHEMA, Lake, Thulium
from thulium_frames.endpoint.pacing import Pace
from thulium_frames.endpoint.retries import RetryPolicy
from thulium_frames.errors import (
    ApiError,
    AuthenticationError,
    FilterError,
    RequestRejectedError,
    ThuliumFramesError,
    UnprovenWindowError,
)
from thulium_frames.reading import Grain, Reading, Span
from thulium_frames.reading.crew import Ask, read_pieces
from thulium_frames.records import Page, read_page, to_batch
from thulium_frames.simulator import (
    CallSource,
    Centre,
    Faults,
    GeneratedCalls,
    SimulatedThulium,
    create_app,
    running,
)
from thulium_frames.simulator.dirt import soiled
from thulium_frames.simulator.drift import DriftingCalls
from thulium_frames.simulator.fate import RateLimit
from thulium_frames.simulator.query import Criteria, Query
from thulium_frames.simulator.selection import Archive
from thulium_frames.simulator.sources import Record
from thulium_frames.windows import MINUTE, Window, of_days

EXAMPLES = dose("EXAMPLES", 10, 40)
PROFILE: dict[str, Any] = {
    "database": None,
    "derandomize": not is_said("EXAMPLES"),
}
#: The Polish clocks go back on the 27th.
FIRST, LAST = date(2024, 10, 25), date(2024, 10, 28)
CALLS = GeneratedCalls(Centre(seed=3, calls_per_day=60), FIRST, LAST)
SMALL = Reading(page_rows=20, window_rows=100, ahead_rows=200)
PATIENT = RetryPolicy(tries=40, first_tries=40, budget=60, first_wait=0.001, max_wait=0.01)
IMPATIENT = RetryPolicy(tries=4, first_tries=4, budget=60, first_wait=0.001, max_wait=0.001)


class HastyPace(Pace):
    """Waits a hundredth of the requested pause."""

    def slow_down(self, began: float, pause: float, *, too_many: bool = False) -> None:
        super().slow_down(began, pause / 100, too_many=too_many)


class CountedLimit(RateLimit):
    """Its clock advances with each request, so the number of a request alone decides whether it is refused."""

    def __init__(self, limit: int, window: float) -> None:
        moments = itertools.count(0.0, window / (limit + 2))
        super().__init__(limit, window, clock=lambda: next(moments))


@pytest.fixture(autouse=True, scope="module")
def by_no_clock() -> Iterator[None]:
    with (
        mock.patch("thulium_frames.endpoint.client.Pace", HastyPace),
        mock.patch("thulium_frames.simulator.front.RateLimit", CountedLimit),
    ):
        yield


def patience(faults: Faults) -> RetryPolicy:
    """A retry policy that soon gives up an answer that stalls."""
    return replace(PATIENT, timeout=1.0) if faults.stalls else PATIENT


def client(url: str, *, workers: int = 4, reading: Reading = SMALL, retries: RetryPolicy = PATIENT) -> Thulium:
    return Thulium(url, "demo", "demo", workers=workers, reading=reading, retries=retries)


def frame_of(thulium: Thulium, first: date = FIRST, last: date = LAST) -> pl.DataFrame:
    return thulium.connections(date_from=first, date_to=last).to_polars()


def assert_true(frame: pl.DataFrame, app: SimulatedThulium, faults: Faults) -> None:
    """Check that the frame equals the truth, row for row."""
    ours, theirs = comparable(frame), comparable(told(app.truth(), faults))
    assert ours.equals(theirs), f"{ours.height} rows where {theirs.height} are true"


def assert_whole(lake: Lake, app: SimulatedThulium, faults: Faults) -> list[date]:
    """Check that every day in the lake is whole, and return the days."""
    assert lake.verify().is_clean
    days = [facts.day for facts in lake.status().days]
    for day in days:
        mine = lake.scan().filter(pl.col("call_date") == day).drop("call_date").collect()
        assert comparable(mine).equals(comparable(told(app.truth(day, day), faults)))
    return days


def error_of(act: Callable[[], object]) -> int | None:
    """The exit code of its error; None if there is no error."""
    try:
        act()
    except ThuliumFramesError as error:
        return error.exit_code
    return None


# Each fault alone

Raw = Callable[..., dict[str, Any]]
Happened = Callable[[SimulatedThulium, Raw], bool]


@dataclass(frozen=True)
class Case:
    """Faults, the error that must follow (None: the truth is read), and a check that the faults happened."""

    faults: Faults
    error: type[ThuliumFramesError] | None = None
    happened: Happened | None = None

    def has_happened(self, name: str, app: SimulatedThulium, ask: Raw) -> bool:
        return self.happened(app, ask) if self.happened else app.dealt[name] > 0


def dealt(name: str) -> Happened:
    return lambda app, _: app.dealt[name] > 0


def truth_has(is_it: Callable[[list[dict[str, Any]]], bool]) -> Happened:
    return lambda app, _: is_it(app.truth())


def answers(is_it: Callable[[dict[str, Any]], bool], **parameters: object) -> Happened:
    return lambda _, ask: is_it(ask(**parameters))


def dates(answer: Mapping[str, Any]) -> list[str]:
    return [row["date"] for row in answer["result"]]


def ids(rows: Sequence[Row]) -> list[str]:
    return [row["connection_id"] for row in rows]


def takes(seconds: float) -> Happened:
    def it_takes(_: SimulatedThulium, ask: Raw) -> bool:
        began = time.monotonic()
        ask()
        return time.monotonic() - began >= seconds

    return it_takes


def ends_at(minute: str, rows_of_it: bool) -> Happened:
    """Checks whether a period that ends at a minute with calls holds the calls of that minute."""

    def it_does(app: SimulatedThulium, ask: Raw) -> bool:
        answer = ask(date_from=minute, date_to=minute)
        return any(row["date"] == minute for row in app.truth()) and bool(answer["result"]) is rows_of_it

    return it_does


def brings_the_whole_day(minute: str, after_it: bool) -> Happened:
    """Checks whether a minute brings calls that are earlier on its day, and perhaps later ones."""

    def it_does(_: SimulatedThulium, ask: Raw) -> bool:
        found = dates(ask(date_from=minute, date_to=minute))
        return min(found) < minute and (max(found) > minute) is after_it

    return it_does


def _as_often(rows: Sequence[Row]) -> Counter[str]:
    return Counter(map(repr, rows))


def has_changed(app: SimulatedThulium, _: Raw) -> bool:
    as_it_was = [record.row for day in CALLS.days() for record in CALLS.records(day)]
    return _as_often(app.truth()) != _as_often(as_it_was)


def is_shuffled(_: SimulatedThulium, ask: Raw) -> bool:
    return len({repr(ids(ask()["result"])) for _ in range(20)}) > 1


BUSY_MINUTE = Counter(str(record.row["date"]) for record in CALLS.records(FIRST)).most_common(1)[0][0]
A_NOON = str(CALLS.records(FIRST)[len(CALLS.records(FIRST)) // 2].row["date"])

MATRIX: dict[str, Case] = {
    "seed": Case(Faults(seed=9, server_errors=0.3), happened=dealt("server_errors")),
    "latency": Case(Faults(latency=0.003), happened=takes(0.003)),
    "capacity": Case(Faults(latency=0.003, capacity=1), happened=takes(0.003)),
    "rate_limit": Case(Faults(rate_limit=4, rate_window=0.3)),
    "rate_window": Case(Faults(rate_limit=1, rate_window=0.03), happened=dealt("rate_limit")),
    "retry_after": Case(Faults(rate_limit=4, rate_window=0.3, retry_after="date"), happened=dealt("rate_limit")),
    "resets_before": Case(Faults(resets_before=0.3)),
    "server_errors": Case(Faults(server_errors=0.3)),
    "redirects": Case(Faults(redirects=0.3)),
    "redirect_to": Case(
        Faults(redirects=0.6, redirect_to="http://127.0.0.1:9/api/connections"),
        RequestRejectedError,
        dealt("redirects"),
    ),
    "html_pages": Case(Faults(html_pages=0.3)),
    "truncated": Case(Faults(truncated=0.3)),
    "stalls": Case(Faults(stalls=0.1)),
    "stall_seconds": Case(Faults(stalls=0.3, stall_seconds=0.01), happened=dealt("stalls")),
    "resets_middle": Case(Faults(seed=2, resets_middle=0.3)),
    "closes_after": Case(Faults(closes_after=0.5)),
    "failures_first": Case(
        Faults(server_errors=1.0, failures_first=7), happened=lambda app, _: app.dealt["server_errors"] >= 7
    ),
    "outage": Case(Faults(outage=(4, 15))),
    "restart_at": Case(Faults(restart_at=8, restart_seconds=0.02)),
    "restart_seconds": Case(Faults(restart_at=9, restart_seconds=0.0), happened=dealt("restart_at")),
    "unauthorized_from": Case(Faults(unauthorized_from=5), AuthenticationError),
    "forbidden": Case(Faults(forbidden=True), AuthenticationError),
    "page_cap": Case(
        Faults(page_cap=7), happened=answers(lambda answer: len(answer["result"]) == 7 < answer["count"], limit=50)
    ),
    "count_as_text": Case(Faults(count_as_text=True), happened=answers(lambda answer: type(answer["count"]) is str)),
    "numbers_as_text": Case(
        Faults(numbers_as_text=True),
        happened=answers(lambda answer: all(type(row["duration"]) is str for row in answer["result"])),
    ),
    "newest_first": Case(
        Faults(newest_first=True), happened=answers(lambda answer: dates(answer) == sorted(dates(answer))[::-1])
    ),
    "shuffle_ties": Case(Faults(shuffle_ties=True), happened=is_shuffled),
    "date_to_means": Case(Faults(date_to_means="exclusive"), happened=ends_at(BUSY_MINUTE, rows_of_it=False)),
    "bounds_by_day": Case(Faults(bounds_by_day=True), happened=brings_the_whole_day(A_NOON, after_it=True)),
    "date_from_by_day": Case(Faults(date_from_by_day=True), happened=brings_the_whole_day(A_NOON, after_it=False)),
    "recent_days": Case(
        Faults(recent_days=1),
        happened=answers(lambda answer: min(dates(answer)) >= f"{LAST}"),
    ),
    "drift": Case(Faults(drift=20, drift_until=2), happened=has_changed),
    "drift_until": Case(Faults(drift=3, drift_until=3), happened=has_changed),
    "twin_legs": Case(Faults(twin_legs=0.3), happened=truth_has(lambda rows: len(set(ids(rows))) < len(rows) * 0.9)),
    "equal_rows": Case(Faults(equal_rows=0.3), happened=truth_has(lambda rows: len(_as_often(rows)) < len(rows) * 0.9)),
    "unknown_fields": Case(
        Faults(unknown_fields=0.3), happened=truth_has(lambda rows: any(set(row) - set(SCHEMA.names) for row in rows))
    ),
    "dirty_values": Case(
        Faults(dirty_values=0.3), happened=truth_has(lambda rows: any(row["customer_id"] == "abc" for row in rows))
    ),
}


def test_the_matrix_names_every_fault() -> None:
    assert {*MATRIX, "bit_flips"} == {field.name for field in fields(Faults)}  # bit flips have their own test


@contextmanager
def run_case(name: str, case: Case) -> Iterator[tuple[SimulatedThulium, Thulium]]:
    """The system and a client of it. At the end, checks that the fault has happened."""
    app = create_app(CALLS, faults=case.faults)
    with running(app) as url, client(url, retries=patience(case.faults)) as thulium:
        yield app, thulium

        def ask(**parameters: Any) -> dict[str, Any]:
            answer = httpx.get(
                url + "/api/connections",
                params=parameters,
                auth=("demo", "demo"),
                trust_env=False,
                verify=False,
                timeout=None,
            )
            return dict(answer.json())

        assert case.has_happened(name, app, ask)


def cases(wanted: Callable[[Case], bool]) -> list[Any]:
    return [pytest.param(name, case, id=name) for name, case in MATRIX.items() if wanted(case)]


ENDS_WELL = cases(lambda case: case.error is None)
ENDS = cases(lambda case: case.error is not None)
harmless, deadly = pytest.mark.parametrize(("name", "case"), ENDS_WELL), pytest.mark.parametrize(("name", "case"), ENDS)


@harmless
def test_the_frame_is_the_truth_in_spite_of(name: str, case: Case) -> None:
    with run_case(name, case) as (app, thulium):
        while app.requests < case.faults.drift_until * bool(case.faults.drift):
            thulium.connections().count()
        assert_true(frame_of(thulium), app, case.faults)


@harmless
def test_the_lake_is_the_truth_and_is_not_read_twice_in_spite_of(name: str, case: Case, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with run_case(name, case) as (app, thulium):
        calls = thulium.connections(date_from=FIRST, date_to=LAST)
        lake.update(calls)
        lake.update(calls, refresh=case.faults.drift > 0)  # the first read was during changes
        assert assert_whole(lake, app, case.faults) == list(CALLS.days())
        asked = thulium.requests
        assert lake.update(calls).days_skipped == list(CALLS.days())
        assert thulium.requests == asked


@deadly
def test_the_right_error_tells_of(name: str, case: Case, tmp_path: Path) -> None:
    assert case.error is not None
    with run_case(name, case) as (app, thulium):
        calls = thulium.connections(date_from=FIRST, date_to=LAST)
        with pytest.raises(case.error) as frame:
            calls.to_polars()
        with pytest.raises(case.error) as lake:
            Lake(tmp_path).update(calls)
        assert_whole(Lake(tmp_path), app, case.faults)
        assert type(frame.value) is type(lake.value) is case.error
        assert frame.value.exit_code == 3


@pytest.mark.parametrize("means", ["unit", "second", "exclusive"])
def test_the_end_of_a_period_may_mean_anything(means: Any) -> None:
    faults = Faults(date_to_means=means)
    case = Case(faults, happened=ends_at(BUSY_MINUTE, rows_of_it=means != "exclusive"))
    with run_case("date_to_means", case) as (app, thulium):
        assert_true(frame_of(thulium), app, faults)


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_end_cleanly(seed: int, tmp_path: Path) -> None:
    faults = Faults(seed=seed, bit_flips=0.2)
    with run_case("bit_flips", Case(faults)) as (
        _,
        thulium,
    ):  # a flip that leaves valid JSON changes a value, and nobody can notice
        calls = thulium.connections(date_from=FIRST, date_to=LAST)
        for read in (calls.to_polars, lambda: Lake(tmp_path).update(calls)):
            assert error_of(read) in (None, 3, 4)
        assert Lake(tmp_path).verify().is_clean


# Faults together

RATES = st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.15])
SHARES = st.sampled_from([0.0, 0.0, 0.1, 0.4])
RANGES = st.sampled_from([None, None, (1, 3), (5, 12)])
TOGETHER = st.builds(
    Faults,
    seed=st.integers(0, 10_000),
    rate_limit=st.sampled_from([0, 0, 0, 10]),
    rate_window=st.just(0.05),
    retry_after=st.sampled_from(["seconds", "date"]),
    resets_before=RATES,
    server_errors=RATES,
    redirects=RATES,
    html_pages=RATES,
    truncated=RATES,
    stalls=st.sampled_from([0.0, 0.0, 0.01]),
    resets_middle=RATES,
    closes_after=RATES,
    outage=RANGES,
    restart_at=st.sampled_from([0, 0, 3, 8]),
    restart_seconds=st.just(0.01),
    page_cap=st.sampled_from([0, 0, 0, 1, 3, 13]),
    count_as_text=st.booleans(),
    numbers_as_text=st.booleans(),
    newest_first=st.booleans(),
    shuffle_ties=st.booleans(),
    date_to_means=st.sampled_from(["unit", "second", "exclusive"]),
    bounds_by_day=st.sampled_from([False, False, False, True]),
    date_from_by_day=st.sampled_from([False, False, False, True]),
    recent_days=st.sampled_from([0, 0, 1]),
    twin_legs=SHARES,
    equal_rows=SHARES,
    unknown_fields=SHARES,
    dirty_values=SHARES,
)
READINGS = st.builds(
    Reading,
    page_rows=st.sampled_from([1, 2, 7, 20, 20, 100]),
    window_rows=st.sampled_from([20, 100, 10_000]),
    ahead_rows=st.sampled_from([1, 100, 20_000]),
    batch_rows=st.sampled_from([1, 30, 2_000]),
)
CENTRES = st.builds(
    lambda seed, calls, seconds: GeneratedCalls(
        Centre(seed=seed, calls_per_day=calls, seconds=seconds), date(2024, 10, 26), date(2024, 10, 28)
    ),
    st.integers(0, 1000),
    st.sampled_from([5, 40, 120]),
    st.booleans(),
)
WORKERS = st.sampled_from([1, 2, 4, 8])


def may_stay_unproven(app: SimulatedThulium, faults: Faults, reading: Reading) -> bool:
    """Whether a minute, or a day if that is the grain, may hold more calls than a page: luck must tell them apart."""
    page = min(reading.page_rows, faults.page_cap or 100)
    if faults.bounds_by_day or faults.date_from_by_day:
        return faults.shuffle_ties or faults.equal_rows > 0
    minutes = Counter(str(row["date"])[:16] for row in app.truth())
    nexts = {at: (datetime.fromisoformat(at) + MINUTE).strftime("%Y-%m-%d %H:%M") for at in minutes}
    is_crowded = any(rows + minutes[nexts[at]] > page for at, rows in minutes.items())
    return is_crowded and (faults.shuffle_ties or faults.equal_rows > 0)


@given(TOGETHER, READINGS, CENTRES, WORKERS)
@settings(max_examples=EXAMPLES, **PROFILE)
def test_faults_together_end_in_the_truth(faults: Faults, reading: Reading, calls: CallSource, workers: int) -> None:
    app = create_app(calls, faults=faults)
    with (
        running(app) as url,
        client(url, workers=workers, reading=reading, retries=patience(faults)) as thulium,
        TemporaryDirectory() as folder,
    ):
        lake, wanted = Lake(folder), thulium.connections(date_from=calls.days()[0], date_to=calls.days()[-1])
        try:
            lake.update(wanted)
            assert_true(wanted.to_polars(), app, faults)
        except UnprovenWindowError:
            assert may_stay_unproven(app, faults, reading)
            assert_whole(lake, app, faults)
            event("a crowded minute stayed unproven")
            return
        assert assert_whole(lake, app, faults) == list(calls.days())
        assert lake.update(wanted).days_skipped == list(calls.days())
        event("equal to the truth")


@given(TOGETHER, st.integers(1, 30), WORKERS)
@settings(max_examples=EXAMPLES // 2, **PROFILE)
def test_a_run_that_is_refused_is_completed_by_the_next(faults: Faults, refused_from: int, workers: int) -> None:
    faults = Faults(
        **{field.name: getattr(faults, field.name) for field in fields(faults)}
        | {"unauthorized_from": refused_from, "page_cap": 0, "shuffle_ties": False, "equal_rows": 0.0}
    )
    bad, good = create_app(CALLS, faults=faults), create_app(CALLS, faults=faults_of_rows(faults))
    with TemporaryDirectory() as folder:
        lake = Lake(folder)
        port = port_to_keep()
        with running(bad, port=port) as url, client(url, workers=workers, retries=patience(faults)) as thulium:
            calls = thulium.connections(date_from=FIRST, date_to=LAST)
            assert error_of(lambda: lake.update(calls)) in (None, AuthenticationError.exit_code)
        done = assert_whole(lake, bad, faults)
        with running(good, port=port) as url, client(url, workers=workers) as thulium:
            assert lake.update(thulium.connections(date_from=FIRST, date_to=LAST)).days_skipped == done
        assert assert_whole(lake, good, faults) == list(CALLS.days())


def faults_of_rows(faults: Faults) -> Faults:
    names = ("seed", "twin_legs", "equal_rows", "unknown_fields", "dirty_values", "numbers_as_text", "newest_first")
    return Faults(**{name: getattr(faults, name) for name in names})


@pytest.mark.parametrize("by_day", ["bounds_by_day", "date_from_by_day"])
@pytest.mark.parametrize("order", [{}, {"newest_first": True}, {"page_cap": 7}])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_lake_of_a_system_by_the_day_is_the_truth_once_calls_stand_still(
    by_day: str, order: dict[str, Any], workers: int, tmp_path: Path
) -> None:
    faults = Faults(**{by_day: True, "seed": 5, "drift": 20, "drift_until": 120, "twin_legs": 0.2, **order})
    app = create_app(CALLS, faults=faults)
    with running(app) as url, client(url, workers=workers) as thulium:
        calls, lake = thulium.connections(date_from=FIRST, date_to=LAST), Lake(tmp_path)
        while thulium.requests < faults.drift_until:
            assert error_of(lambda: lake.update(calls, refresh=True)) in (None, UnprovenWindowError.exit_code)
        lake.update(calls, refresh=True)
        assert assert_whole(lake, app, faults) == list(CALLS.days())
        assert thulium.grain.is_day


# Calls that come and go while they are read


class Crowd:
    """A source of one day with all calls in a few minutes."""

    def __init__(self, seed: int, *, calls: int, minutes: int) -> None:
        rng = Random(seed)
        noon = datetime(2024, 7, 1, 12)
        walls = sorted(noon + MINUTE * rng.randrange(minutes) for _ in range(calls))
        self._records = [Record(wall, _call(str(number), wall)) for number, wall in enumerate(walls)]

    def days(self) -> Sequence[date]:
        return [date(2024, 7, 1)]

    def records(self, day: date) -> Sequence[Record]:
        return self._records if day in self.days() else []

    def count(self, day: date) -> int:
        return len(self.records(day))

    def version(self) -> int:
        return 0


def _call(name: str, wall: datetime) -> dict[str, object]:
    epoch = int((wall - timedelta(hours=2)).replace(tzinfo=UTC).timestamp())
    return {"date": f"{wall:%Y-%m-%d %H:%M}", "connection_id": f"{epoch}.7", "src": name, "dst": "1", "duration": 5}


class Memory:
    """The simulated system without a network, which is fast enough for many examples of drift."""

    def __init__(self, source: CallSource, faults: Faults) -> None:
        self._calls = DriftingCalls(
            soiled(source, faults), events=faults.drift, until=faults.drift_until, seed=faults.seed
        )
        ties = Random(faults.seed) if faults.shuffle_ties else None
        self._archive = Archive(self._calls, order="newest" if faults.newest_first else "oldest", ties=ties)
        self._page = faults.page_cap or 100
        self._lock = threading.Lock()
        self.requests = 0

    def ask(self, window: Window, span: Span, stop: threading.Event) -> Page:  # noqa: ARG002  # answers take no time
        criteria = Criteria(window.start, window.end + MINUTE)
        with self._lock:
            self.requests += 1
            self._calls.advance(self.requests)
            count, found = self._archive.answer(Query(criteria, min(span.limit, self._page), span.offset, True, True))
        rows = b",".join(record.json(tags=True, topics=True) for record in found)
        return read_page(b'{"count":%d,"result":[%b]}' % (count, rows), "Europe/Warsaw")


def read(ask: Ask, window: Window, reading: Reading, workers: int) -> pl.DataFrame:
    build = partial(to_batch, time_zone="Europe/Warsaw")
    pieces = read_pieces(window, ask, build, reading=reading, workers=lambda: workers, grain=Grain(), on_count=id)
    frame = pl.DataFrame(SCHEMA.empty_table())
    return pl.concat([frame, *(pl.DataFrame(piece.batch) for piece in pieces)])


def drift_wrongs(source: CallSource, faults: Faults, reading: Reading, workers: int) -> list[str]:
    """The errors in a frame that was read while calls came and went. A reading that stayed unproven has none."""
    system, window = Memory(source, faults), of_days(source.days()[0], source.days()[-1])
    try:
        frame = read(system.ask, window, reading, workers)
    except UnprovenWindowError:
        event("unproven")
        return []
    states = history(source, faults, 1, system.requests)
    event("drifted" if len(states) > 1 else "no drift")
    return wrongs(frame, states, faults)


SOURCES = st.one_of(
    st.builds(Crowd, st.integers(0, 1000), calls=st.integers(1, 60), minutes=st.integers(1, 30)),
    st.builds(
        lambda seed, calls: GeneratedCalls(Centre(seed=seed, calls_per_day=calls), date(2024, 7, 1), date(2024, 7, 2)),
        st.integers(0, 1000),
        st.sampled_from([30, 120]),
    ),
)
DRIFT_READINGS = st.builds(
    Reading,
    page_rows=st.sampled_from([1, 2, 3, 7, 20]),
    window_rows=st.sampled_from([20, 60, 10_000]),
    ahead_rows=st.sampled_from([1, 60, 20_000]),
    batch_rows=st.sampled_from([1, 30, 2_000]),
)
DRIFTS = st.builds(
    Faults,
    seed=st.integers(0, 100_000),
    drift=st.integers(1, 150),
    drift_until=st.sampled_from([3, 10, 30, 100, 300]),
    newest_first=st.booleans(),
    shuffle_ties=st.booleans(),
    twin_legs=SHARES,
    equal_rows=SHARES,
    unknown_fields=SHARES,
    dirty_values=SHARES,
    page_cap=st.sampled_from([0, 0, 1, 2, 5]),
)


@given(SOURCES, DRIFTS, DRIFT_READINGS, WORKERS)
@settings(max_examples=EXAMPLES * 5, **PROFILE)
def test_what_is_there_all_the_time_is_read_once(
    source: CallSource, drift: Faults, reading: Reading, workers: int
) -> None:
    assert drift_wrongs(source, drift, reading, workers) == []


CROWDS = st.builds(Crowd, st.integers(0, 1000), calls=st.integers(1, 40), minutes=st.integers(1, 3))
TIES = st.builds(
    Faults,
    seed=st.integers(0, 100_000),
    newest_first=st.booleans(),
    shuffle_ties=st.booleans(),
    twin_legs=SHARES,
    equal_rows=SHARES,
    page_cap=st.sampled_from([0, 0, 1, 2, 5]),
)


@given(CROWDS, TIES, READINGS, WORKERS)
@settings(max_examples=EXAMPLES * 5, **PROFILE)
def test_crowded_minutes_are_read_whole_or_not_at_all(
    source: CallSource, ties: Faults, reading: Reading, workers: int
) -> None:
    assert drift_wrongs(source, ties, reading, workers) == []


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", range(6))
def test_over_the_network_what_is_there_all_the_time_is_read_once(seed: int, workers: int) -> None:
    faults = Faults(seed=seed, drift=60, drift_until=60, newest_first=seed % 2 == 0, server_errors=0.05)
    app = create_app(CALLS, faults=faults)
    with running(app) as url, client(url, workers=workers) as thulium:
        frame = frame_of(thulium)
        states = history(CALLS, faults, 1, app.requests)
        assert len(states) > 1
        assert wrongs(frame, states, faults) == []
        while app.requests < faults.drift_until:
            thulium.connections().count()
        assert_true(frame_of(thulium), app, faults)


def test_calls_that_come_and_go_in_equal_numbers_hide_none() -> None:
    calls = GeneratedCalls(Centre(seed=2, calls_per_day=800), date(2024, 7, 1), date(2024, 7, 5))
    faults = Faults(seed=2, drift=30, drift_until=25)
    app = create_app(calls, faults=faults)
    with running(app) as url, client(url, reading=Reading()) as thulium:
        frame = frame_of(thulium, calls.days()[0], calls.days()[-1])
        states = history(calls, faults, 1, app.requests)
        assert wrongs(frame, states, faults) == []
        assert_true(frame_of(thulium, calls.days()[0], calls.days()[-1]), app, faults)


DAY = of_days(date(2024, 7, 1), date(2024, 7, 1))


def wrongs_of(states: Sequence[Sequence[str]], page_rows: int, window: Window = DAY) -> list[str]:
    """The errors when one worker reads a system that answers each request from the next state.

    The last state is repeated for all later requests. A state lists calls like `12:03 a` in the order of the answer.
    """
    held = [[_named(call) for call in state] for state in states]
    seen: list[Sequence[Row]] = []

    def ask(window: Window, span: Span, stop: threading.Event) -> Page:  # noqa: ARG001  # answers take no time
        seen.append(held[min(len(seen), len(held) - 1)])
        rows = [row for row in seen[-1] if window.start <= _wall(row) <= window.end]
        page = rows[span.offset : span.offset + span.limit]
        return read_page(json.dumps({"count": len(rows), "result": page}).encode(), "Europe/Warsaw")

    frame = read(ask, window, Reading(page_rows=page_rows), 1)
    return wrongs(frame, seen)


def _named(call: str) -> dict[str, object]:
    clock, name = call.split()
    return _call(name, datetime.fromisoformat(f"2024-07-01 {clock}"))


def _wall(row: Row) -> datetime:
    return datetime.fromisoformat(row["date"])


def test_a_call_that_slips_over_the_seam_of_two_pages_is_not_lost() -> None:
    before = ["12:00 a", "12:01 b", "12:02 c", "12:03 d", "12:04 e", "12:05 f"]
    after = [*before[1:], "12:06 g"]
    assert wrongs_of([before, after], page_rows=3) == []


def test_nor_is_one_of_two_equal_calls() -> None:
    before = ["12:00 a", "12:01 b", "12:02 c", "12:02 c", "12:03 d", "12:04 e"]
    after = [*before[1:], "12:05 f"]
    assert wrongs_of([before, after], page_rows=3) == []


def test_nor_is_one_that_changes_places_with_a_call_of_its_minute() -> None:
    before = ["12:00 x", "12:00 link", "12:00 y", "12:01 z"]
    after = ["12:00 y", "12:00 link", "12:01 z", "12:02 new"]  # x was removed
    assert wrongs_of([before, after], page_rows=2) == []


def test_nor_is_one_between_pages_of_a_single_call() -> None:
    before = ["12:00 a", "12:01 b", "12:02 c"]
    after = [*before[1:], "12:03 d"]
    assert wrongs_of([before, after], page_rows=1) == []


def test_what_left_a_crowded_minute_does_not_stand_for_what_stayed() -> None:
    first_read = ["abcde", "acdbe", "acdbe", "aedbc"]  # its pages show ab, cd, db, bc
    then_a_left_and_f_came = ["bcdef", "bdfce", "bdfce", "edfcb"]  # bc, df, fc, cb
    orders = [*first_read, *then_a_left_and_f_came, "bcdef"]
    noon = datetime(2024, 7, 1, 12)
    states = [[f"12:00 {name}" for name in order] for order in orders]
    assert wrongs_of(states, page_rows=2, window=Window(noon, noon + MINUTE)) == []


# Long runs

#: More calls than an export reads ahead, so an export that breaks off near the end has delivered its first days.
LONG = GeneratedCalls(Centre(seed=5, calls_per_day=3000), date(2024, 7, 1), date(2024, 7, 28))
#: The command line in a process whose retries do not wait.
PROGRAM = "from unittest import mock\nmock.patch('random.uniform', lambda *_: 0.0).start()\n"
PROGRAM += "from thulium_frames.__main__ import main\nmain()"
OF_LONG = ("--from", "2024-07-01", "--to", "2024-07-28", "--json")


def export(lake: Path, url: str, password: str = "demo", *more: str) -> subprocess.CompletedProcess[str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("THULIUM_")}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "export", str(lake), *OF_LONG, *more],
        env=mine | {"THULIUM_URL": url, "THULIUM_USER": "demo", "THULIUM_PASSWORD": password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("faults", [Faults(unauthorized_from=500), Faults(outage=(500, 10_000))], ids=["401", "outage"])
def test_the_same_command_completes_what_was_cut_short(faults: Faults, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    bad = create_app(LONG, faults=faults)
    port = port_to_keep()
    with running(bad, port=port) as url:
        ended = export(lake.path, url, "demo", "--workers", "4")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "Traceback" not in ended.stderr
    assert ("401" if faults.outage is None else "an export continues where it stopped") in ended.stderr
    if faults.outage is None:
        assert bad.dealt["unauthorized_from"] <= 4  # no worker asks again after a 401
    done = assert_whole(lake, bad, faults)
    assert 0 < len(done) < len(LONG.days())
    good = create_app(LONG, password="the right one")
    with running(good, port=port) as url:
        completed = export(lake.path, url, "the right one")
    assert completed.returncode == 0, completed.stderr
    told_of = json.loads(completed.stdout)
    assert (told_of["days_skipped"], told_of["days_written"]) == (len(done), len(LONG.days()) - len(done))
    assert told_of["rows"] == len(good.truth(done[-1] + timedelta(days=1)))
    assert told_of["requests"] == good.requests
    assert assert_whole(lake, good, Faults()) == list(LONG.days())


def test_403_ends_the_command_at_once(tmp_path: Path) -> None:
    app = create_app(LONG, faults=Faults(forbidden=True))
    with running(app) as url:
        ended = export(tmp_path / "lake", url)
    assert (ended.returncode, ended.stdout, app.requests) == (3, "", 1)
    assert "403" in ended.stderr


def test_an_outage_that_is_too_long_ends_with_what_to_do(tmp_path: Path) -> None:
    app = create_app(CALLS, faults=Faults(outage=(4, 1000)))
    with running(app) as url, client(url, retries=IMPATIENT) as thulium:
        with pytest.raises(ApiError, match="an export continues where it stopped") as error:
            Lake(tmp_path).update(thulium.connections(date_from=FIRST, date_to=LAST))
        assert error.value.exit_code == 3
        assert app.dealt["outage"] >= IMPATIENT.tries
        assert_whole(Lake(tmp_path), app, Faults())


def at(name: str, moment: datetime) -> Any:
    """Stops the clock of a module at this moment."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # always this one moment
            return moment.astimezone(tz)

    return mock.patch(f"thulium_frames.{name}.datetime", Clock)


@pytest.mark.parametrize("years", [-30, -1, 1, 30])
def test_a_lake_read_by_a_wrong_clock_heals(years: int, tmp_path: Path) -> None:
    faults, lake = Faults(seed=4, server_errors=0.2, resets_middle=0.1), Lake(tmp_path)
    app = create_app(CALLS, faults=faults)
    wrong = datetime(2024 + years, 10, 30, tzinfo=UTC)
    with running(app) as url, client(url) as thulium:
        calls = thulium.connections(date_from=FIRST, date_to=LAST)
        with at("lake.lake", wrong):
            if years < 0:
                with pytest.raises(FilterError, match="is in the future"):
                    lake.update(calls)
            else:
                lake.update(calls)
                assert_whole(lake, app, faults)
        with at("lake.lake", datetime(2024, 11, 30, tzinfo=UTC)):
            assert lake.update(calls).days_skipped == []
            assert assert_whole(lake, app, faults) == list(CALLS.days())
            assert lake.update(calls).days_skipped == list(CALLS.days())


@pytest.mark.parametrize("years", [-1, 1])
def test_a_wrong_clock_does_not_lengthen_a_pause_that_ends_at_a_date(years: int) -> None:
    faults = Faults(rate_limit=4, rate_window=0.3, retry_after="date")
    app = create_app(CALLS, faults=faults)
    with at("endpoint.refusals", datetime(2026 + years, 1, 1, tzinfo=UTC)), running(app) as url, client(url) as thulium:
        assert_true(frame_of(thulium), app, faults)
    assert app.dealt["rate_limit"] > 0


def test_a_clock_that_jumps_while_reading_does_no_harm() -> None:
    faults = Faults(server_errors=0.2, resets_before=0.2)
    app = create_app(CALLS, faults=faults)
    with (
        mock.patch("time.time", partial(Random(1).uniform, 0, 4e9)),
        running(app) as url,
        client(url) as thulium,
    ):
        assert_true(frame_of(thulium), app, faults)


# The password


class Stranger:
    """Another host, which records all requests."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._app = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.seen.append(scope["path"])
        await self._app(scope, receive, send)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_other_host_hears_of_the_password(host: str, tmp_path: Path) -> None:
    stranger = Stranger()
    with running(stranger) as elsewhere:
        target = elsewhere.replace("127.0.0.1", host) + "/api/connections"
        app = create_app(CALLS, faults=Faults(redirects=0.6, redirect_to=target))
        with running(app) as url, client(url) as thulium:
            calls = thulium.connections(date_from=FIRST, date_to=LAST)
            for read_them in (calls.to_polars, lambda: Lake(tmp_path).update(calls)):
                with pytest.raises(RequestRejectedError, match="not followed"):
                    read_them()
    assert app.dealt["redirects"] >= 2
    assert stranger.seen == []

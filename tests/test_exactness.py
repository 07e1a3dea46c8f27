"""Over a real socket, the rows that are read equal the generated rows, for all sizes and orders."""

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import FIRST, LAST, Connect
from tests.truth import frame_of, in_any_order
from thulium_frames import Lake, scan_lake
from thulium_frames.reading import Reading
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, LakeCalls, create_app, running

pytestmark = pytest.mark.usefixtures("library")

SIZES = [
    Reading(page_rows=100),
    Reading(page_rows=1, window_rows=4, ahead_rows=8),
    Reading(page_rows=7, window_rows=20, ahead_rows=20),
    Reading(page_rows=50, window_rows=50, ahead_rows=1),
    Reading(page_rows=99, window_rows=10_000, ahead_rows=100_000),
]
ORDERS = [
    Faults(),
    Faults(newest_first=True),
    Faults(seed=5, shuffle_ties=True),
    Faults(seed=6, newest_first=True, shuffle_ties=True),
]


@cache
def truth(centre: Centre, first: date = FIRST, last: date = LAST) -> pl.DataFrame:
    days = pl.date_range(first, last, eager=True).to_list()
    return in_any_order(frame_of([call for day in days for call in centre.calls(day)]))


@cache
def calls_of(centre: Centre, first: date, last: date) -> GeneratedCalls:
    return GeneratedCalls(centre, first, last)


@pytest.mark.parametrize("order", ORDERS, ids=["oldest", "newest", "oldest shuffled", "newest shuffled"])
@pytest.mark.parametrize("reading", SIZES, ids=lambda reading: f"pages of {reading.page_rows}")
def test_the_frame_is_the_truth(connect: Connect, centre: Centre, reading: Reading, order: Faults) -> None:
    quiet = date(2024, 10, 26), date(2024, 10, 27)  # the second is 25 hours long
    first, last = (FIRST, LAST) if reading.page_rows > 10 else quiet
    with running(create_app(calls_of(centre, first, last), faults=order)) as url:
        frame = connect(url, reading=reading).connections(date_from=first, date_to=last).to_polars()
    assert in_any_order(frame).equals(truth(centre, first, last))
    assert frame.select("date", "connection_id").equals(frame.select("date", "connection_id").sort(pl.all()))


def test_seconds_are_kept(connect: Connect) -> None:
    centre = Centre(seed=4, calls_per_day=200, seconds=True)
    with running(create_app(calls_of(centre, FIRST, FIRST))) as url:
        frame = connect(url, reading=Reading(page_rows=10, window_rows=30)).connections(date_from=FIRST).to_polars()
    assert in_any_order(frame).equals(truth(centre, FIRST, FIRST))
    assert frame["date"].dt.second().n_unique() > 1


def test_both_hours_of_the_autumn_night_are_told_apart(connect: Connect) -> None:
    night_line = Centre(seed=1, calls_per_day=2000)
    day = date(2024, 10, 27)
    with running(create_app(calls_of(night_line, day, day))) as url:
        frame = connect(url).connections(date_from=day, date_to=day).to_polars()
    assert in_any_order(frame).equals(truth(night_line, day, day))
    repeated = frame.filter(pl.col("date").dt.hour() == 2).select(pl.col("date_utc").dt.hour().unique().sort())
    assert repeated["date_utc"].to_list() == [0, 1]


@pytest.mark.parametrize("bounds", [("2024-10-24 10:00", "2024-10-24 10:30"), ("2024-10-24 09:59", "2024-10-25")])
def test_both_bounds_are_included_to_the_minute(connect: Connect, centre: Centre, bounds: tuple[str, str]) -> None:
    whole = truth(centre)
    frame = connect().connections(date_from=bounds[0], date_to=bounds[1]).to_polars()
    text = pl.col("date").dt.strftime("%Y-%m-%d %H:%M")
    end = bounds[1] if len(bounds[1]) > 10 else bounds[1] + " 23:59"
    assert in_any_order(frame).equals(whole.filter(text.is_between(pl.lit(bounds[0]), pl.lit(end))))
    assert frame.height == connect().connections(date_from=bounds[0], date_to=bounds[1]).count() > 0


def test_the_same_answers_give_the_same_rows_in_the_same_order(connect: Connect, centre: Centre) -> None:
    app = create_app(calls_of(centre, FIRST, LAST), faults=Faults(shuffle_ties=True))
    with running(app) as url:
        one = connect(url, workers=1).connections().to_polars()
        other = connect(url, workers=8, reading=Reading(page_rows=30, window_rows=100)).connections().to_polars()
    assert one.equals(other)


def test_export_serve_export_gives_equal_lakes(connect: Connect, tmp_path: Path) -> None:
    connect().connections(date_to=LAST).write_parquet(tmp_path / "one")
    with running(create_app(LakeCalls(tmp_path / "one"))) as url:
        connect(url).connections(date_from=FIRST, date_to=LAST).write_parquet(tmp_path / "two")
    assert scan_lake(tmp_path / "two").collect().equals(scan_lake(tmp_path / "one").collect())
    assert Lake(tmp_path / "two").verify().is_clean

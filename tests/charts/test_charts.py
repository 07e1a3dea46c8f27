"""Charts are valid, show what the figures say, and contain no data about any person."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt
import polars as pl
import pytest

from tests.doses import dose
from tests.legs import frame, leg, outbound, unanswered
from thulium_frames import SCHEMA, Thulium, charts, metrics
from thulium_frames.charts import AnyChart

Draw = Callable[..., AnyChart]

#: So many days of quarters of an hour are drawn.
QUARTERS_DAYS = dose("QUARTERS_DAYS", 60, 366)

OF_ALL: dict[str, Any] = {"denominator": "handled_and_abandoned"}
#: Each chart, with its required options.
CHARTS: dict[str, dict[str, Any]] = {name: {} for name in charts.__all__ if name.islower()} | {
    "answered_and_missed": OF_ALL,
    "queues": OF_ALL,
}
EMPTY = pl.DataFrame(SCHEMA.empty_table())


@pytest.fixture(scope="module")
def week(url: str) -> pl.DataFrame:
    with Thulium(url, "demo", "demo") as thulium:
        return thulium.connections().to_polars()


@pytest.fixture(params=CHARTS)
def draw(request: pytest.FixtureRequest) -> Draw:
    def draw(calls: pl.DataFrame | pl.LazyFrame) -> AnyChart:
        chart: AnyChart = getattr(charts, request.param)(calls, **CHARTS[request.param])
        return chart

    return draw


def rows_of(chart: AnyChart) -> list[dict[str, Any]]:
    """All rows of all tables inside a chart."""
    return [row for table in chart.to_dict()["datasets"].values() for row in table]


def rows_with(chart: AnyChart, column: str) -> list[dict[str, Any]]:
    return [row for row in rows_of(chart) if column in row]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value


def counted(rows: list[dict[str, Any]], by: str, what: str = "calls") -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in rows:
        sums[row[by]] = sums.get(row[by], 0) + row[what]
    return sums


# --- all charts


def test_a_chart_fits_the_schema_of_vega_lite(draw: Draw, week: pl.DataFrame) -> None:
    spec = draw(week).to_dict(validate=True)
    assert alt.Chart.from_dict(spec).to_dict() == spec
    assert rows_of(draw(week))


def test_a_lazy_frame_gives_the_same_chart(draw: Draw, week: pl.DataFrame) -> None:
    assert draw(week.lazy()).to_dict() == draw(week).to_dict()


@pytest.mark.parametrize("empty", [EMPTY, EMPTY.lazy()], ids=["eager", "lazy"])
def test_an_empty_frame_gives_an_empty_chart(draw: Draw, empty: pl.DataFrame | pl.LazyFrame) -> None:
    chart = draw(empty)
    assert rows_of(chart) == []
    assert chart.to_dict(format="vega")["marks"]


def test_a_chart_has_a_title_and_explains_itself(draw: Draw, week: pl.DataFrame) -> None:
    spec = draw(week).to_dict()
    assert spec["title"]["text"]
    assert "tooltip" in json.dumps(spec)


@pytest.mark.parametrize("name", CHARTS)
def test_a_docstring_says_how_to_read_the_chart(name: str) -> None:
    assert "To read: " in getattr(charts, name).__doc__


def test_no_chart_holds_anything_of_a_person(draw: Draw, week: pl.DataFrame) -> None:
    personal = ["src", "dst", "user", "user_login", "dst_user", "dst_user_login", "connection_id", "filename"]
    known = {text for name in personal for text in week[name].drop_nulls() if len(text) > 3}
    known |= set(metrics.missed_calls(week)["caller"].drop_nulls())
    assert len(known) > 100
    shown = "\n".join(texts(draw(week).to_dict()))
    assert [text for text in known if text in shown] == []


def test_a_call_without_a_date_is_no_error(draw: Draw) -> None:
    draw(frame(leg(), unanswered(), unanswered(date=None, date_utc=None))).to_dict()


# --- each chart says what the figures say


def test_outcomes_over_time_are_those_of_the_summary(week: pl.DataFrame) -> None:
    chart = charts.answered_and_missed(week, every="1d", **OF_ALL)
    (total,) = metrics.summary(week, **OF_ALL).to_dicts()
    assert counted(rows_with(chart, "outcome"), "outcome") == {
        "answered": total["handled"],
        "abandoned": total["abandoned"],
        "abandoned early": total["short_abandoned"],
        "failed": total["failed"],
    }
    days = metrics.by_interval(week, every="1d", target_seconds=20, **OF_ALL)
    assert [row["service_level"] for row in rows_with(chart, "service_level")] == days["service_level"].to_list()


def test_time_is_the_wall_clock_whoever_looks() -> None:
    chart = charts.answered_and_missed(frame(leg("2024-10-27 12:30:00")), every="1h", **OF_ALL)
    (row,) = rows_with(chart, "service_level")
    assert datetime.fromtimestamp(row["start"] / 1000, UTC).isoformat() == "2024-10-27T12:00:00+00:00"
    assert row["clock"] == "Sun 2024-10-27 12:00"


@pytest.mark.dosed
def test_a_year_of_quarters_is_not_too_much() -> None:
    """Altair's own limit is 5,000 rows a table, which 60 days pass already."""
    last = datetime(2024, 10, 23, 10)
    year = frame(leg(f"{last - timedelta(days=QUARTERS_DAYS)}"), leg(f"{last}"))
    chart = charts.answered_and_missed(year, every="15m", **OF_ALL)
    assert len(rows_of(chart)) > 5_000 * 5
    assert min(map(len, chart.to_dict()["datasets"].values())) > 5_000


def test_the_busy_hours_are_means_over_days_of_a_name() -> None:
    mondays = [leg("2024-10-21 10:00:00"), leg("2024-10-21 10:59:59"), leg("2024-10-28 10:20:00")]
    rows = rows_of(charts.calls_by_hour(frame(*mondays, outbound("2024-10-21 10:30:00"))))
    busy = {(row["weekday"], row["hour"]): row for row in rows if row["calls"]}
    assert set(busy) == {("Monday", 10)}
    assert busy["Monday", 10] | {"calls": 3, "days": 2, "mean": 1.5, "clock": "10:00-11:00"} == busy["Monday", 10]


def test_the_busy_hours_count_what_is_asked_for(week: pl.DataFrame) -> None:
    (total,) = metrics.summary(week).to_dicts()
    for count in ("calls", "offered", "handled", "abandoned"):
        rows = rows_of(charts.calls_by_hour(week, count=count))
        assert sum(row["calls"] for row in rows) == total[count]


def test_weekdays_stand_from_monday_to_sunday(week: pl.DataFrame) -> None:
    domain = charts.calls_by_hour(week).to_dict()["encoding"]["y"]["scale"]["domain"]
    assert domain == ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def test_waits_are_those_of_handled_and_abandoned_calls(week: pl.DataFrame) -> None:
    (total,) = metrics.summary(week).to_dicts()
    assert counted(rows_of(charts.waits(week)), "outcome") == {
        "answered": total["handled"],
        "abandoned": total["abandoned"],
        "abandoned early": total["short_abandoned"],
    }


def test_long_waits_are_in_one_bar_at_the_end() -> None:
    waits = frame(*(unanswered(f"2024-10-23 1{n}:00:00", wait=wait) for n, wait in enumerate([9, 10, 19, 60, 900])))
    rows = rows_of(charts.waits(waits, bar_seconds=10, longest_seconds=60))
    assert [(row["from"], row["to"], row["calls"], row["wait"]) for row in rows] == [
        (0, 10, 1, "0 to 9 s"),
        (10, 20, 2, "10 to 19 s"),
        (60, 70, 2, "60 s or longer"),
    ]


def test_queues_are_compared_by_their_summaries(week: pl.DataFrame) -> None:
    chart = charts.queues(week, **OF_ALL)
    by_queue = metrics.summary(week, by=["queue_id"], **OF_ALL).drop_nulls("queue_id")
    answered = {row["queue"]: row["calls"] for row in rows_with(chart, "outcome") if row["outcome"] == "answered"}
    assert answered == {f"queue {row['queue_id']}": row["handled"] for row in by_queue.to_dicts()}
    levels = {row["queue"]: row["level"] for row in rows_of(chart)}
    assert levels == {
        f"queue {row['queue_id']}": f"{row['service_level']:.1%}".replace("%", " %") for row in by_queue.to_dicts()
    }


def test_missed_callers_are_counted_by_state(week: pl.DataFrame) -> None:
    missed = metrics.missed_calls(week)
    rows = rows_of(charts.missed_backlog(week))
    assert counted(rows, "state", "callers") == dict(missed["state"].value_counts().iter_rows())
    assert sum(row["censored"] for row in rows) == missed["censored"].sum()

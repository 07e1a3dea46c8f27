"""Figures on odd records: impossible durations, ids of 0, groups of any column, intervals of any unit."""

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.legs import ANNA, BOB, frame, leg, outbound, unanswered
from tests.metrics.test_time import FRAMES
from thulium_frames import SCHEMA, charts, metrics

DAY = 24 * 60 * 60
BIGGEST = 2**63 - 1

IMPOSSIBLE = [
    *((-1, 0), (-5, 20), (-5, -5), (30, -1), (None, -1), (-1, None), (-BIGGEST - 1, BIGGEST)),
    *((20, 22), (0, 2), (DAY + 1, 20), (DAY + 1, DAY + 1), (None, DAY + 1), (BIGGEST, 5), (BIGGEST, BIGGEST)),
]
POSSIBLE = [(30, 20), (20, 21), (0, 0), (0, 1), (DAY, DAY), (DAY, 0)]


def only(table: pl.DataFrame) -> dict[str, Any]:
    (row,) = table.to_dicts()
    return row


# --- durations


@pytest.mark.parametrize(("duration", "billsec"), IMPOSSIBLE)
def test_an_impossible_duration_is_unknown_in_every_figure(duration: int | None, billsec: int | None) -> None:
    odd: dict[str, Any] = {"duration": duration, "billsec": billsec}
    calls = frame(leg(), leg(**odd), unanswered(wait=30), unanswered(**odd), leg("2024-10-23 10:01:00", **odd))
    row = only(metrics.summary(calls, denominator="handled"))
    assert (row["offered"], row["handled"], row["abandoned"], row["short_abandoned"]) == (5, 3, 2, 0)
    assert (row["average_speed_of_answer_numerator"], row["average_speed_of_answer_denominator"]) == (10, 1)
    assert (row["median_speed_of_answer"], row["p90_speed_of_answer"]) == (10, 10)
    assert (row["average_talk_numerator"], row["average_talk_denominator"]) == (20, 1)
    assert (row["service_level_numerator"], row["service_level_denominator"]) == (1, 3)
    assert metrics.impossible_durations(calls).row(0) == (5, 3)


@pytest.mark.parametrize(("duration", "billsec"), IMPOSSIBLE)
def test_an_impossible_duration_is_in_no_chart_of_waits(duration: int | None, billsec: int | None) -> None:
    calls = frame(leg(), leg(duration=duration, billsec=billsec), unanswered(duration=duration, billsec=billsec))
    rows = next(iter(charts.waits(calls).to_dict()["datasets"].values()))
    assert [(row["from"], row["calls"]) for row in rows] == [(10, 1)]


@pytest.mark.parametrize(("duration", "billsec"), POSSIBLE)
def test_what_is_possible_is_believed(duration: int, billsec: int) -> None:
    call = only(metrics.calls(frame(leg(duration=duration, billsec=billsec))))
    assert (call["wait_seconds"], call["talk_seconds"]) == (max(duration - billsec, 0), billsec)
    assert metrics.impossible_durations(frame(leg(duration=duration, billsec=billsec))).row(0) == (1, 0)


def test_a_call_with_one_unknown_leg_has_no_sum() -> None:
    first = leg(connection_id="1.1", duration=100, billsec=90, transferred_to=BOB)
    then = leg("2024-10-23 10:02:00", connection_id="1.1", duration=-5, billsec=-5, dst_user_login=BOB)
    call = only(metrics.calls(frame(first, then)))
    assert (call["wait_seconds"], call["talk_seconds"], call["agent"]) == (10, None, ANNA)


def test_a_wait_of_days_between_legs_that_share_an_id_is_unknown() -> None:
    calls = frame(unanswered(connection_id="1.1"), unanswered("2024-10-25 10:00:00", connection_id="1.1"))
    assert only(metrics.calls(calls))["wait_seconds"] is None


ANY_SECONDS = st.one_of(st.none(), st.integers(-BIGGEST - 1, BIGGEST), st.integers(-3, 40))


@given(st.lists(st.tuples(ANY_SECONDS, ANY_SECONDS, st.sampled_from([ANNA, None])), max_size=8))
def test_no_figure_is_negative_or_longer_than_a_day(durations: list[tuple[int | None, int | None, str | None]]) -> None:
    legs = [leg(duration=whole, billsec=billed, dst_user_login=agent) for whole, billed, agent in durations]
    calls = metrics.calls(frame(*legs))
    assert all(calls[name].drop_nulls().is_between(0, DAY).all() for name in ("wait_seconds", "talk_seconds"))
    row = only(metrics.summary(frame(*legs)))
    assert row["offered"] == len(legs)
    for name in ("average_speed_of_answer", "median_speed_of_answer", "p90_speed_of_answer", "average_talk"):
        assert row[name] is None or 0 <= row[name] <= DAY


# --- ids of 0


def test_a_queue_of_0_is_no_queue() -> None:
    calls = frame(leg(queue_id=0), unanswered(queue_id=0), leg())
    assert metrics.summary(calls, by=["queue_id"]).select("queue_id", "calls", "offered").rows() == [
        (None, 2, 0),
        (34, 1, 1),
    ]
    assert metrics.missed_calls(calls)["queue_id"].to_list() == [None]


@pytest.mark.parametrize("name", ["queue_id", "topic_id", "customer_id", "outbound_id", "ticket_id"])
def test_an_id_of_0_is_none_and_the_next_leg_counts(name: str) -> None:
    legs: list[dict[str, Any]] = [
        {"connection_id": call, name: number} for number, call in ((0, "1"), (7, "1"), (0, "2"))
    ]
    none, told, alone = (leg(f"2024-10-23 10:0{minute}:00", **fields) for minute, fields in enumerate(legs))
    assert metrics.summary(frame(none, told), by=name)[name].to_list() == [7]
    assert metrics.summary(frame(alone), by=name)[name].to_list() == [None]


# --- groups

RATED = {"type": "face", "rate": "sad"}
TOLD: dict[str, Any] = {
    **dict.fromkeys(["operator", "filename", "user", "dst_user", "outbound_result", "rescued_data"], "x"),
    **dict.fromkeys(["outbound_id", "topic_id", "customer_id", "ticket_id"], 7),
    **{"rating": RATED, "tags": ["a"], "disconnected_by": "Agent", "transferred_to": BOB},
}
FULL = leg(connection_id="1.1", **TOLD)
MIXED = frame(FULL, unanswered(), leg("2024-10-24 10:00:00", rating=RATED), outbound("2024-10-23 11:00:00"))
COLUMNS = sorted({*SCHEMA.names, *metrics.calls(MIXED).columns})
TABLES: dict[str, dict[str, Any]] = {
    "summary": {"denominator": "handled"},
    "by_interval": {"every": "1d", "denominator": "handled"},
    "service_level": {"denominator": "handled"},
    **{name: {} for name in ("offered", "handled", "abandoned", "abandonment_rate", "average_speed_of_answer")},
    **{name: {} for name in ("average_talk", "transfer_rate", "who_hung_up", "ratings")},
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", TABLES)
def test_any_column_can_make_groups(name: str, column: str) -> None:
    figure = getattr(metrics, name)
    found = figure(MIXED, by=[column], **TABLES[name])
    assert found.equals(figure(MIXED, by=column, **TABLES[name]))
    assert figure(MIXED.lazy(), by=[column], **TABLES[name]).collect().equals(found)
    of_group = metrics.calls(MIXED)[column] if column in metrics.calls(MIXED).columns else MIXED[column]
    assert found[column].dtype == of_group.dtype
    if name == "summary":
        assert found["calls"].sum() == metrics.calls(MIXED).height
        assert found.height == (of_group.n_unique())


def test_a_call_has_the_first_value_of_its_legs() -> None:
    legs = [
        leg(f"2024-10-23 10:0{minute}:00", connection_id="1.1", operator=operator, disposition=disposition)
        for minute, (operator, disposition) in enumerate([(None, "ANSWERED"), ("a", "BUSY"), ("b", None)])
    ]
    found = metrics.summary(frame(*reversed(legs)), by=["operator", "disposition"])
    assert found.select("operator", "disposition", "calls").rows() == [("a", "ANSWERED", 1)]


def test_a_count_with_the_name_of_its_group_s_column_is_called_a_count() -> None:
    found = metrics.summary(MIXED, by="handled")
    assert found.select("handled", "handled_count", "calls").rows() == [(False, 0, 1), (True, 2, 3)]


def test_a_group_of_another_column_of_the_frame() -> None:
    with_days = MIXED.with_columns(pl.col("date").dt.date().alias("call_date"))
    found = metrics.summary(with_days, by="call_date")
    assert found.select("call_date", "calls").rows() == [(date(2024, 10, 23), 3), (date(2024, 10, 24), 1)]


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("frame_", [MIXED, MIXED.lazy()], ids=["eager", "lazy"])
def test_a_column_that_does_not_exist_is_named_with_those_that_do(name: str, frame_: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"by=\['queue'\].*agent, .*queue_id.*operator"):
        getattr(metrics, name)(frame_, by=["type", "queue"], **TABLES[name])


@given(FRAMES, st.sampled_from(["operator", "disposition", "rating", "tags", "duration", "dst_user_login"]))
def test_groups_do_not_depend_on_the_order_of_rows(calls: pl.DataFrame, column: str) -> None:
    assert metrics.summary(calls.reverse(), by=column).equals(metrics.summary(calls, by=column))
    assert metrics.summary(calls, by=column)["calls"].sum() == metrics.calls(calls).height


# --- intervals


def lengths(every: metrics.Every, *clocks: str) -> list[tuple[str, int | None, int]]:
    found = metrics.by_interval(frame(*map(leg, clocks)), every=every)
    return [
        (f"{row[0]:%Y-%m-%d %H:%M}", *row[1:]) for row in found.select("interval", "interval_seconds", "calls").rows()
    ]


def test_months_quarters_and_years_have_their_real_length() -> None:
    assert lengths("1mo", "2024-02-10 10:00:00", "2024-04-01 00:00:00") == [
        ("2024-02-01 00:00", 29 * DAY, 1),
        ("2024-03-01 00:00", 31 * DAY - 3600, 0),
        ("2024-04-01 00:00", 30 * DAY, 1),
    ]
    assert lengths("1q", "2024-01-10 10:00:00", "2024-10-27 02:30:00") == [
        ("2024-01-01 00:00", 91 * DAY - 3600, 1),
        ("2024-04-01 00:00", 91 * DAY, 0),
        ("2024-07-01 00:00", 92 * DAY, 0),
        ("2024-10-01 00:00", 92 * DAY + 3600, 1),
    ]
    assert lengths("1y", "2023-12-31 23:59:59", "2024-01-01 00:00:00") == [
        ("2023-01-01 00:00", 365 * DAY, 1),
        ("2024-01-01 00:00", 366 * DAY, 1),
    ]


def test_hours_and_minutes_of_any_number() -> None:
    assert lengths("2h", "2024-10-27 01:00:00", "2024-10-27 02:30:00") == [
        ("2024-10-27 00:00", 7200, 1),
        ("2024-10-27 02:00", 3 * 3600, 1),
    ]
    assert lengths("5m", "2024-03-31 01:55:00", "2024-03-31 03:04:59") == [
        ("2024-03-31 01:55", 300, 1),
        ("2024-03-31 03:00", 300, 1),
    ]
    assert lengths("7m", "2024-10-23 10:00:00")[0][1:] == (420, 1)


@pytest.mark.parametrize(
    ("every", "same"),
    [
        *((timedelta(minutes=15), "15m"), (timedelta(hours=1), "1h"), (timedelta(days=1), "1d"), (timedelta(7), "1w")),
        *(("60m", "1h"), ("24h", "1d"), ("7d", "1w"), ("3mo", "1q"), ("4q", "1y"), ("1h30m", "90m"), ("120s", "2m")),
        *((timedelta(hours=36), "36h"), ("1y6mo", "18mo")),
    ],
)
def test_equal_lengths_give_equal_intervals(every: metrics.Every, same: str) -> None:
    calls = frame(leg("2024-10-26 01:30:00"), leg("2024-10-28 12:00:00"))
    assert metrics.by_interval(calls, every=every).equals(metrics.by_interval(calls, every=same))


@pytest.mark.parametrize(
    "every",
    [
        *("0h", "-1h", "1i", "90s", "30s", "1ms", "1us", "1ns", "1mo2d", "1d1mo", "", "h", "1", "1 h", "1H", "1.5h"),
        *("00h", "1x", "1200y", "9999999d", timedelta(0), timedelta(hours=-1), timedelta(seconds=90), 15, None, "١h"),
    ],
)
def test_what_is_no_interval_is_refused(every: Any) -> None:
    with pytest.raises(ValueError, match=r"is not an interval: give one of 15m, .*timedelta"):
        metrics.by_interval(frame(leg()), every=every)


MULTIPLES = st.tuples(st.integers(1, 40), st.sampled_from(["m", "h", "d", "w", "mo", "q", "y"]))


@given(FRAMES, MULTIPLES.map(lambda parts: f"{parts[0]}{parts[1]}"), st.sampled_from([[], ["queue_id"], ["tags"]]))
def test_intervals_of_any_unit_add_up_to_the_whole(calls: pl.DataFrame, every: str, by: list[str]) -> None:
    found = metrics.by_interval(calls, every=every, by=by)
    assert found["calls"].sum() == metrics.calls(calls).height
    assert not found.select("interval", *by).is_duplicated().any()


@given(st.datetimes(datetime(2023, 1, 1), datetime(2025, 1, 1)), MULTIPLES)
def test_an_interval_is_as_long_as_the_clock_says(moment: datetime, parts: tuple[int, str]) -> None:
    """The distance of its ends in UTC, except where an end lies in an hour that comes twice or never."""
    every = f"{parts[0]}{parts[1]}"
    row = metrics.by_interval(frame(leg(f"{moment:%Y-%m-%d} 12:00:00")), every=every).select(
        "interval_seconds", start="interval", end=pl.col("interval").dt.offset_by(every)
    )
    ends = row.select(
        pl.col("start", "end").dt.replace_time_zone("Europe/Warsaw", ambiguous="null", non_existent="null")
    )
    length = ends.select((pl.col("end") - pl.col("start")).dt.total_seconds()).item()
    assert length is None or row["interval_seconds"].item() == length


@pytest.mark.parametrize("every", ["1mo", "1q", "1y"])
def test_charts_draw_long_intervals(every: Any) -> None:
    calls = frame(leg("2023-10-23 10:00:00"), unanswered("2024-10-23 10:00:00"))
    assert charts.answered_and_missed(calls, every=every, denominator="handled").to_dict()["datasets"]
    assert charts.missed_backlog(calls, every=every).to_dict()["datasets"]


def test_a_chart_names_its_intervals() -> None:
    with pytest.raises(ValueError, match="is not an interval of a chart: give one of 15m"):
        charts.missed_backlog(frame(leg()), every="2h")  # type: ignore[arg-type]  # wrong on purpose

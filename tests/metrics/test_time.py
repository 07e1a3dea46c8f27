"""Figures over time, callers who wait for an answer, and rules that hold for any calls."""

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.legs import ANNA, BOB, frame, leg, outbound, unanswered
from tests.truth import frame_of
from thulium_frames import metrics
from thulium_frames.simulator import Centre

ALICE, BORIS = "48600100200", "48600100300"


# --- intervals


def counts(table: pl.DataFrame) -> list[tuple[str, int | None, int]]:
    return [(f"{row[0]:%d %H:%M}", *row[1:]) for row in table.select("interval", "interval_seconds", "calls").rows()]


def test_intervals_without_calls_are_there() -> None:
    found = metrics.by_interval(frame(leg("2024-10-23 10:10:00"), leg("2024-10-23 11:29:59")), every="30m")
    assert counts(found) == [("23 10:00", 1800, 1), ("23 10:30", 1800, 0), ("23 11:00", 1800, 1)]
    empty = found.row(1, named=True)
    assert (empty["offered"], empty["abandonment_rate"], empty["average_speed_of_answer"]) == (0, None, None)


def test_the_hour_that_comes_twice_is_one_row_of_both() -> None:
    calls = frame(leg("2024-10-27 01:30:00"), leg("2024-10-27 02:30:00"), leg("2024-10-27 02:30:00", fold=1))
    assert counts(metrics.by_interval(calls, every="1h")) == [("27 01:00", 3600, 1), ("27 02:00", 7200, 2)]
    assert counts(metrics.by_interval(calls, every="30m"))[1:] == [("27 02:00", 3600, 0), ("27 02:30", 3600, 2)]
    assert counts(metrics.by_interval(calls, every="1d")) == [("27 00:00", 25 * 3600, 3)]


def test_the_hour_that_is_skipped_has_no_row() -> None:
    calls = frame(leg("2024-03-31 01:59:00"), leg("2024-03-31 03:00:00"))
    assert counts(metrics.by_interval(calls, every="1h")) == [("31 01:00", 3600, 1), ("31 03:00", 3600, 1)]
    assert counts(metrics.by_interval(calls, every="1d")) == [("31 00:00", 23 * 3600, 2)]


def test_a_call_dated_in_the_skipped_hour_is_not_lost() -> None:
    calls = frame(leg("2024-03-31 01:00:00"), leg("2024-03-31 02:30:00"), leg("2024-03-31 03:00:00"))
    assert ("31 02:00", None, 1) in counts(metrics.by_interval(calls, every="1h"))


def test_the_zone_can_be_another() -> None:
    found = metrics.by_interval(frame(leg("2024-10-27 02:30:00")), every="1h", time_zone="UTC")
    assert counts(found) == [("27 02:00", 3600, 1)]


def test_weeks_start_on_monday_and_the_one_of_the_change_is_longer() -> None:
    found = metrics.by_interval(frame(leg("2024-10-27 10:00:00"), leg("2024-10-28 10:00:00")), every="1w")
    assert counts(found) == [("21 00:00", 7 * 86400 + 3600, 1), ("28 00:00", 7 * 86400, 1)]


def test_a_call_over_midnight_belongs_to_the_day_it_began() -> None:
    legs = [leg("2024-10-23 23:59:00", connection_id="1.1"), leg("2024-10-24 00:00:00", connection_id="1.1")]
    assert counts(metrics.by_interval(frame(*legs), every="1d")) == [("23 00:00", 86400, 1)]


def test_every_group_has_every_interval() -> None:
    calls = frame(leg("2024-10-23 10:00:00"), leg("2024-10-23 11:00:00", queue_id=35), leg(queue_id=None))
    found = metrics.by_interval(calls, every="1h", by=["queue_id"])
    assert found["queue_id"].to_list() == [None, 34, 35] * 2
    assert found["calls"].to_list() == [1, 1, 0, 0, 0, 1]


def test_calls_without_a_date_have_a_row_of_their_own() -> None:
    found = metrics.by_interval(frame(leg(date=None, date_utc=None), leg()), every="1h")
    assert found.select("interval", "calls").rows() == [(None, 1), (datetime(2024, 10, 23, 10), 1)]


def test_an_interval_is_one_of_those_there_are() -> None:
    with pytest.raises(ValueError, match="give one of 15m, 30m, 1h, 1d, 1w"):
        metrics.by_interval(frame(), every="1i")


# --- numbers


@pytest.mark.parametrize(
    ("written", "form"),
    [
        *((text, "+48221234567") for text in ("48221234567", "+48221234567", "0048221234567", "0221234567")),
        *((text, "+48221234567") for text in ("221234567", "22 123 45 67", "+48 (22) 123-45-67")),
        ("481234567", "+48481234567"),  # nine digits: Radom, whose area code is 48
        ("100000000", "+48100000000"),  # nine digits that are not in use
        ("442071838750", "+442071838750"),
        ("00442071838750", "+442071838750"),
        *((text, text) for text in ("201", "112", "19115", "123456", "sip:101@acme")),
        *((text, None) for text in ("anonymous", "zastrzeżony", "", "+", None)),
    ],
)
def test_a_number_has_one_form(written: str | None, form: str | None) -> None:
    table = pl.DataFrame({"src": [written, written, "600100200"]}, schema={"src": pl.String})
    expected = [form, form, "+48600100200"]
    assert table.select(metrics.normalised("src"))["src"].to_list() == expected
    assert table.lazy().select(metrics.normalised(pl.col("src"))).collect()["src"].to_list() == expected


# --- missed calls


def missed(*legs: dict[str, Any], **options: Any) -> list[tuple[Any, ...]]:
    columns = ("caller", "first_missed", "tries", "callback_tries", "state", "seconds", "censored")
    found = metrics.missed_calls(frame(*legs), **options)
    rows = found.with_columns(pl.col("first_missed").dt.strftime("%d %H:%M")).select(columns).rows()
    return [(caller and caller.removeprefix("+48600100"), *others) for caller, *others in rows]


NOBODY = unanswered("2024-10-23 10:00:00", src=ALICE)
#: This call makes the frame longer than 72 hours.
LATER = leg("2024-10-30 10:00:00", src="48600100999")


def test_a_caller_is_called_back_after_some_tries() -> None:
    again = unanswered("2024-10-23 10:05:00", src="600100200")
    vain = outbound("2024-10-23 10:30:00", to="0600100200", disposition="NO ANSWER", billsec=0)
    reached = outbound("2024-10-23 11:00:00", to="+48600100200")
    assert missed(reached, NOBODY, vain, again, LATER) == [("200", "23 10:00", 2, 1, "called back", 3600, False)]


def test_a_caller_calls_again_and_is_handled() -> None:
    assert missed(NOBODY, leg("2024-10-23 10:10:00", src=ALICE), LATER) == [
        ("200", "23 10:00", 1, 0, "called again", 600, False)
    ]


def test_a_call_back_that_a_voicemail_of_ours_answers_is_none() -> None:
    assert missed(NOBODY, leg("2024-10-23 10:10:00", src=ALICE, dst_user_login=None), LATER)[0][2:5] == (2, 0, "open")


def test_an_answer_later_than_the_window_is_none() -> None:
    back = outbound("2024-10-26 10:00:01", to=ALICE)
    assert missed(NOBODY, back, LATER) == [("200", "23 10:00", 1, 0, "open", None, False)]
    assert missed(NOBODY, back, LATER, within=timedelta(hours=73))[0][4] == "called back"
    assert missed(NOBODY, outbound("2024-10-26 10:00:00", to=ALICE), LATER)[0][4:6] == ("called back", 72 * 3600)


def test_each_episode_has_a_row() -> None:
    calls = [
        *(NOBODY, outbound("2024-10-23 11:00:00", to=ALICE)),
        *(unanswered("2024-10-23 12:00:00", src=ALICE), unanswered("2024-10-24 12:00:00", src=ALICE)),
        *(unanswered("2024-10-27 12:00:00", src=ALICE), leg("2024-10-27 12:01:00", src=ALICE)),
    ]
    assert missed(*calls, LATER) == [
        ("200", "23 12:00", 2, 0, "open", None, False),
        ("200", "23 10:00", 1, 0, "called back", 3600, False),
        ("200", "27 12:00", 1, 0, "called again", 60, False),
    ]


def test_the_window_is_elapsed_time_when_the_clocks_go_back() -> None:
    first = unanswered("2024-10-27 01:30:00", src=ALICE)
    back = outbound("2024-10-27 02:30:00", fold=1, to=ALICE)  # two hours later
    assert missed(first, back, LATER)[0][4:6] == ("called back", 7200)
    assert missed(first, back, LATER, within="90m")[0][4] == "open"


def test_an_open_call_whose_window_is_not_over_is_censored() -> None:
    assert missed(NOBODY, leg("2024-10-26 09:59:59", src=BORIS)) == [("200", "23 10:00", 1, 0, "open", None, True)]
    assert missed(NOBODY, leg("2024-10-26 10:00:00", src=BORIS))[0][-1] is False


def test_a_call_of_the_same_minute_counts_as_later() -> None:
    assert missed(leg("2024-10-23 10:00:00", src=ALICE), NOBODY, LATER)[0][4:6] == ("called again", 0)


def test_the_list_starts_with_who_waits_longest_and_ends_with_who_cannot_be_called() -> None:
    calls = [
        unanswered("2024-10-23 08:00:00", src=None),
        unanswered("2024-10-23 08:01:00", src="anonymous"),
        *(unanswered("2024-10-23 09:00:00", src=BORIS), outbound("2024-10-23 09:30:00", to=BORIS)),
        unanswered("2024-10-23 12:00:00", src="48600100400"),
        NOBODY,
    ]
    assert [(row[0], row[4]) for row in missed(*calls, LATER)] == [
        ("200", "open"),
        ("400", "open"),
        ("300", "called back"),
        (None, "anonymous"),
        (None, "anonymous"),
    ]


def test_colleagues_and_handled_callers_are_on_no_list() -> None:
    colleagues = [unanswered(src="201"), unanswered(src=None, user_login=ANNA, dst_user_login=BOB)]
    assert missed(*colleagues, leg(src=ALICE), outbound("2024-10-23 10:00:00", to=BORIS), LATER) == []


@pytest.mark.parametrize("within", ["3 days", "72", "0h", "1mo", ""])
def test_a_duration_is_text_like_72h(within: str) -> None:
    with pytest.raises(ValueError, match="give a timedelta, or text like"):
        metrics.missed_calls(frame(), within=within)


# --- repeated calls


def test_a_call_is_repeated_by_the_next_of_the_same_number() -> None:
    calls = frame(
        leg("2024-10-01 10:00:00", src=ALICE),
        leg("2024-10-01 11:00:00", src=BORIS),
        unanswered("2024-10-01 12:00:00", src="600100200"),  # two hours later, written in another way
        leg("2024-10-08 12:00:01", src=ALICE),  # a second more than seven days later
        leg("2024-10-14 10:00:00", src=BORIS),
        outbound("2024-10-14 11:00:00", to=BORIS),
        leg("2024-10-15 12:00:01", src=None),
        leg("2024-10-15 12:00:01", src="201"),
    )
    found = metrics.repeat_calls(calls).with_columns(pl.col("caller").str.slice(-3))
    assert found.select("caller", "repeated", "seconds", "censored").rows() == [
        ("200", True, 7200, False),
        ("300", False, None, False),
        ("200", False, None, False),
        ("200", False, None, False),  # exactly seven days before the last call: its window is whole
        ("300", False, None, True),
    ]
    assert found["next_date"].drop_nulls().to_list() == [datetime(2024, 10, 1, 12)]


def test_the_window_of_repeated_calls_can_be_another() -> None:
    calls = frame(leg("2024-10-01 10:00:00", src=ALICE), leg("2024-10-01 12:00:00", src=ALICE))
    assert metrics.repeat_calls(calls, within="1h")["repeated"].to_list() == [False, False]
    assert metrics.repeat_calls(calls, within="2h")["repeated"].to_list() == [True, False]


# --- rules that hold for any calls

#: Moments around both changes of the clocks, in quarters of an hour.
MOMENTS = st.builds(
    lambda day, quarters: f"{datetime.combine(day, datetime.min.time()) + timedelta(minutes=15 * quarters)}",
    st.sampled_from([date(2024, 3, 30), date(2024, 10, 26)]),
    st.integers(0, 3 * 96),
)
LEGS = st.builds(
    leg,
    MOMENTS,
    fold=st.integers(0, 1),
    src=st.sampled_from([ALICE, BORIS, "600100200", "201", "anonymous", None]),
    dst=st.sampled_from([ALICE, BORIS, None]),
    disposition=st.sampled_from(["ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION", None]),
    duration=st.sampled_from([0, 4, 5, 30, 90, None]),
    billsec=st.sampled_from([0, 4, 20, None]),
    connection_id=st.sampled_from(["1.1", "1.2", "1.3", "1.4", None, None]),
    type=st.sampled_from(["INBOUND", "INBOUND", "OUTBOUND", None]),
    queue_id=st.sampled_from([34, 35, None]),
    user_login=st.sampled_from([None, ANNA]),
    dst_user_login=st.sampled_from([None, ANNA, BOB]),
    transferred_to=st.sampled_from([None, BOB]),
    tags=st.sampled_from([None, [], ["a"], ["b", "a"]]),
    rating=st.sampled_from([None, {"type": "face", "rate": "sad"}, {"type": "stars", "rate": "5"}]),
)
FRAMES = st.lists(LEGS, max_size=12).map(lambda legs: frame(*legs))
OUTCOMES = ["handled", "abandoned", "short_abandoned", "failed"]


@given(FRAMES)
def test_an_offered_call_has_one_outcome(calls: pl.DataFrame) -> None:
    row = metrics.summary(calls).row(0, named=True)
    assert sum(row[name] for name in OUTCOMES) == row["offered"] <= row["calls"]
    assert (row["calls"], row["legs"]) == (metrics.calls(calls).height, calls.height)


@given(FRAMES, st.sampled_from(["15m", "30m", "1h", "1d", "1w"]), st.sampled_from([[], ["queue_id"]]))
def test_intervals_add_up_to_the_whole(calls: pl.DataFrame, every: metrics.Every, by: list[str]) -> None:
    found = metrics.by_interval(calls, every=every, by=by, denominator="handled")
    whole = metrics.summary(calls, denominator="handled")
    numbers = [name for name, kind in whole.schema.items() if kind == pl.Int64]
    assert found.select(pl.col(numbers).sum()).row(0) == whole.select(numbers).row(0)
    assert not found.select("interval", *by).is_duplicated().any()


@given(FRAMES, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(calls: pl.DataFrame, random: Any) -> None:
    order = list(range(calls.height))
    random.shuffle(order)
    mixed = calls[order]
    for figure in (metrics.calls, metrics.summary, metrics.ratings, metrics.missed_calls, metrics.repeat_calls):
        assert_frame_equal(figure(mixed), figure(calls))


@given(FRAMES)
def test_lazy_is_eager(calls: pl.DataFrame) -> None:
    for figure in (metrics.calls, metrics.summary, metrics.ratings, metrics.missed_calls, metrics.repeat_calls):
        assert_frame_equal(figure(calls.lazy()).collect(), figure(calls))


@given(FRAMES)
def test_every_missed_call_is_in_one_episode(calls: pl.DataFrame) -> None:
    vain = metrics.calls(calls).filter(pl.col("type") == "INBOUND", ~pl.col("handled"))
    own = pl.col("src").eq_missing("201") | (pl.col("src").is_in([None, "anonymous"], nulls_equal=True) & user())
    assert metrics.missed_calls(calls)["tries"].sum() == vain.filter(~own).height


def user() -> pl.Expr:
    return pl.col("user_login").is_not_null()


# --- an invented month


@pytest.fixture(scope="module")
def month() -> pl.DataFrame:
    centre = Centre(seed=3, calls_per_day=100)
    return frame_of(call for day in range(1, 32) for call in centre.calls(date(2024, 10, day)))


def test_the_figures_of_a_month_are_those_of_a_centre(month: pl.DataFrame) -> None:
    row = metrics.summary(month, denominator="less_short_abandons").row(0, named=True)
    assert row["calls"] == month["connection_id"].n_unique()
    assert 0.03 < row["abandonment_rate"] < 0.25
    assert 0.3 < row["service_level"] < 0.9
    assert 5 < row["median_speed_of_answer"] < row["average_speed_of_answer"] < row["p90_speed_of_answer"] < 200
    assert 100 < row["average_talk"] < 500
    assert row["transfer_rate_numerator"] == row["legs"] - row["calls"] > 0
    assert row["hung_up_by_customer"] > 0.5
    assert row["hung_up_by_customer"] + row["hung_up_by_agent"] == pytest.approx(1)


def test_the_days_of_a_month_add_up(month: pl.DataFrame) -> None:
    days = metrics.by_interval(month, every="1d", by=["queue_id"])
    whole = metrics.summary(month, by=["queue_id"])
    assert days["interval"].n_unique() == 31
    assert_frame_equal(
        days.group_by("queue_id").agg(pl.col("offered").sum()).sort("queue_id"), whole[["queue_id", "offered"]]
    )


def test_the_callers_of_a_month_find_an_answer_or_do_not(month: pl.DataFrame) -> None:
    states = dict(metrics.missed_calls(month)["state"].value_counts().iter_rows())
    assert set(states) == {"open", "called back", "called again", "anonymous"}
    assert states["called back"] > states["open"] > states["anonymous"]


def test_few_calls_of_a_month_are_repeated(month: pl.DataFrame) -> None:
    settled = metrics.repeat_calls(month).filter(~pl.col("censored"))
    assert 0 < settled["repeated"].sum() < settled.height
    assert settled["date"].max() == pytest.approx(datetime(2024, 10, 24, 22), abs=timedelta(days=1))

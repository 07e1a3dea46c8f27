from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from thulium_frames.simulator.faults import DateTo
from thulium_frames.simulator.query import LATEST, BadQueryError, DateRules, has_all_tags, read_moment, read_query


@given(st.dates(max_value=date(9999, 12, 30)))
def test_a_day_reaches_to_the_next_midnight(day: date) -> None:
    text = day.isoformat()
    assert read_moment(text, past_the_end=False) == datetime.combine(day, time.min)
    assert read_moment(text, past_the_end=True) == datetime.combine(day + timedelta(days=1), time.min)


@given(st.datetimes(max_value=datetime(9999, 12, 30)))
def test_a_minute_reaches_to_the_next_minute(moment: datetime) -> None:
    minute = moment.replace(second=0, microsecond=0)
    text = minute.isoformat(" ", "minutes")
    assert read_moment(text, past_the_end=False) == minute
    assert read_moment(text, past_the_end=True) == minute + timedelta(minutes=1)


def test_the_last_day_of_the_calendar_is_a_day() -> None:
    assert read_moment("9999-12-31", past_the_end=True).year == 9999


@pytest.mark.parametrize(
    "text",
    [
        *("", "2024-02-30", "2024-13-01", "2024-7-1", "2024-07-01 24:00", "2024-07-01 12:60", "2024-07-01T12:00"),
        *("today", "2024-07-01 12:00:00", " 2024-07-01", "2024-07-01\n", "٢٠٢٤-07-01"),
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is only the text that was given
        read_moment(text, past_the_end=True)


def test_every_bad_parameter_is_named() -> None:
    parameters = QueryParams("limit=x&offset=-1&date_from=never&queue_id=a&topic_id=&customer_id=1.5")
    with pytest.raises(BadQueryError) as caught:
        read_query(parameters, max_limit=100)
    named = {problem.split(" ")[0] for problem in caught.value.problems}
    assert named == {"limit", "offset", "date_from", "queue_id", "topic_id", "customer_id"}


def test_the_limit_is_a_hundred_or_what_the_server_allows() -> None:
    assert read_query(QueryParams(""), max_limit=100).limit == 100
    assert read_query(QueryParams(""), max_limit=500).limit == 100
    assert read_query(QueryParams(""), max_limit=7).limit == 7


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_all_wanted_tags_must_be_attached(attached: list[str], wanted: list[str]) -> None:
    assert has_all_tags(attached, wanted) == all(tag in attached for tag in wanted)


def test_a_call_without_a_list_of_tags_has_none() -> None:
    assert not has_all_tags(None, ["vip"])
    assert has_all_tags(None, [])


@pytest.mark.parametrize(
    ("means", "until"),
    [
        ("unit", datetime(2024, 7, 1, 12, 35)),
        ("second", datetime(2024, 7, 1, 12, 34, 1)),
        ("exclusive", datetime(2024, 7, 1, 12, 34)),
    ],
)
def test_date_to_ends_where_the_server_says(means: DateTo, until: datetime) -> None:
    asked = QueryParams("date_from=2024-07-01 12:34&date_to=2024-07-01 12:34")
    criteria = read_query(asked, max_limit=100, dates=DateRules(date_to_means=means)).criteria
    assert (criteria.since, criteria.until) == (datetime(2024, 7, 1, 12, 34), until)
    assert read_query(QueryParams(""), max_limit=100, dates=DateRules(date_to_means=means)).criteria.until == LATEST


@pytest.mark.parametrize(
    ("by_day", "since", "until"),
    [
        ({}, datetime(2024, 7, 1, 12, 34), datetime(2024, 7, 2, 10, 1)),
        ({"date_from_by_day": True}, datetime(2024, 7, 1), datetime(2024, 7, 2, 10, 1)),
        ({"date_to_by_day": True}, datetime(2024, 7, 1, 12, 34), datetime(2024, 7, 3)),
        ({"date_from_by_day": True, "date_to_by_day": True}, datetime(2024, 7, 1), datetime(2024, 7, 3)),
    ],
)
def test_a_system_may_read_the_day_of_a_bound_alone(by_day: dict[str, Any], since: datetime, until: datetime) -> None:
    asked = QueryParams("date_from=2024-07-01 12:34&date_to=2024-07-02 10:00")
    criteria = read_query(asked, max_limit=100, dates=DateRules(**by_day)).criteria
    assert (criteria.since, criteria.until) == (since, until)


def test_a_minute_that_does_not_exist_is_refused_by_a_system_that_reads_days_too() -> None:
    with pytest.raises(BadQueryError, match="date_from"):
        read_query(QueryParams("date_from=2024-07-01 25:00"), max_limit=100, dates=DateRules(date_from_by_day=True))


def test_without_date_from_a_system_may_search_its_newest_days_alone() -> None:
    dates = DateRules(since=datetime(2024, 7, 1))
    assert read_query(QueryParams(""), max_limit=100, dates=dates).criteria.since == datetime(2024, 7, 1)
    asked = read_query(QueryParams("date_from=2024-01-01"), max_limit=100, dates=dates)
    assert asked.criteria.since == datetime(2024, 1, 1)

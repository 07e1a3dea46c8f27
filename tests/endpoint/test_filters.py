import itertools
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.bounds import BEGINNING, END, Bound
from thulium_frames.endpoint.filters import Filters
from thulium_frames.errors import FilterError

DOCUMENTED = {
    "date_from": "2024-07-04",
    "date_to": "2024-07-14 12:34",
    "src": "123321",
    "dst": "48600700800",
    "connection_id": "1416225570.341",
    "user_login": "j.doe",
    "queue_id": 542,
    "topic_id": 365,
    "customer_id": 321,
    "tags": ["tag1", "tag2"],
}
TEXTS = ["src", "dst", "connection_id", "user_login"]
NUMBERS = ["queue_id", "topic_id", "customer_id"]
BOUNDS = ["date_from", "date_to"]
LONDON = ZoneInfo("Europe/London")


class WholeNumber:
    """Like numpy's integers: not an int, but usable as one."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def filters(**given: Any) -> Filters:
    return Filters(**given)


def sent(given: Filters, *, offset: int = 0, limit: int = 100) -> list[tuple[str, str]]:
    return given.query(given.bounds.start, given.bounds.end, offset=offset, limit=limit)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_filters_are_the_documented_parameters() -> None:
    assert [field.name for field in fields(Filters)] == list(DOCUMENTED)


def test_every_documented_parameter_is_sent_by_its_name() -> None:
    assert sorted(sent(filters(**DOCUMENTED), offset=300, limit=50)) == sorted(
        [
            ("limit", "50"),
            ("offset", "300"),
            ("date_from", "2024-07-04 00:00"),
            ("date_to", "2024-07-14 12:35"),
            ("src", "123321"),
            ("dst", "48600700800"),
            ("connection_id", "1416225570.341"),
            ("user_login", "j.doe"),
            ("queue_id", "542"),
            ("topic_id", "365"),
            ("customer_id", "321"),
            ("tags[]", "tag1"),
            ("tags[]", "tag2"),
            ("include_tags", "true"),
            ("include_topics", "true"),
        ]
    )


def test_a_query_without_filters_sends_nothing_empty_and_both_bounds() -> None:
    assert sorted(sent(Filters())) == [
        ("date_from", "2000-01-01 00:00"),
        ("date_to", "2099-12-31 23:59"),
        ("include_tags", "true"),
        ("include_topics", "true"),
        ("limit", "100"),
        ("offset", "0"),
    ]


@pytest.mark.parametrize("name", BOUNDS)
def test_the_bound_that_was_not_given_is_sent_too(name: str) -> None:
    """A system may search only its newest days when it is not told otherwise."""
    assert [key for key, _ in sent(filters(**{name: "2024-07-04"})) if key.startswith("date")] == BOUNDS


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"date_to": "1999-12-31"}, "before 2000-01-01"),
        ({"date_from": "2100-01-01"}, "2099-12-31 is the last day"),
        ({"date_from": "2024-07-02", "date_to": "2024-07-01"}, "swap them"),
    ],
)
def test_bounds_that_hold_nothing_say_why(bounds: dict[str, str], says: str) -> None:
    with pytest.raises(FilterError, match=says):
        filters(**bounds)


def test_calls_before_2000_can_be_asked_for() -> None:
    asked = dict(sent(filters(date_from="1990-01-01", date_to="1999-12-31")))
    assert (asked["date_from"], asked["date_to"]) == ("1990-01-01 00:00", "2000-01-01 00:00")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.text("ąż+& %=12", min_size=1).filter(str.strip) for name in TEXTS},
            **{name: st.integers(0, 2**63 - 1) for name in NUMBERS},
            "tags": st.lists(st.sampled_from(["vip", "ważne", "a b", "x"]), max_size=3),
        },
    )
)
def test_what_was_given_is_sent_as_it_was_given(given: dict[str, Any]) -> None:
    wire = sent(Filters(**given))
    expected = [(name, str(value)) for name, value in given.items() if name != "tags"]
    expected += [("tags[]", tag) for tag in given.get("tags", [])]
    fixed = [("limit", "100"), ("offset", "0"), ("include_tags", "true"), ("include_topics", "true")]
    fixed += [("date_from", "2000-01-01 00:00"), ("date_to", "2099-12-31 23:59")]
    assert sorted(wire) == sorted(expected + fixed)
    assert all(value for _, value in wire)


def test_zero_is_a_value() -> None:
    assert ("queue_id", "0") in sent(Filters(queue_id=0))


def test_a_number_of_another_library_is_a_number() -> None:
    whole: Any = WholeNumber(7)
    assert Filters(topic_id=whole) == Filters(topic_id=7)
    assert ("topic_id", "7") in sent(Filters(topic_id=whole))


@pytest.mark.parametrize(
    ("start", "end", "date_from", "date_to"),
    [
        ("2024-07-01", "2024-07-02", "2024-07-01 00:00", "2024-07-02 00:00"),
        ("2024-07-01 10:05", "2024-07-01 10:06", "2024-07-01 10:05", "2024-07-01 10:06"),
        ("2024-07-01 10:05:30", "2024-07-01 10:06:30", "2024-07-01 10:05", "2024-07-01 10:07"),
        ("2024-07-01 10:05:59.5", "2024-07-01 23:59:59.5", "2024-07-01 10:05", "2024-07-02 00:00"),
    ],
)
def test_a_window_is_asked_for_as_a_superset_in_whole_minutes(
    start: str, end: str, date_from: str, date_to: str
) -> None:
    dates = [pair for pair in Filters().query(moment(start), moment(end), offset=0, limit=1) if "date" in pair[0]]
    assert dates == [("date_from", date_from), ("date_to", date_to)]


@pytest.mark.parametrize("years", [("0001-01-01", "0001-01-01 00:00"), ("0987-06-05", "0987-06-05 00:00")])
def test_a_year_has_four_digits(years: tuple[str, str]) -> None:
    given, spelled = years
    assert ("date_from", spelled) in sent(Filters(date_from=given))


BOUND_UNITS: list[tuple[Bound, str, str]] = [
    (date(2024, 7, 1), "2024-07-01", "2024-07-02"),
    ("2024-07-01", "2024-07-01", "2024-07-02"),
    ("2024-12-31", "2024-12-31", "2025-01-01"),
    ("2024-07-01 10:05", "2024-07-01 10:05", "2024-07-01 10:06"),
    ("2024-07-01 23:59", "2024-07-01 23:59", "2024-07-02"),
    ("2024-07-01 00:00", "2024-07-01", "2024-07-01 00:01"),
    (datetime(2024, 7, 1, 10, 5), "2024-07-01 10:05", "2024-07-01 10:06"),
    (datetime(2024, 7, 1), "2024-07-01", "2024-07-01 00:01"),
    (datetime(2024, 7, 1, 10, 5, 30), "2024-07-01 10:05:30", "2024-07-01 10:05:31"),
    (datetime(2024, 7, 1, 10, 5, 0, 7), "2024-07-01 10:05:00.000007", "2024-07-01 10:05:00.000008"),
]


@pytest.mark.parametrize(("bound", "begins", "ends"), BOUND_UNITS)
def test_a_bound_includes_the_whole_unit_it_names(bound: Bound, begins: str, ends: str) -> None:
    both = Filters(date_from=bound, date_to=bound)
    assert both.bounds.start == moment(begins)
    assert both.bounds.end == moment(ends)


def test_open_bounds_reach_from_the_beginning_to_the_end() -> None:
    assert (Filters().bounds.start, Filters().bounds.end) == (BEGINNING, END)


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.dates(date(2000, 1, 1), date(2050, 1, 1)))
def test_days_reach_from_the_first_midnight_to_the_one_after_the_last(first: date, last: date) -> None:
    if first > last:
        with pytest.raises(FilterError):
            Filters(date_from=first, date_to=last)
    else:
        given = Filters(date_from=first, date_to=last.isoformat())
        assert given.bounds.start == moment(first.isoformat())
        assert given.bounds.end == moment(last.isoformat()) + timedelta(days=1)
        assert given.bounds.days == (first, last)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", ["", " ", "\t\n", 123, 1.5, True, b"123", ["1"]])
def test_a_text_filter_is_text_that_is_not_empty(name: str, value: object) -> None:
    with pytest.raises(FilterError, match=name):
        filters(**{name: value})


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_cannot_be_written_in_utf8_is_refused(name: str) -> None:
    with pytest.raises(FilterError):
        filters(**{name: "\udcff"})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [True, False, -1, 3.0, 3.5, "3", "", [3]])
def test_a_number_filter_is_a_whole_number_that_is_not_negative(name: str, value: object) -> None:
    with pytest.raises(FilterError, match=name):
        filters(**{name: value})


@pytest.mark.parametrize("value", ["vip", ["vip", ""], [" "], [1], [None], [["vip"]], b"vip"])
def test_tags_are_a_list_of_texts(value: object) -> None:
    with pytest.raises(FilterError, match="tags"):
        filters(tags=value)


@pytest.mark.parametrize("value", [None, [], ()])
def test_no_tags_are_no_filter(value: list[str] | None) -> None:
    assert Filters(tags=value) == Filters()
    assert Filters(tags=value).without_dates() == {}


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("zone", [UTC, LONDON])
def test_a_moment_with_a_time_zone_is_refused(name: str, zone: Any) -> None:
    with pytest.raises(FilterError, match="time zone"):
        filters(**{name: datetime(2024, 7, 1, 10, 0, tzinfo=zone)})


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "2024-07-01 24:00", "2024-07-01 10:60", "0000-01-01",
        "", "today", "2024", "2024-07", "2024-7-1", "01.07.2024", "2024-07-01T10:00", "2024-07-01 10:00:00",
        "2024-07-01 10", "2024-07-01 ", " 2024-07-01", "2024-07-01\n", "2024-07-01 10:00Z", "2024-W27-1", "20240701",
        "２０２４-07-01",
    ],
)  # fmt: skip
def test_text_that_is_no_date_of_the_calendar_is_refused(name: str, text: str) -> None:
    with pytest.raises(FilterError, match=name):
        filters(**{name: text})


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("value", [20240701, 1.5, True, ["2024-07-01"], b"2024-07-01"])
def test_a_bound_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(FilterError, match=name):
        filters(**{name: value})


@pytest.mark.parametrize(
    ("date_from", "date_to"),
    [
        ("2024-07-02", "2024-07-01"),
        ("2024-07-01 10:01", "2024-07-01 10:00"),
        (datetime(2024, 7, 1, 10, 0, 31), datetime(2024, 7, 1, 10, 0, 30)),
        (date(2024, 7, 2), "2024-07-01 23:59"),
    ],
)
def test_bounds_the_wrong_way_round_are_refused(date_from: Bound, date_to: Bound) -> None:
    with pytest.raises(FilterError, match=r"date_from .* after date_to"):
        Filters(date_from=date_from, date_to=date_to)


def test_a_bound_of_a_minute_may_lie_within_the_day_of_the_other() -> None:
    given = Filters(date_from="2024-07-01 12:00", date_to="2024-07-01")
    assert (given.bounds.start, given.bounds.end) == (moment("2024-07-01 12:00"), moment("2024-07-02"))


@pytest.mark.parametrize("bound", [date.max, "9999-12-31", "9999-12-31 23:59", datetime(9999, 12, 31, 23, 59, 59)])
def test_the_end_of_the_calendar_is_a_bound_or_refused(bound: Bound) -> None:
    try:
        given = Filters(date_to=bound)
    except FilterError:
        return
    assert given.bounds.end >= END
    assert sent(given)


@pytest.mark.parametrize(
    ("bound", "last_minute"),
    [
        ("2024-07-01", "2024-07-01 23:59"),
        ("2024-07-01 10:05", "2024-07-01 10:05"),
        (datetime(2024, 7, 1, 10, 5), "2024-07-01 10:05"),
    ],
)
def test_the_last_minute_is_the_last_one_asked_for(bound: Bound, last_minute: str) -> None:
    assert Filters(date_to=bound).last_minute == moment(last_minute)


def test_the_last_minute_of_an_open_end_is_that_of_2099() -> None:
    assert Filters().last_minute == datetime(2099, 12, 31, 23, 59)


@pytest.mark.parametrize(
    ("date_from", "date_to", "days"),
    [
        (None, None, (None, None)),
        ("2024-07-01", None, (date(2024, 7, 1), None)),
        (None, "2024-07-31", (None, date(2024, 7, 31))),
        ("2024-07-01", "2024-07-01", (date(2024, 7, 1), date(2024, 7, 1))),
        ("2024-07-01 00:00", "2024-07-01 23:59", (date(2024, 7, 1), date(2024, 7, 1))),
    ],
)
def test_whole_days_are_known_as_days(
    date_from: Bound | None, date_to: Bound | None, days: tuple[date | None, date | None]
) -> None:
    assert Filters(date_from=date_from, date_to=date_to).bounds.days == days


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("date_from", "2024-07-01 00:01"),
        ("date_from", datetime(2024, 7, 1, 0, 0, 1)),
        ("date_to", "2024-07-01 23:58"),
        ("date_to", "2024-07-01 00:00"),
        ("date_to", datetime(2024, 7, 1, 23, 59, 30)),
    ],
)
def test_a_part_of_a_day_is_no_day(name: str, bound: Bound) -> None:
    with pytest.raises(FilterError, match=name):
        _ = filters(**{name: bound}).bounds.days


def test_the_filters_without_dates_are_those_a_lake_is_marked_with() -> None:
    assert Filters().without_dates() == {}
    assert filters(**DOCUMENTED).without_dates() == {
        name: value for name, value in DOCUMENTED.items() if name not in BOUNDS
    }


@pytest.mark.parametrize("tags", list(itertools.permutations(["a", "b", "c"])))
def test_the_order_of_tags_marks_no_other_lake(tags: tuple[str, ...]) -> None:
    assert Filters(tags=tags).without_dates() == {"tags": ["a", "b", "c"]}


@pytest.mark.parametrize("show", [str, repr])
def test_filters_show_what_was_given(show: Callable[[object], str]) -> None:
    shown = show(Filters(date_from="2024-07-01", queue_id=34, tags=["vip"]))
    assert "2024-07-01" in shown
    assert "queue_id=34" in shown
    assert "vip" in shown


def test_filters_are_values() -> None:
    assert filters(**DOCUMENTED) == filters(**DOCUMENTED)
    assert hash(filters(**DOCUMENTED)) == hash(filters(**DOCUMENTED))
    with pytest.raises(AttributeError):
        Filters().queue_id = 3  # type: ignore[misc]  # wrong on purpose

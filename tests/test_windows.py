from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.windows import DAY, MINUTE, Window, floor, midnight, of_days, split

MIDNIGHT = datetime(2024, 7, 1)
MOMENTS = st.datetimes(datetime(2014, 1, 1), datetime(2034, 1, 1))
LENGTHS = st.one_of(
    st.timedeltas(timedelta(microseconds=1), timedelta(minutes=3)),
    st.timedeltas(timedelta(microseconds=1), timedelta(hours=30)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)),
    st.integers(1, 20).map(lambda days: days * DAY),
    st.integers(1, 3000).map(lambda minutes: minutes * MINUTE),
)
WINDOWS = st.one_of(
    st.builds(lambda start, length: Window(start, start + length), MOMENTS, LENGTHS),
    st.builds(lambda day, length: Window(midnight(day), midnight(day) + length), MOMENTS.map(datetime.date), LENGTHS),
)


def window(start: str, end: str) -> Window:
    return Window(datetime.fromisoformat(start), datetime.fromisoformat(end))


def cuts(parts: list[Window]) -> list[datetime]:
    return [part.start for part in parts[1:]]


def has_a_midnight_inside(whole: Window) -> bool:
    next_midnight = midnight(whole.start.date()) + DAY
    return next_midnight < whole.end


def has_a_minute_inside(whole: Window) -> bool:
    next_minute = whole.start.replace(second=0, microsecond=0) + MINUTE
    return next_minute < whole.end


def units_touched(part: Window, unit: timedelta) -> int:
    """How many days or minutes of the calendar a window overlaps, in whole or in part."""
    first = (part.start - datetime(1, 1, 1)) // unit
    last = (part.end - timedelta(microseconds=1) - datetime(1, 1, 1)) // unit
    return last - first + 1


@given(WINDOWS, st.integers(2, 50))
def test_the_parts_follow_one_another_and_cover_exactly_the_whole(whole: Window, most: int) -> None:
    parts = split(whole, most)
    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert [part.end for part in parts[:-1]] == cuts(parts)
    assert all(part.start < part.end for part in parts)


@given(WINDOWS, st.integers(1, 50))
def test_there_are_never_more_parts_than_asked_for(whole: Window, most: int) -> None:
    assert 1 <= len(split(whole, most)) <= most


@given(WINDOWS, st.integers(2, 50))
def test_there_are_as_many_parts_as_asked_for_when_there_are_places_to_cut(whole: Window, most: int) -> None:
    unit = DAY if has_a_midnight_inside(whole) else MINUTE
    assert len(split(whole, most)) == min(most, units_touched(whole, unit))


@given(WINDOWS, st.integers(2, 50))
def test_a_window_longer_than_a_day_is_cut_at_midnights(whole: Window, most: int) -> None:
    if whole.end - whole.start > DAY:
        parts = split(whole, most)
        assert len(parts) > 1
        assert all(cut == midnight(cut.date()) for cut in cuts(parts))


@given(WINDOWS, st.integers(2, 50))
def test_a_window_within_a_day_is_cut_at_minutes(whole: Window, most: int) -> None:
    parts = split(whole, most)
    assert all((cut.second, cut.microsecond) == (0, 0) for cut in cuts(parts))
    assert (len(parts) > 1) == has_a_minute_inside(whole)


@given(WINDOWS, st.integers(2, 50))
def test_the_parts_are_nearly_equal(whole: Window, most: int) -> None:
    unit = DAY if has_a_midnight_inside(whole) else MINUTE
    shares = [units_touched(part, unit) for part in split(whole, most)]
    assert max(shares) - min(shares) <= 1


@given(WINDOWS)
def test_splitting_on_and_on_ends_in_single_minutes(whole: Window) -> None:
    steps = 0
    while len(parts := split(whole, 2)) > 1:
        whole = parts[steps % 2]
        steps += 1
    assert not has_a_minute_inside(whole)
    assert steps <= 30


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-07-01 10:00", "2024-07-01 10:01"),
        ("2024-07-01 23:59", "2024-07-02 00:00"),
        ("2024-07-01 10:00:20", "2024-07-01 10:00:40"),
        ("2024-07-01 10:00:20", "2024-07-01 10:01:00"),
    ],
)
def test_a_minute_comes_back_whole(start: str, end: str) -> None:
    assert split(window(start, end), 8) == [window(start, end)]


def test_a_week_is_cut_into_days() -> None:
    days = [Window(MIDNIGHT + day * DAY, MIDNIGHT + (day + 1) * DAY) for day in range(7)]
    assert split(Window(MIDNIGHT, MIDNIGHT + 7 * DAY), 7) == days
    assert split(Window(MIDNIGHT, MIDNIGHT + 7 * DAY), 100) == days


def test_a_day_is_cut_into_hours() -> None:
    hours = [Window(MIDNIGHT + timedelta(hours=hour), MIDNIGHT + timedelta(hours=hour + 1)) for hour in range(24)]
    assert split(Window(MIDNIGHT, MIDNIGHT + DAY), 24) == hours


def test_a_window_that_begins_between_minutes_is_cut_at_whole_ones() -> None:
    assert split(window("2024-07-01 10:00:30", "2024-07-01 10:01:30"), 2) == [
        window("2024-07-01 10:00:30", "2024-07-01 10:01"),
        window("2024-07-01 10:01", "2024-07-01 10:01:30"),
    ]


def test_one_part_is_the_window_itself() -> None:
    assert split(window("2024-07-01", "2024-07-09"), 1) == [window("2024-07-01", "2024-07-09")]


@pytest.mark.parametrize("end", [MIDNIGHT, MIDNIGHT - MINUTE])
def test_a_window_ends_after_it_starts(end: datetime) -> None:
    with pytest.raises(ValueError, match="ends after it starts"):
        Window(MIDNIGHT, end)


def test_days_are_both_included() -> None:
    assert of_days(date(2024, 7, 1), date(2024, 7, 3)) == window("2024-07-01", "2024-07-04")
    assert of_days(date(2024, 7, 1), date(2024, 7, 1)) == window("2024-07-01", "2024-07-02")


def test_a_window_tells_its_bounds_to_the_minute() -> None:
    assert str(window("2024-07-01", "2024-07-01 12:34")) == "2024-07-01 00:00 to 2024-07-01 12:34"


@pytest.mark.parametrize(
    ("unit", "below"),
    [
        (DAY, datetime(2024, 7, 1)),
        (timedelta(hours=1), datetime(2024, 7, 1, 12)),
        (MINUTE, datetime(2024, 7, 1, 12, 34)),
    ],
)
def test_a_moment_is_rounded_down_to_a_unit(unit: timedelta, below: datetime) -> None:
    moment = datetime(2024, 7, 1, 12, 34, 56, 789)
    assert floor(moment, unit) == below
    assert floor(below, unit) == below

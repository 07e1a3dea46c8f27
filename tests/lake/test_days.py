"""Which days an update reads, and how pieces become days."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.lake.days import Clock, by_day, wanted_stretches
from thulium_frames.windows import Window, each_day

FIRST = date(2024, 10, 20)
DAYS = each_day(FIRST, FIRST + timedelta(days=19))
indexes = st.integers(0, len(DAYS) - 1)


class Piece(NamedTuple):
    window: Window
    batch: pa.RecordBatch


def batch(*moments: str) -> pa.RecordBatch:
    dates = pa.array(list(map(datetime.fromisoformat, moments)), pa.timestamp("us"))
    return pa.RecordBatch.from_arrays([dates], names=["date"])


def window(start: str, end: str) -> Window:
    return Window(datetime.fromisoformat(start), datetime.fromisoformat(end))


def rows_by_day(pieces: list[Piece], first: date | None) -> list[tuple[date, int]]:
    return [(day, sum(batch.num_rows for batch in batches)) for day, batches in by_day(pieces, first)]


@given(indexes, indexes, st.sets(st.sampled_from(DAYS)), indexes)
def test_every_day_that_may_not_stay_is_read_once_and_no_other(
    first: int, last: int, may_stay: set[date], unsettled: int
) -> None:
    stretches = wanted_stretches(DAYS[first], DAYS[last], may_stay, DAYS[unsettled])
    read = [day for stretch in stretches for day in stretch]
    assert read == [day for day in DAYS[first : last + 1] if day not in may_stay]


@given(st.sets(st.sampled_from(DAYS)), indexes)
def test_a_stretch_has_no_gap_and_is_settled_as_a_whole_or_not_at_all(may_stay: set[date], unsettled: int) -> None:
    stretches = wanted_stretches(DAYS[0], DAYS[-1], may_stay, DAYS[unsettled])
    for stretch in stretches:
        assert stretch == each_day(stretch[0], stretch[-1])
        assert len({day < DAYS[unsettled] for day in stretch}) == 1
    for before, after in pairwise(stretches):
        has_gap = before[-1] + timedelta(days=1) < after[0]
        assert has_gap or before[-1] < DAYS[unsettled] <= after[0]


def test_the_clock_is_that_of_the_system() -> None:
    clock = Clock(datetime(2024, 10, 26, 22, 30, tzinfo=UTC), "Europe/Warsaw", timedelta(hours=48))
    assert clock.today == date(2024, 10, 27)
    assert clock.first_unsettled == date(2024, 10, 25)


def test_a_piece_is_cut_at_midnight_and_a_day_goes_on_in_the_next_piece() -> None:
    pieces = [
        Piece(window("2024-10-20 00:00", "2024-10-21 12:00"), batch("2024-10-20 23:59:59", "2024-10-21 00:00")),
        Piece(window("2024-10-21 12:00", "2024-10-22 00:00"), batch("2024-10-21 12:00")),
    ]
    assert rows_by_day(pieces, FIRST) == [(FIRST, 1), (FIRST + timedelta(days=1), 2)]


def test_days_without_calls_are_days_too() -> None:
    pieces = [Piece(window("2024-10-20 00:00", "2024-10-24 00:00"), batch("2024-10-22 10:00"))]
    assert rows_by_day(pieces, FIRST) == list(zip(DAYS[:4], (0, 0, 1, 0), strict=True))


def test_without_a_first_day_it_is_that_of_the_first_call() -> None:
    pieces = [
        Piece(window("2024-10-20 00:00", "2024-10-21 00:00"), batch()),
        Piece(window("2024-10-21 00:00", "2024-10-24 00:00"), batch("2024-10-22 10:00")),
    ]
    assert rows_by_day(pieces, None) == [(DAYS[2], 1), (DAYS[3], 0)]

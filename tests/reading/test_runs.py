"""Proven windows that follow one another become one run."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.reading.runs import ProvenRuns, in_parts
from thulium_frames.records import HeldCall
from thulium_frames.windows import Window

EIGHT, NINE, TEN, NOON = (datetime(2024, 7, 1, hour) for hour in (8, 9, 10, 12))
CALL = HeldCall("2024-07-01 08:30", b"{}")


def test_windows_that_follow_one_another_are_put_together() -> None:
    runs = ProvenRuns()
    runs.add(Window(EIGHT, NINE), [CALL])
    runs.add(Window(NINE, TEN), [CALL, CALL])
    runs.complete(TEN)
    assert [(run.window, len(run.calls)) for run in runs.take()] == [(Window(EIGHT, TEN), 3)]
    assert runs.take() == []


def test_windows_with_a_gap_between_them_stay_apart() -> None:
    runs = ProvenRuns()
    runs.add(Window(EIGHT, NINE), [CALL])
    runs.add(Window(TEN, NOON), [])
    assert [run.window for run in runs.take_all()] == [Window(EIGHT, NINE), Window(TEN, NOON)]
    assert runs.take_all() == []


def test_a_run_that_is_too_short_goes_on_growing() -> None:
    runs = ProvenRuns()
    runs.add(Window(EIGHT, NINE), [CALL])
    runs.complete(NINE, least=2)
    assert runs.take() == []
    runs.add(Window(NINE, TEN), [CALL])
    runs.complete(TEN, least=2)
    assert [run.window for run in runs.take()] == [Window(EIGHT, TEN)]


def test_a_complete_run_is_there_until_it_is_delivered() -> None:
    runs = ProvenRuns()
    runs.add(Window(EIGHT, NINE), [CALL])
    assert not runs.has_complete(EIGHT)
    runs.complete(NINE)
    assert runs.has_complete(EIGHT)
    runs.take()
    assert runs.has_complete(EIGHT)
    runs.deliver(EIGHT)
    assert not runs.has_complete(EIGHT)


def test_an_end_where_no_run_is_completes_nothing() -> None:
    runs = ProvenRuns()
    runs.complete(NINE)
    assert runs.take() == []


@given(st.lists(st.integers(0, 239), max_size=60), st.integers(1, 20), st.integers(0, 2))
def test_a_large_window_is_cut_at_minutes_into_parts_that_are_all_of_it(
    minutes: list[int], rows: int, undated: int
) -> None:
    window = Window(EIGHT, NOON)
    dated = [HeldCall(f"{EIGHT + timedelta(minutes=minute):%Y-%m-%d %H:%M}", b"{}") for minute in minutes]
    calls = [*dated, *[HeldCall(None, b"{}")] * undated]
    parts = list(in_parts(window, calls, rows))
    assert (parts[0][0].start, parts[-1][0].end) == (window.start, window.end)
    assert all(before.end == after.start for (before, _), (after, _) in pairwise(parts))
    assert Counter(call.date for _, part in parts for call in part) == Counter(call.date for call in calls)
    for part, found in parts:
        moments = [datetime.fromisoformat(call.date) for call in found if call.date]
        assert all(part.start <= moment < part.end for moment in moments)
    assert all(call.date for _, part in parts[1:] for call in part)


def test_a_part_has_about_as_many_calls_as_asked_for() -> None:
    calls = [HeldCall(f"{EIGHT + timedelta(minutes=number // 5):%Y-%m-%d %H:%M}", b"{}") for number in range(1000)]
    sizes = [len(part) for _, part in in_parts(Window(EIGHT, NOON), calls, 100)]
    assert max(sizes) <= 200
    assert sum(sizes) == 1000

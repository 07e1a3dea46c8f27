"""Proven windows that follow one another become one run."""

from datetime import datetime

from thulium_frames.reading.runs import ProvenRuns
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

from collections.abc import Sequence
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.talk import connected, everything, page
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, create_app
from thulium_frames.simulator.drift import DriftingCalls

FIRST, LAST = date(2024, 7, 1), date(2024, 7, 4)
SOURCE = GeneratedCalls(Centre(seed=3, calls_per_day=40), FIRST, LAST)
EDITED = {"rating", "tags", "customer_id"}


def rows(source: DriftingCalls | GeneratedCalls) -> list[dict[str, Any]]:
    return [dict(record.row) for day in source.days() for record in source.records(day)]


def drifting(events: int, until: int, seed: int = 0) -> DriftingCalls:
    return DriftingCalls(SOURCE, events=events, until=until, seed=seed)


def advanced(calls: DriftingCalls, requests: int) -> DriftingCalls:
    for number in range(1, requests + 1):
        calls.advance(number)
    return calls


@given(st.integers(0, 30), st.integers(2, 20), st.integers())
def test_all_events_happen_after_the_first_request_and_until_the_last_one(events: int, until: int, seed: int) -> None:
    calls = drifting(events, until, seed)
    assert rows(advanced(calls, 1)) == rows(SOURCE)
    calls = advanced(drifting(events, until, seed), until)
    assert calls.version() == events
    settled = rows(calls)
    calls.advance(until + 1000)
    assert rows(calls) == settled


@given(st.integers())
def test_the_same_seed_and_requests_give_the_same_calls(seed: int) -> None:
    assert rows(advanced(drifting(20, 9, seed), 9)) == rows(advanced(drifting(20, 9, seed), 9))


@given(st.integers())
def test_days_stay_in_order_and_their_counts_right(seed: int) -> None:
    calls = advanced(drifting(25, 5, seed), 5)
    for day in calls.days():
        walls = [record.wall for record in calls.records(day)]
        assert walls == sorted(walls)
        assert calls.count(day) == len(walls)
        assert all(str(record.row["date"]) == f"{record.wall:%Y-%m-%d %H:%M}" for record in calls.records(day))


def test_every_event_inserts_changes_or_removes_one_call() -> None:
    kinds = set()
    for seed in range(30):
        before, after = rows(SOURCE), rows(advanced(drifting(1, 2, seed), 2))
        new = [row for row in after if row not in before]
        kinds.add((len(after) - len(before), len(new)))
        if len(after) == len(before):
            (old,) = (row for row in before if row not in after)
            assert {name for name in old if old[name] != new[0][name]} <= EDITED
    assert kinds == {(1, 1), (0, 1), (-1, 0)}


def test_an_inserted_call_has_an_id_of_its_own() -> None:
    known = {row["connection_id"] for row in rows(SOURCE)}
    after = rows(advanced(drifting(20, 2, seed=2), 2))
    assert any(row["connection_id"] not in known for row in after)


def test_a_list_that_was_handed_out_never_changes() -> None:
    calls = drifting(50, 2)
    held: dict[date, Sequence[object]] = {day: calls.records(day) for day in calls.days()}
    copies = {day: list(records) for day, records in held.items()}
    advanced(calls, 2)
    assert {day: list(records) for day, records in held.items()} == copies
    assert rows(calls) != rows(SOURCE)


def test_a_source_without_calls_stays_empty() -> None:
    holiday = GeneratedCalls(Centre(), date(2024, 12, 25), date(2024, 12, 26))
    calls = advanced(DriftingCalls(holiday, events=5, until=2, seed=0), 3)
    assert (rows(calls), calls.version()) == ([], 0)


def test_the_server_tells_what_is_true_at_each_request() -> None:
    app = create_app(SOURCE, faults=Faults(seed=1, drift=40, drift_until=12))
    with connected(app) as client:
        seen = []
        for _ in range(14):
            count, result = page(client)
            truth = app.truth()
            assert (count, result) == (len(truth), truth[:100])
            seen.append(truth)
        assert seen[0] == rows(SOURCE)
        assert seen[11] == seen[12] == seen[13]
        assert len({str(truth) for truth in seen}) > 6
        assert everything(client) == app.truth()


def test_the_truth_of_some_days_can_be_asked_for() -> None:
    app = create_app(SOURCE)
    assert app.truth(first_day=LAST) == [dict(record.row) for record in SOURCE.records(LAST)]
    assert app.truth(last_day=FIRST) + app.truth(date(2024, 7, 2)) == app.truth() == rows(SOURCE)

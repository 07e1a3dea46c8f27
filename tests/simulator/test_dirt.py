from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.talk import connected, everything, faults_of
from thulium_frames.simulator import CallSource, Centre, Faults, GeneratedCalls, LakeCalls, create_app
from thulium_frames.simulator.dirt import soiled

DAY = date(2024, 7, 1)
SOURCE = GeneratedCalls(Centre(seed=3, calls_per_day=300), DAY, date(2024, 7, 3))
SHARES = ("twin_legs", "equal_rows", "unknown_fields", "dirty_values")
ALL = dict.fromkeys(SHARES, 0.3)


def rows(source: CallSource, day: date = DAY) -> list[dict[str, Any]]:
    return [dict(record.row) for record in source.records(day)]


def texts(source: CallSource, day: date) -> set[str]:
    """The rows as text, because 7.0 and 7 differ only as text."""
    return {repr(row) for row in rows(source, day)}


def made(**shares: float) -> list[dict[str, Any]]:
    return rows(soiled(SOURCE, faults_of(**shares)))


CLEAN = rows(SOURCE)


def test_without_shares_the_source_is_itself() -> None:
    assert soiled(SOURCE, Faults(server_errors=0.5)) is SOURCE


@given(st.integers())
def test_a_day_depends_on_the_seed_and_nothing_else(seed: int) -> None:
    faults = faults_of(seed=seed, **ALL)
    one, other = soiled(SOURCE, faults), soiled(SOURCE, faults)
    rows(other, date(2024, 7, 2))
    assert rows(one) == rows(other)
    assert one.count(DAY) == len(rows(one))


def test_another_seed_and_another_day_are_struck_elsewhere() -> None:
    assert made(seed=1, **ALL) != made(seed=2, **ALL)


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_a_share_of_the_records(name: str) -> None:
    calls = soiled(SOURCE, faults_of(**{name: 0.3}))
    total = sum(SOURCE.count(day) for day in SOURCE.days())
    struck = sum(len(texts(calls, day) - texts(SOURCE, day)) for day in calls.days())
    added = sum(calls.count(day) for day in calls.days()) - total
    assert 0.25 * total < max(struck, added) < 0.35 * total


def test_a_twin_leg_has_the_id_and_the_minute_and_another_phone() -> None:
    twins = made(twin_legs=1.0)
    assert twins[::2] == CLEAN
    for leg, twin in zip(twins[::2], twins[1::2], strict=True):
        assert {name for name in leg if leg[name] != twin[name]} <= {"dst", "dst_user", "dst_user_login"}
        assert leg["dst"] != twin["dst"]


def test_equal_rows_are_equal_in_every_field_even_among_other_faults() -> None:
    assert made(equal_rows=1.0) == [row for row in CLEAN for _ in range(2)]
    pairs = made(equal_rows=1.0, twin_legs=0.3, unknown_fields=0.5, dirty_values=0.5)
    assert pairs[::2] == pairs[1::2]


def test_unknown_fields_come_on_top_and_some_are_nested() -> None:
    strange = made(unknown_fields=1.0)
    assert [{name: row[name] for name in CLEAN[0]} for row in strange] == CLEAN
    extra = [set(row) - set(CLEAN[0]) for row in strange]
    assert all(extra)
    assert any("crm" in names for names in extra)
    assert any(isinstance(row.get("crm"), dict) for row in strange)


def test_a_dirty_record_has_one_value_of_an_odd_type() -> None:
    kinds = Counter[str]()
    for before, after in zip(CLEAN, made(dirty_values=1.0), strict=True):
        changed = [name for name in before if repr(before[name]) != repr(after[name])]
        assert len(changed) <= 1
        kinds.update(f"{name} {after[name]!r}" for name in changed if name in ("rating", "tags", "customer_id"))
        kinds.update(type(after[name]).__name__ for name in changed)
    expected = {"tags None", "customer_id 'abc'", "rating []", "rating None", "float", "str"}
    assert expected | {"rating {'type': 'stars', 'rate': 5}"} <= set(kinds)


def test_the_server_tells_the_dirty_rows_as_they_are() -> None:
    app = create_app(SOURCE, faults=faults_of(**ALL))
    with connected(app) as client:
        told = everything(client)
        assert told == app.truth()
        assert repr(told) == repr(app.truth())
        filtered = everything(client, {"queue_id": "35"})
    assert filtered == [row for row in app.truth() if row["queue_id"] == 35]


def test_a_lake_without_days_has_nothing_to_soil(tmp_path: Path) -> None:
    assert list(soiled(LakeCalls(tmp_path), faults_of(**ALL)).records(DAY)) == []

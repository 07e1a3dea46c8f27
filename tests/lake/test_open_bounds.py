"""A lake without a first day: it begins with the first call, however old, but not with years of empty days unasked."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.program import here
from thulium_frames import Lake, Thulium
from thulium_frames.errors import FilterError
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, create_app, running
from thulium_frames.simulator.sources import Record

FIRST, LAST = date(2024, 10, 21), date(2024, 10, 25)
CALLS = GeneratedCalls(Centre(seed=3, calls_per_day=40), FIRST, LAST)


class WithOldCalls:
    """The calls of a source, and one call on each of some old days."""

    def __init__(self, *old: date) -> None:
        self.old = old

    def days(self) -> Sequence[date]:
        return sorted([*self.old, *CALLS.days()])

    def records(self, day: date) -> Sequence[Record]:
        if day not in self.old:
            return CALLS.records(day)
        wall = datetime(day.year, day.month, day.day, 10)
        row = CALLS.records(FIRST)[0].row
        return [Record(wall, {**row, "date": f"{wall:%Y-%m-%d %H:%M}"})]

    def count(self, day: date) -> int:
        return len(self.records(day))

    def version(self) -> int:
        return 0


def test_a_stray_old_call_is_told_with_what_to_do_and_fills_no_lake(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with running(create_app(WithOldCalls(date(2003, 5, 1)))) as url, Thulium(url, "demo", "demo") as thulium:
        with pytest.raises(FilterError, match=r"2003-05-01.* 2024-10-21.*\n.*date_from 2024-10-21") as error:
            lake.update(thulium.connections(date_to=LAST))
        assert "empty days" in str(error.value)
        assert lake.status().days == []
        assert len(lake.update(thulium.connections(date_from=FIRST, date_to=LAST)).days_written) == 5


def test_whoever_asks_for_the_empty_days_gets_them(tmp_path: Path) -> None:
    with running(create_app(WithOldCalls(date(2023, 5, 1)))) as url, Thulium(url, "demo", "demo") as thulium:
        update = Lake(tmp_path).update(thulium.connections(date_from="2023-05-01", date_to=LAST))
    assert len(update.days_written) == (LAST - date(2023, 5, 1)).days + 1


@pytest.mark.parametrize(("days", "is_refused"), [(366, False), (367, True)])
def test_a_gap_may_last_a_year(tmp_path: Path, days: int, is_refused: bool) -> None:
    old = FIRST - timedelta(days=days)
    with running(create_app(WithOldCalls(old))) as url, Thulium(url, "demo", "demo") as thulium:
        calls = thulium.connections(date_to=FIRST)
        if is_refused:
            with pytest.raises(FilterError, match="366 empty days"):
                calls.write_parquet(tmp_path)
        else:
            assert len(calls.write_parquet(tmp_path).days_written) == days + 1


def test_the_command_line_speaks_of_its_flag(tmp_path: Path) -> None:
    with running(create_app(WithOldCalls(date(2003, 5, 1)))) as url:
        done = here("export", tmp_path / "lake", "--to", LAST, url=url)
    assert done.returncode == 2
    assert "--from 2024-10-21" in done.stderr


def test_a_system_that_searches_its_newest_days_alone_is_asked_for_all(tmp_path: Path) -> None:
    with (
        running(create_app(CALLS, faults=Faults(recent_days=2))) as url,
        Thulium(url, "demo", "demo") as thulium,
    ):
        assert thulium.connections().to_polars()["date"].dt.date().min() == FIRST
        assert thulium.connections().count() == sum(map(CALLS.count, CALLS.days()))
        assert thulium.connections(date_to=LAST).write_parquet(tmp_path).days_written[0] == FIRST

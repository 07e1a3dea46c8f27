"""A call whose date cannot be read spoils its own day: all other days are written, and the next run tries it again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.program import here
from thulium_frames import Lake, Reading, Thulium
from thulium_frames.errors import UnreadableDateError
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, create_app, running
from thulium_frames.simulator.sources import Record

FIRST, LAST = date(2024, 10, 21), date(2024, 10, 25)
DAYS = [FIRST + timedelta(days=number) for number in range(5)]
CALLS = GeneratedCalls(Centre(seed=3, calls_per_day=60), FIRST, LAST)
SMALL = Reading(page_rows=10, window_rows=30, ahead_rows=60, batch_rows=20)


class Spoiled:
    """The calls of a source, of which some are sent with another text for their date. The server knows the real one."""

    def __init__(self, dates: Mapping[date, Sequence[object]], calls: GeneratedCalls = CALLS) -> None:
        self.dates = dates
        self.calls = calls

    def days(self) -> Sequence[date]:
        return self.calls.days()

    def records(self, day: date) -> Sequence[Record]:
        records = list(self.calls.records(day))
        for place, sent in enumerate(self.dates.get(day, ()), start=len(records) // 2):
            records[place] = Record(records[place].wall, {**records[place].row, "date": sent})
        return records

    def count(self, day: date) -> int:
        return self.calls.count(day)

    def version(self) -> int:
        return 0


UNREADABLE = [
    "2024-02-30 10:00",
    "2024-10-23 25:61",
    "0000-00-00 00:00:00",
    "yesterday",
    "23.10.2024 10:00",
    1729670400,
]


SYSTEMS = [
    Faults(),
    Faults(newest_first=True),
    Faults(bounds_by_day=True),
    Faults(date_from_by_day=True),
    Faults(shuffle_ties=True),
    Faults(page_cap=4),
]


@pytest.mark.parametrize("faults", SYSTEMS)
@pytest.mark.parametrize("workers", [1, 3])
def test_only_the_day_of_the_call_is_not_written(faults: Faults, tmp_path: Path, workers: int) -> None:
    lake = Lake(tmp_path)
    with (
        running(create_app(Spoiled({DAYS[2]: ["2024-02-30 10:00"]}), faults=faults)) as url,
        Thulium(url, "demo", "demo", workers=workers, reading=SMALL) as thulium,
        pytest.raises(UnreadableDateError, match=r"2024-10-23: connection_id [\d.]+, date '2024-02-30 10:00'"),
    ):
        lake.update(thulium.connections(date_from=FIRST, date_to=LAST))
    status = lake.status()
    assert [day.day for day in status.days] == [DAYS[0], DAYS[1], DAYS[3], DAYS[4]]
    assert [day.rows for day in status.days] == [CALLS.count(day) for day in (DAYS[0], DAYS[1], DAYS[3], DAYS[4])]
    assert lake.verify().is_clean


@pytest.mark.parametrize("sent", [*UNREADABLE, None, ""], ids=str)
def test_any_date_that_cannot_be_read_spoils_its_day(sent: object, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with running(create_app(Spoiled({DAYS[1]: [sent]}))) as url, Thulium(url, "demo", "demo") as thulium:
        with pytest.raises(UnreadableDateError, match="2024-10-22"):
            lake.update(thulium.connections(date_from=FIRST, date_to=LAST))
        assert thulium.connections(date_from=DAYS[2], date_to=LAST).to_polars().height > 0
    assert [day.day for day in lake.status().days] == [DAYS[0], *DAYS[2:]]


def test_the_next_run_tries_the_days_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with (
        running(create_app(Spoiled({DAYS[0]: ["?"], DAYS[4]: ["?", "!"]}))) as url,
        Thulium(url, "demo", "demo") as bad,
    ):
        for _ in range(2):
            with pytest.raises(UnreadableDateError, match=r"2024-10-21.*2024-10-25.*2024-10-25"):
                lake.update(bad.connections(date_from=FIRST, date_to=LAST))
        assert [day.day for day in lake.status().days] == DAYS[1:4]
    with running(create_app(CALLS)) as url, Thulium(url, "demo", "demo") as good:
        update = lake.update(good.connections(date_from=FIRST, date_to=LAST))
    assert (update.days_written, update.days_skipped) == ([DAYS[0], DAYS[4]], DAYS[1:4])


def test_the_old_file_of_a_spoiled_day_stays(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with running(create_app(CALLS)) as url, Thulium(url, "demo", "demo") as good:
        lake.update(good.connections(date_from=FIRST, date_to=LAST))
    before = lake.scan().collect()
    with (
        running(create_app(Spoiled({DAYS[2]: ["?"]}))) as url,
        Thulium(url, "demo", "demo") as bad,
        pytest.raises(UnreadableDateError),
    ):
        lake.update(bad.connections(date_from=FIRST, date_to=LAST), refresh=True)
    assert lake.scan().collect().equals(before)


def test_many_spoiled_days_are_counted(tmp_path: Path) -> None:
    with (
        running(create_app(Spoiled({day: ["?"] * 3 for day in DAYS}))) as url,
        Thulium(url, "demo", "demo") as bad,
        pytest.raises(UnreadableDateError, match="and 10 more") as error,
    ):
        Lake(tmp_path).update(bad.connections(date_from=FIRST, date_to=LAST))
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize("how", ["to_polars", "to_arrow", "batches", "scan"])
def test_a_frame_raises(how: str) -> None:
    with running(create_app(Spoiled({DAYS[2]: ["2024-02-30"]}))) as url, Thulium(url, "demo", "demo") as thulium:
        calls = thulium.connections(date_from=FIRST, date_to=LAST)
        with pytest.raises((UnreadableDateError, pl.exceptions.PolarsError), match="2024-10-23"):
            list(calls.batches()) if how == "batches" else calls.scan().collect() if how == "scan" else getattr(
                calls, how
            )()


@pytest.fixture
def spoiled_url() -> Iterator[str]:
    with running(create_app(Spoiled({DAYS[1]: ["2024-02-30 10:00"], DAYS[3]: ["?"]}))) as url:
        yield url


def export(url: str, lake: Path, *more: str) -> Any:
    return here("export", lake, "--from", FIRST, "--to", LAST, *more, url=url)


def test_the_command_ends_with_4_and_names_day_id_and_date(spoiled_url: str, tmp_path: Path) -> None:
    done = export(spoiled_url, tmp_path / "lake")
    assert done.returncode == 4
    assert "2024-10-22: connection_id" in done.stderr
    assert "date '2024-02-30 10:00'" in done.stderr
    assert "2024-10-24: connection_id" in done.stderr


def test_json_lists_the_days(spoiled_url: str, tmp_path: Path) -> None:
    done = export(spoiled_url, tmp_path / "lake", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["days_written"], told["days_spoiled"]) == (4, 3, ["2024-10-22", "2024-10-24"])
    assert json.loads(export(spoiled_url, tmp_path / "lake", "--json").stdout)["days_written"] == 0


def test_json_has_no_such_days_when_all_is_well(tmp_path: Path) -> None:
    with running(create_app(CALLS)) as url:
        assert json.loads(export(url, tmp_path / "lake", "--json").stdout)["days_spoiled"] == []


def test_the_day_is_found_with_few_requests_in_a_century() -> None:
    one = GeneratedCalls(Centre(seed=3, calls_per_day=12), FIRST, LAST)
    with running(create_app(Spoiled({DAYS[2]: ["?"]}, one))) as url, Thulium(url, "demo", "demo") as thulium:
        with pytest.raises(UnreadableDateError, match="2024-10-23"):
            thulium.connections().to_polars()
        assert thulium.requests < 60


def test_without_a_first_day_a_lake_begins_with_the_first_call_all_the_same(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with (
        running(create_app(Spoiled({DAYS[2]: ["?"]}))) as url,
        Thulium(url, "demo", "demo") as thulium,
        pytest.raises(UnreadableDateError, match="2024-10-23"),
    ):
        lake.update(thulium.connections(date_to=LAST))
    assert [day.day for day in lake.status().days] == [DAYS[0], DAYS[1], DAYS[3], DAYS[4]]

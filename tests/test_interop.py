"""Every library that reads Arrow's C stream takes calls and lakes directly."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import datafusion
import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.conftest import FIRST, LAST, Connect
from thulium_frames import SCHEMA, Connections, Lake, Thulium, scan_lake
from thulium_frames.errors import FilterError, LakeDamagedError, LakeError
from thulium_frames.lake import LAKE_SCHEMA
from thulium_frames.lake.dayfile import seal_day
from thulium_frames.lake.listing import name_of
from thulium_frames.lake.manifest import check_in
from thulium_frames.lake.storage import LocalFolder
from thulium_frames.reading import Reading
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, create_app, running

Counts = dict[str, int]
Taker = Callable[[Any], Counts]


def by_duckdb(data: Any) -> Counts:  # noqa: ARG001  # DuckDB finds it by its name
    return dict(duckdb.execute("SELECT disposition, count(*) FROM data GROUP BY ALL").fetchall())


def by_pandas(data: Any) -> Counts:
    frame: pd.DataFrame = pd.DataFrame.from_arrow(data)  # type: ignore[attr-defined]  # new in pandas 3, no stubs
    return {str(value): count for value, count in frame["disposition"].value_counts().items()}


def by_polars(data: Any) -> Counts:
    return dict(pl.DataFrame(data).group_by("disposition").len().iter_rows())


def by_narwhals(data: Any) -> Counts:
    return dict(nw.from_arrow(data, backend="polars").group_by("disposition").agg(nw.len()).iter_rows())


def by_pyarrow(data: Any) -> Counts:
    counts = pa.table(data)["disposition"].value_counts()
    return {entry["values"]: entry["counts"] for entry in counts.to_pylist()}


def by_datafusion(data: Any) -> Counts:
    context = datafusion.SessionContext()
    context.from_arrow(data, name="data")
    found = context.sql("SELECT disposition, count(*) AS rows FROM data GROUP BY disposition").to_pylist()
    return {row["disposition"]: row["rows"] for row in found}


TAKERS = [by_duckdb, by_pandas, by_polars, by_narwhals, by_pyarrow, by_datafusion]
every_taker = pytest.mark.parametrize("take", TAKERS, ids=lambda take: take.__name__)


@pytest.fixture
def calls(thulium: Thulium) -> Connections:
    return thulium.connections(date_from=FIRST, date_to=LAST)


@pytest.fixture
def lake(tmp_path: Path, calls: Connections) -> Lake:
    calls.write_parquet(tmp_path / "lake")
    return Lake(tmp_path / "lake")


@pytest.fixture
def three_years(tmp_path: Path, calls: Connections) -> Lake:
    """Only the first of all days has a valid file, so reading any other day fails."""
    check_in(LocalFolder(tmp_path), calls.origin)
    for number in range(1096):
        path = tmp_path / name_of(FIRST + timedelta(days=number))
        path.parent.mkdir()
        path.write_bytes(b"not parquet")
    path = tmp_path / name_of(FIRST)
    path.write_bytes(seal_day(FIRST, calls.head(5).batches(), datetime.now(UTC)).content)
    return Lake(tmp_path)


@every_taker
def test_calls_are_taken_as_they_are(calls: Connections, take: Taker) -> None:
    expected = dict(calls.to_polars().group_by("disposition").len().iter_rows())
    assert take(calls) == expected


@every_taker
def test_a_lake_is_taken_as_it_is(lake: Lake, take: Taker) -> None:
    expected = dict(lake.scan().collect().group_by("disposition").len().iter_rows())
    assert take(lake) == expected


def test_the_stream_of_a_lake_has_the_rows_of_its_scan(lake: Lake) -> None:
    table = pa.table(lake)
    assert table.schema.equals(LAKE_SCHEMA, check_metadata=True)
    assert LAKE_SCHEMA.names == [*SCHEMA.names, "call_date"]
    table.validate(full=True)
    assert pl.DataFrame(lake).equals(lake.scan().collect())
    assert pl.DataFrame(lake).schema == lake.scan().collect_schema()


def test_polars_makes_a_frame_only_by_its_constructor(lake: Lake) -> None:
    assert isinstance(pl.DataFrame(lake), pl.DataFrame)
    assert isinstance(pl.from_arrow(lake), pl.Series)


def test_nested_columns_and_days_arrive_in_duckdb_as_what_they_are(
    lake: Lake,  # noqa: ARG001  # DuckDB finds it by its name
) -> None:
    types = dict(duckdb.execute("SELECT column_name, column_type FROM (DESCRIBE FROM lake)").fetchall())
    assert types["call_date"] == "DATE"
    assert types["date"] == "TIMESTAMP"
    assert types["date_utc"] == "TIMESTAMP WITH TIME ZONE"
    assert types["tags"] == "VARCHAR[]"
    assert types["rating"].startswith("STRUCT(")


def test_duckdb_reads_the_calls_once(connect: Connect) -> None:
    reading, asking = connect(), connect()
    reading.connections(date_from=FIRST, date_to=LAST).to_arrow()
    calls = asking.connections(date_from=FIRST, date_to=LAST)
    duckdb.execute("SELECT count(*) FROM calls").fetchall()
    assert calls.thulium.requests < 1.5 * reading.requests


def test_asking_for_stream_or_schema_opens_nothing(tmp_path: Path, thulium: Thulium) -> None:
    lake, calls = Lake(tmp_path / "nowhere"), thulium.connections(date_from=FIRST)
    for source in (lake, calls):
        source.__arrow_c_stream__()
        pa.RecordBatchReader.from_stream(source)
    assert pa.schema(lake).equals(LAKE_SCHEMA)
    assert pa.schema(calls).equals(SCHEMA)
    assert thulium.requests == 0
    with pytest.raises(OSError, match="there is no lake at"):
        pa.table(lake)


def test_a_lake_is_streamed_day_by_day(lake: Lake) -> None:
    for day in range(1, 7):
        (lake.path / name_of(FIRST + timedelta(days=day))).write_bytes(b"not parquet")
    batches = lake.batches()
    first_day = lake.scan(FIRST, FIRST).collect()
    assert pl.DataFrame(next(batches)).equals(first_day)
    with pytest.raises(LakeDamagedError, match="call_date=2024-10-24"):
        next(batches)


def test_an_empty_lake_streams_no_rows_of_its_columns(tmp_path: Path, calls: Connections) -> None:
    check_in(LocalFolder(tmp_path), calls.origin)
    assert pa.table(Lake(tmp_path)).equals(LAKE_SCHEMA.empty_table())


@every_taker
def test_a_damaged_day_is_named_through_the_stream(lake: Lake, take: Taker) -> None:
    path = lake.path / name_of(FIRST + timedelta(days=2))
    content = bytearray(path.read_bytes())
    content[200] ^= 0b0001_0000
    path.write_bytes(content)
    with pytest.raises(Exception, match=r"call_date=2024-10-25.connections\.parquet is damaged: .*CRC"):
        take(lake)


@every_taker
def test_a_refusal_in_the_middle_is_told_through_the_stream(connect: Connect, take: Taker) -> None:
    source = GeneratedCalls(Centre(seed=3, calls_per_day=150), FIRST, LAST)
    with running(create_app(source, faults=Faults(unauthorized_from=8))) as url:
        thulium = connect(url, reading=Reading(page_rows=20, window_rows=60, ahead_rows=60))
        with pytest.raises(Exception, match=r"401 Unauthorized.*Check --user and the password"):
            take(thulium.connections(date_from=FIRST))
    assert thulium.requests >= 8


def test_the_file_of_another_day_is_damage_to_the_stream(lake: Lake) -> None:
    (lake.path / name_of(LAST)).write_bytes((lake.path / name_of(FIRST)).read_bytes())
    with pytest.raises(LakeDamagedError, match="file of 2024-10-23"):
        list(lake.batches(date_from=LAST))


# --- days of a lake


def no_listing(*_: object) -> Iterator[Path]:
    raise AssertionError("the lake was listed")


def test_one_day_of_three_years_opens_its_file_alone(three_years: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", no_listing)
    monkeypatch.setattr(Path, "iterdir", no_listing)
    frame = three_years.scan(FIRST, FIRST).collect()
    assert frame.height == 5
    assert frame["call_date"].unique().to_list() == [FIRST]
    assert frame.equals(scan_lake(three_years.path, date_from="2024-10-23", date_to="2024-10-23").collect())
    assert frame.equals(pl.DataFrame(pa.Table.from_batches(three_years.batches(FIRST, FIRST))))


@pytest.mark.parametrize(
    ("date_from", "date_to", "days"),
    [
        (None, None, range(7)),
        ("2024-10-25", None, range(2, 7)),
        (None, date(2024, 10, 24), range(2)),
        (date(2024, 10, 24), "2024-10-26", range(1, 4)),
        ("2024-10-29", "2025-12-31", range(6, 7)),
    ],
)
def test_both_bounds_of_a_scan_are_included(
    lake: Lake, date_from: date | str | None, date_to: date | str | None, days: range
) -> None:
    whole = lake.scan().collect()
    expected = whole.filter(pl.col("call_date").is_in([FIRST + timedelta(days=day) for day in days]))
    assert lake.scan(date_from, date_to).collect().equals(expected)
    assert pl.DataFrame(pa.Table.from_batches(lake.batches(date_from, date_to))).equals(expected)


def test_days_that_were_never_read_are_not_in_a_scan(lake: Lake) -> None:
    (lake.path / name_of(FIRST)).unlink()
    assert lake.scan(FIRST, LAST).collect().equals(lake.scan().collect())


def test_days_without_files_make_an_empty_frame_of_the_columns(lake: Lake) -> None:
    empty = lake.scan("2020-01-01", "2020-12-31")
    assert empty.collect().is_empty()
    assert empty.collect().schema == empty.collect_schema() == lake.scan().collect_schema()
    assert empty.collect_schema()["call_date"] == pl.Date
    assert list(lake.batches("2020-01-01", "2020-12-31")) == []


def test_bounds_that_are_no_days_are_refused(lake: Lake) -> None:
    with pytest.raises(FilterError, match="swap them"):
        lake.scan(LAST, FIRST)
    with pytest.raises(FilterError, match="date_from is a day"):
        lake.scan("2024-10-23 12:00")
    with pytest.raises(FilterError, match="calendar"):
        lake.scan("2024-02-30")


def test_where_there_is_no_lake_a_scan_of_days_says_so(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="there is no lake at"):
        scan_lake(tmp_path / "nowhere", date_from=FIRST, date_to=LAST)

"""One day is one file, replaced in one atomic step. Settled days are not read again."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.conftest import FIRST, LAST, Connect
from thulium_frames import SCHEMA, Lake, Thulium, scan_lake
from thulium_frames.connections import Connections
from thulium_frames.errors import (
    FilterError,
    LakeDamagedError,
    LakeError,
    LakeLockedError,
    LakeMismatchError,
)
from thulium_frames.lake import Update
from thulium_frames.lake.damage import damage_of
from thulium_frames.lake.dayfile import seal_day
from thulium_frames.lake.days import SealedDay
from thulium_frames.lake.facts import facts_of
from thulium_frames.lake.listing import days_in, name_of
from thulium_frames.lake.storage import LocalFolder
from thulium_frames.lake.writer import DayWriter
from thulium_frames.reading import Reading
from thulium_frames.reading.crew import Piece
from thulium_frames.records import read_page, to_batch
from thulium_frames.schema import ROW_ORDER
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running
from thulium_frames.windows import Window

ALL_DAYS = [FIRST + timedelta(days=number) for number in range(7)]


@pytest.fixture
def lake(tmp_path: Path, thulium: Thulium) -> Lake:
    thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(tmp_path / "lake")
    return Lake(tmp_path / "lake")


def file_of(lake: Lake, day: date) -> Path:
    return lake.path / f"call_date={day}" / "connections.parquet"


def names_in(lake: Lake) -> set[str]:
    return {str(path.relative_to(lake.path)) for path in lake.path.rglob("*") if path.is_file()}


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Sets the lake's clock to this moment."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # always this one moment
            return moment.astimezone(tz)

    with mock.patch("thulium_frames.lake.lake.datetime", Clock):
        yield


def test_a_lake_holds_a_file_a_day_and_hidden_names_only(lake: Lake) -> None:
    assert [day.day for day in lake.status().days] == ALL_DAYS
    others = names_in(lake) - {f"call_date={day}/connections.parquet" for day in ALL_DAYS}
    assert others <= {"_thulium_frames.json", ".thulium_frames.lock"}
    assert json.loads((lake.path / "_thulium_frames.json").read_text())["origin"] == {
        "system": "http://127.0.0.1",
        "time_zone": "Europe/Warsaw",
        "filters": {},
    }


def test_every_reader_sees_the_same_rows(lake: Lake, thulium: Thulium) -> None:
    frame = thulium.connections(date_from=FIRST, date_to=LAST).to_polars()
    scanned = scan_lake(lake.path).collect()
    assert scanned.drop("call_date").equals(frame)
    assert scanned.schema["call_date"] == pl.Date
    assert scanned.filter(pl.col("call_date") != pl.col("date").dt.date()).is_empty()
    assert pl.read_parquet(lake.path / "*/*.parquet", hive_partitioning=True).drop("call_date").equals(frame)
    table = ds.dataset(lake.path, partitioning="hive").to_table()
    assert table.num_rows == len(pd.read_parquet(lake.path)) == frame.height
    by_sql = duckdb.execute(
        f"SELECT call_date, count(*) FROM read_parquet('{lake.path}/*/*.parquet', hive_partitioning = true) "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert by_sql == scanned.group_by("call_date").len().sort("call_date").rows()


def test_a_filter_on_call_date_opens_its_file_alone(lake: Lake) -> None:
    for day in ALL_DAYS[1:]:
        file_of(lake, day).write_bytes(b"not parquet")
    assert not lake.scan().filter(pl.col("call_date") == ALL_DAYS[0]).collect().is_empty()


@pytest.mark.parametrize("place", ["lake[1]", "a*", "{x}", "customer=5/x=1/lake"])
def test_a_lake_is_read_wherever_it_lies(lake: Lake, tmp_path: Path, place: str) -> None:
    moved = tmp_path / place
    moved.parent.mkdir(parents=True, exist_ok=True)
    rows = lake.scan().collect()
    lake.path.rename(moved)
    assert scan_lake(moved).collect().equals(rows)
    assert scan_lake(moved, date_from=LAST, date_to=LAST).collect().equals(rows.filter(pl.col("call_date") == LAST))


def test_a_lake_below_a_folder_that_stands_for_a_column_is_not_scanned(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "queue_id=34").mkdir()
    lake.path.rename(tmp_path / "queue_id=34" / "lake")
    with pytest.raises(LakeError, match="stand for the column queue_id"):
        scan_lake(tmp_path / "queue_id=34" / "lake")


def test_files_are_what_the_design_says(lake: Lake) -> None:
    with pq.ParquetFile(file_of(lake, FIRST), page_checksum_verification=True) as file:
        assert file.schema_arrow.equals(SCHEMA)
        column = file.metadata.row_group(0).column(0)
        assert column.compression == "ZSTD"
        assert column.has_column_index
        assert column.has_offset_index
        group = file.metadata.row_group(0)
        columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
        assert "RLE_DICTIONARY" in columns["disposition"].encodings
        assert "RLE_DICTIONARY" not in columns["filename"].encodings
        assert [sorting.column_index for sorting in file.metadata.row_group(0).sorting_columns] == [0, 15]
        rows = file.metadata.num_rows
    facts = facts_of(LocalFolder(lake.path), FIRST)
    assert (facts.day, facts.rows) == (FIRST, rows)
    assert datetime.now(UTC) - facts.read_at < timedelta(minutes=10)


def test_a_day_without_calls_is_a_file_without_rows(connect: Connect, tmp_path: Path) -> None:
    new_year = date(2024, 1, 1)
    with running(create_app(GeneratedCalls(Centre(calls_per_day=20), new_year, date(2024, 1, 2)))) as url:
        connect(url).connections(date_from="2023-12-30", date_to="2024-01-02").write_parquet(tmp_path / "lake")
    rows = [day.rows for day in Lake(tmp_path / "lake").status().days]
    assert rows[:3] == [0, 0, 0]
    assert rows[3] > 0
    assert pq.read_schema(file_of(Lake(tmp_path / "lake"), new_year)).equals(SCHEMA)


def test_settled_days_cost_no_request(lake: Lake, connect: Connect) -> None:
    thulium = connect()
    update = thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(lake.path)
    assert (update.rows, update.days_written, update.days_skipped) == (0, [], ALL_DAYS)
    assert thulium.requests == 0


def test_only_gaps_are_read(lake: Lake, connect: Connect) -> None:
    before = scan_lake(lake.path).collect()
    for gap in (ALL_DAYS[1], ALL_DAYS[2], ALL_DAYS[5]):
        file_of(lake, gap).unlink()
    assert lake.status().missing == [ALL_DAYS[1], ALL_DAYS[2], ALL_DAYS[5]]
    update = connect().connections(date_from=FIRST, date_to=LAST).write_parquet(lake.path)
    assert update.days_written == [ALL_DAYS[1], ALL_DAYS[2], ALL_DAYS[5]]
    assert scan_lake(lake.path).collect().equals(before)


def test_refresh_reads_all_again(lake: Lake, thulium: Thulium) -> None:
    update = Lake(lake.path).update(thulium.connections(date_from=FIRST, date_to=LAST), refresh=True)
    assert update.days_written == ALL_DAYS


@pytest.mark.parametrize(("hours_after_its_end", "is_read_again"), [(47, True), (49, False)])
def test_a_day_read_before_it_settled_is_read_again(
    thulium: Thulium, tmp_path: Path, hours_after_its_end: int, is_read_again: bool
) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=FIRST)
    end_in_warsaw = datetime(2024, 10, 23, 22, tzinfo=UTC)
    with at(end_in_warsaw + timedelta(hours=hours_after_its_end)):
        calls.write_parquet(tmp_path)
        status = Lake(tmp_path).status()
    assert status.unsettled == ([FIRST] if is_read_again else [])
    assert calls.write_parquet(tmp_path).days_written == ([FIRST] if is_read_again else [])


def test_a_reading_in_the_future_settles_nothing(thulium: Thulium, tmp_path: Path) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=FIRST)
    with at(datetime.now(UTC) + timedelta(days=400)):
        calls.write_parquet(tmp_path)
    assert calls.write_parquet(tmp_path).days_written == [FIRST]


def test_settling_is_the_owner_s_choice(thulium: Thulium, tmp_path: Path) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=FIRST)
    with at(datetime(2024, 10, 24, 12, tzinfo=UTC)):
        calls.write_parquet(tmp_path)
    assert Lake(tmp_path, settling=timedelta(hours=10)).status().unsettled == []


def test_without_a_first_day_a_new_lake_begins_with_the_first_call(connect: Connect, tmp_path: Path) -> None:
    thulium = connect(reading=Reading(window_rows=400))
    with at(datetime(2024, 10, 29, 20, tzinfo=UTC)):
        update = thulium.connections().write_parquet(tmp_path)
    assert update.days_written == ALL_DAYS
    assert thulium.requests <= update.rows / 100 + 40


def test_without_a_first_day_a_lake_goes_on_from_its_own(lake: Lake, connect: Connect) -> None:
    thulium = connect()
    with at(datetime(2024, 10, 31, 20, tzinfo=UTC)):
        update = thulium.connections().write_parquet(lake.path)
    assert update.days_written[-2:] == [date(2024, 10, 30), date(2024, 10, 31)]
    assert min(update.days_written) >= FIRST


@pytest.mark.parametrize("first", [FIRST, None])
def test_days_that_still_change_are_read_apart(
    thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: date | None
) -> None:
    """The settled days must be proven by answers that do not count a call which comes in meanwhile."""
    asked: list[Window] = []
    pieces = Connections.pieces

    def watched(calls: Connections, window: Window, *given: Any, **more: Any) -> Generator[Piece]:
        asked.append(window)
        return pieces(calls, window, *given, **more)

    monkeypatch.setattr(Connections, "pieces", watched)
    with at(datetime(2024, 10, 29, 20, tzinfo=UTC)):
        update = thulium.connections(date_from=first).write_parquet(tmp_path)
    assert update.days_written == ALL_DAYS
    settled = datetime(2024, 10, 27)
    assert [(window.end <= settled, window.start >= settled) for window in asked] == [(True, False), (False, True)]


@pytest.mark.parametrize("hours", [12, 36])
def test_a_lake_that_begins_with_days_that_still_change_has_them(thulium: Thulium, tmp_path: Path, hours: int) -> None:
    with at(datetime(2024, 10, 23, 0, tzinfo=UTC) + timedelta(hours=hours)):
        update = thulium.connections().write_parquet(tmp_path)
    assert update.days_written == ALL_DAYS[: 1 + hours // 24]


def test_days_to_come_are_not_written(thulium: Thulium, tmp_path: Path) -> None:
    with at(datetime(2024, 10, 24, 12, tzinfo=UTC)):
        update = thulium.connections(date_from=FIRST, date_to="2030-01-01").write_parquet(tmp_path)
    assert update.days_written == [FIRST, date(2024, 10, 24)]


def test_an_empty_system_makes_an_empty_lake(connect: Connect, tmp_path: Path) -> None:
    holiday = date(2024, 1, 1)
    with running(create_app(GeneratedCalls(Centre(), holiday, holiday))) as url:
        assert connect(url).connections().write_parquet(tmp_path).days_written == []
    assert Lake(tmp_path).status().days == []
    assert Lake(tmp_path).scan().collect().schema == Lake(tmp_path).scan().collect_schema()
    assert Lake(tmp_path).scan().collect().columns == [*SCHEMA.names, "call_date"]


def test_a_lake_of_other_calls_is_refused(lake: Lake, thulium: Thulium, connect: Connect) -> None:
    with pytest.raises(LakeMismatchError, match="filters"):
        thulium.connections(date_from=FIRST, queue_id=3).write_parquet(lake.path)
    with pytest.raises(LakeMismatchError, match="time zone Europe/Warsaw, not of Europe/London"):
        connect(time_zone="Europe/London").connections(date_from=FIRST).write_parquet(lake.path)
    with pytest.raises(LakeMismatchError, match="system"):
        Thulium("acme", "demo", "demo").connections(date_from=FIRST).write_parquet(lake.path)


def test_a_lake_holds_whole_days(thulium: Thulium, tmp_path: Path) -> None:
    with pytest.raises(FilterError, match="date_from is a day"):
        thulium.connections(date_from="2024-10-23 12:00").write_parquet(tmp_path / "lake")
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("use", [Lake.status, Lake.verify, Lake.scan])
def test_where_there_is_no_lake_that_is_said(tmp_path: Path, use: object) -> None:
    assert callable(use)
    with pytest.raises(LakeError, match="there is no lake at"):
        use(Lake(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_a_lost_or_foreign_manifest_is_told(lake: Lake, thulium: Thulium) -> None:
    calls = thulium.connections(date_from=FIRST)
    manifest = lake.path / "_thulium_frames.json"
    whole = json.loads(manifest.read_text())
    empty = Lake(lake.path.with_name("empty"))
    empty.path.mkdir()
    for content, kind in [
        ("{", LakeDamagedError),
        ('{"format": "another"}', LakeDamagedError),
        (json.dumps(whole | {"schema": 99}), LakeMismatchError),
    ]:
        for one in (lake, empty):
            (one.path / manifest.name).write_text(content)
            with pytest.raises(kind):
                one.status()
            with pytest.raises(kind):
                calls.write_parquet(one.path)
            assert (one.path / manifest.name).read_text() == content
    (empty.path / manifest.name).write_text(json.dumps(whole | {"origin": whole["origin"] | {"system": "another"}}))
    calls.write_parquet(empty.path)  # the lake held no day of the other system
    assert empty.status().origin == calls.origin
    manifest.unlink()
    with pytest.raises(LakeDamagedError, match="missing"):
        calls.write_parquet(lake.path)


def test_verify_finds_nothing_in_a_sound_lake(lake: Lake) -> None:
    found = lake.verify()
    assert found.is_clean
    assert (found.days, found.rows) == (7, scan_lake(lake.path).select(pl.len()).collect().item())


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0b0001_0000
    path.write_bytes(content)


def rewrite(path: Path, table: pa.Table, **facts: object) -> None:
    """Writes a well-formed day file with wrong content."""
    old = pq.ParquetFile(path).metadata.metadata[b"thulium_frames"]
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"thulium_frames": json.dumps(json.loads(old) | facts)})


def test_verify_names_each_damaged_day(lake: Lake) -> None:
    files = [file_of(lake, day) for day in ALL_DAYS]
    whole = files[0].read_bytes()
    flip(files[0], 200)
    files[1].write_bytes(files[1].read_bytes()[:-10])
    rewrite(files[2], pq.read_table(files[2], partitioning=None).drop_columns("tags"))
    files[3].write_bytes(whole)
    reversed_rows = pl.DataFrame(pq.read_table(files[4], partitioning=None)).reverse().to_arrow().cast(SCHEMA)
    rewrite(files[4], reversed_rows)
    rewrite(files[5], pq.read_table(files[5], partitioning=None), rows=3)
    other_day = pq.read_table(files[6], partitioning=None)
    moved = other_day.set_column(0, "date", pa.compute.subtract(other_day["date"], timedelta(days=1)))
    rewrite(files[6], moved.cast(SCHEMA))
    found = lake.verify()
    assert list(found.damaged) == ALL_DAYS
    reasons = ("CRC", "magic|corrupt|Parquet", "columns", "file of 2024-10-23", "order", "rows where 3", "another day")
    for day, reason in zip(ALL_DAYS, reasons, strict=True):
        assert pl.Series([found.damaged[day]]).str.contains(f"(?i){reason}").item(), found.damaged[day]


def test_the_file_of_another_day_is_damage_to_all_who_read_the_lake(lake: Lake, thulium: Thulium) -> None:
    file_of(lake, ALL_DAYS[1]).write_bytes(file_of(lake, ALL_DAYS[0]).read_bytes())
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    assert lake.status().damaged == {ALL_DAYS[1]: "it is the file of 2024-10-23"}
    assert [day.day for day in lake.status().days] == [ALL_DAYS[0], *ALL_DAYS[2:]]
    with pytest.raises(LakeDamagedError, match="--repair"):
        calls.write_parquet(lake.path)
    assert lake.update(calls, repair=True).days_written == [ALL_DAYS[1]]
    assert lake.verify().is_clean


@pytest.mark.parametrize("digits", ["0" * 64, "ab" * 32, ""])
def test_text_that_looks_like_a_seal_is_no_damage(thulium: Thulium, tmp_path: Path, digits: str) -> None:
    frame = pl.DataFrame(batch_of(thulium)).with_columns(filename=pl.lit(f"sha256:{digits}")).sort(ROW_ORDER)
    batch = pa.RecordBatch.from_arrays(
        [c.combine_chunks() for c in frame.to_arrow().cast(SCHEMA).columns], schema=SCHEMA
    )
    put(seal_day(FIRST, [batch], datetime.now(UTC)), tmp_path)
    assert damage_of(LocalFolder(tmp_path), FIRST) is None


def test_a_foreign_parquet_file_is_named(lake: Lake) -> None:
    stranger = lake.path / "call_date=2024-10-23" / "part-0.parquet"
    stranger.write_bytes(b"")
    assert lake.verify().strangers == [stranger]


def test_an_unreadable_day_stops_the_update_and_says_how_to_mend_it(lake: Lake, thulium: Thulium) -> None:
    file_of(lake, FIRST).write_bytes(b"")
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    with pytest.raises(LakeDamagedError, match="--repair"):
        calls.write_parquet(lake.path)
    assert list(lake.status().damaged) == [FIRST]
    assert lake.update(calls, repair=True).days_written == [FIRST]
    assert lake.verify().is_clean


def test_a_second_writer_is_refused_and_told_of_the_first(lake: Lake, thulium: Thulium) -> None:
    program = (
        "import sys, pathlib; from thulium_frames.lake.storage import LocalFolder\n"
        "with LocalFolder(pathlib.Path(sys.argv[1])).hold(): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(lake.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LakeLockedError, match=f"process {holder.pid} on "):
            thulium.connections(date_from=FIRST).write_parquet(lake.path)
        holder.kill()
    thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(lake.path)


def put(day: SealedDay, lake: Path) -> None:
    LocalFolder(lake).put(name_of(day.facts.day), day.content)


def batch_of(thulium: Thulium) -> pa.RecordBatch:
    return next(iter(thulium.connections(date_from=FIRST, date_to=FIRST).batches()))


def test_a_day_that_fails_leaves_nothing_of_itself(thulium: Thulium, tmp_path: Path) -> None:
    path = tmp_path / name_of(FIRST)
    file = seal_day(FIRST, [batch_of(thulium)], datetime.now(UTC))
    with mock.patch("os.fsync", side_effect=OSError("no more")), pytest.raises(OSError, match="no more"):
        put(file, tmp_path)
    assert list(tmp_path.iterdir()) == []
    put(file, tmp_path)
    other = seal_day(FIRST, [], datetime.now(UTC))
    with mock.patch.object(Path, "read_bytes", return_value=b"torn"), pytest.raises(LakeDamagedError, match="the disk"):
        put(other, tmp_path)
    assert path.read_bytes() == file.content
    assert list(path.parent.iterdir()) == [path]


def test_a_day_is_durable_before_it_is_in_place(thulium: Thulium, tmp_path: Path) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        events.append(f"fsync {Path(f'/proc/self/fd/{handle}').readlink().name}")
        fsync(handle)

    def noted_replace(self: Path, target: Path) -> Path:
        events.append(f"replace {self.name} {target.name}")
        return replace(self, target)

    batch = batch_of(thulium)
    with mock.patch("os.fsync", noted_fsync), mock.patch.object(Path, "replace", noted_replace):
        put(seal_day(FIRST, [batch], datetime.now(UTC)), tmp_path)
    staged = ".connections.parquet.staging"
    assert events == [
        f"fsync {tmp_path.name}",
        f"fsync {staged}",
        f"replace {staged} connections.parquet",
        "fsync call_date=2024-10-23",
    ]


def test_what_a_killed_writer_left_is_cleared_away(lake: Lake, thulium: Thulium) -> None:
    (lake.path / "call_date=2024-10-23" / ".connections.parquet.staging").write_bytes(b"half")
    (lake.path / "call_date=2024-11-05").mkdir()
    (lake.path / "call_date=2024-11-05" / ".connections.parquet.staging").write_bytes(b"half")
    thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(lake.path)
    assert not any(".staging" in name for name in names_in(lake))
    assert not (lake.path / "call_date=2024-11-05").exists()


def test_progress_is_told(thulium: Thulium, tmp_path: Path) -> None:
    heard: list[tuple[int, int, int]] = []
    Lake(tmp_path).update(
        thulium.connections(date_from=FIRST, date_to=LAST),
        on_progress=lambda update: heard.append((update.received, update.expected, update.rows)),
    )
    received, expected, rows = heard[-1]
    assert received == expected == rows > 0
    assert heard == sorted(heard)


def test_a_day_without_calls_takes_next_to_nothing() -> None:
    assert seal_day(FIRST, [], datetime.now(UTC)).facts.bytes < 1_500


def test_a_day_that_is_noted_when_an_interrupt_comes_is_noted_once(thulium: Thulium, tmp_path: Path) -> None:
    noted: list[Update] = []

    def interrupted(update: Update) -> None:
        noted.append(update)
        if update.days_written:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Lake(tmp_path).update(thulium.connections(date_from=FIRST, date_to=LAST), on_progress=interrupted)
    lake = LocalFolder(tmp_path)
    assert FIRST in noted[-1].days_written
    assert noted[-1].days_written == days_in(lake)
    assert noted[-1].rows == sum(facts_of(lake, day).rows for day in days_in(lake))


def test_a_day_that_is_put_in_its_place_during_an_interrupt_is_noted(
    thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[Update] = []
    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    put_as_ever = LocalFolder.put

    def put(self: LocalFolder, name: str, content: bytes) -> None:
        put_as_ever(self, name, content)
        if name == name_of(LAST):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert interrupted.wait(60)

    monkeypatch.setattr(LocalFolder, "put", put)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            Lake(tmp_path).update(thulium.connections(date_from=FIRST, date_to=LAST), on_progress=noted.append)
    finally:
        signal.signal(signal.SIGINT, before)
    assert noted[-1].days_written == days_in(LocalFolder(tmp_path))
    assert noted[-1].days_written[-1] == LAST


def test_a_day_that_is_handed_over_when_an_interrupt_comes_is_noted(
    thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[Update] = []

    write_as_ever = DayWriter.write

    def write(self: DayWriter, day: date, batches: Sequence[pa.RecordBatch], read_at: datetime) -> None:
        write_as_ever(self, day, batches, read_at)
        raise KeyboardInterrupt

    monkeypatch.setattr(DayWriter, "write", write)
    with pytest.raises(KeyboardInterrupt):
        Lake(tmp_path).update(thulium.connections(date_from=FIRST, date_to=LAST), on_progress=noted.append)
    assert noted[-1].days_written == days_in(LocalFolder(tmp_path)) == [FIRST]


def test_what_came_first_is_told_when_a_day_cannot_be_written_either(
    thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_as_ever = LocalFolder.put

    def put(self: LocalFolder, name: str, content: bytes) -> None:
        if name.startswith("call_date="):
            raise OSError("no space left")
        put_as_ever(self, name, content)

    write_as_ever = DayWriter.write

    def write(self: DayWriter, day: date, batches: Sequence[pa.RecordBatch], read_at: datetime) -> None:
        if day != FIRST:
            raise KeyboardInterrupt
        write_as_ever(self, day, batches, read_at)

    monkeypatch.setattr(LocalFolder, "put", put)
    monkeypatch.setattr(DayWriter, "write", write)
    with pytest.raises(KeyboardInterrupt):
        Lake(tmp_path).update(thulium.connections(date_from=FIRST, date_to=LAST))


def test_a_call_takes_a_tenth_of_its_json() -> None:
    records = GeneratedCalls(Centre(calls_per_day=800), FIRST, FIRST).records(FIRST)
    sent = b",".join(record.json(tags=True, topics=True) for record in records)
    calls = read_page(b'{"count":%d,"result":[%b]}' % (len(records), sent), "Europe/Warsaw").calls
    facts = seal_day(FIRST, [to_batch(calls, "Europe/Warsaw")], datetime.now(UTC)).facts
    assert facts.rows == len(records)
    assert facts.bytes <= len(sent) / 10

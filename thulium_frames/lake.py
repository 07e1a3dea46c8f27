"""A lake: a folder of day files, each replaced whole. Knows days and batches, nothing of how they are fetched."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import chain, groupby, takewhile
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from thulium_frames.dayfile import FILE_NAME, DayFacts, damage_of, read_facts, write_day
from thulium_frames.durable import remove_leftovers
from thulium_frames.errors import LakeDamagedError, LakeError, ThuliumFramesError
from thulium_frames.fetch import Piece
from thulium_frames.filters import BEGINNING
from thulium_frames.manifest import check_in, read_origin, writing
from thulium_frames.schema import SCHEMA
from thulium_frames.windows import DAY, Window, midnight

_PARTITION = "call_date="


class Source(Protocol):
    """What a lake is filled from; `Connections` is one."""

    @property
    def origin(self) -> dict[str, Any]:
        """Which system, time zone and filters, but not which days: it marks the lake."""
        ...

    @property
    def days(self) -> tuple[date | None, date | None]:
        """First and last day asked for, None where it is open."""
        ...

    def pieces(self, window: Window, on_count: Callable[[int], object]) -> Generator[Piece]: ...


@dataclass
class Update:
    """What an update did, or has done so far."""

    rows: int = 0
    """Rows written."""
    days_written: list[date] = field(default_factory=list)
    days_skipped: list[date] = field(default_factory=list)
    """Days that were there and settled; they cost no request."""
    expected: int = 0
    """Rows that the system counts in the days it was asked for."""
    received: int = 0
    """Rows received of those."""


@dataclass(frozen=True)
class Status:
    """What a lake holds, by its manifest and its footers; days are in order."""

    origin: dict[str, Any]
    days: list[DayFacts]
    missing: list[date]
    """Days between the first and the last that were never read."""
    unsettled: list[date]
    """Days that the next update reads again."""
    damaged: dict[date, str]
    """Days whose footer cannot be read, and why."""

    @property
    def rows(self) -> int:
        return sum(day.rows for day in self.days)

    @property
    def bytes(self) -> int:
        return sum(day.bytes for day in self.days)


@dataclass(frozen=True)
class Verification:
    """What reading every page of a lake found."""

    days: int
    rows: int
    damaged: dict[date, str]
    """Days whose file is not what was written, and why."""
    strangers: list[Path]
    """Parquet files that are not the lake's, but that readers of the folder would take for it."""

    @property
    def is_clean(self) -> bool:
        return not (self.damaged or self.strangers)


class Lake:
    """A folder of day files, `call_date=YYYY-MM-DD/connections.parquet`, with rows sorted as `schema.ROW_ORDER` says.

    A day may change until `settling` after its end, because calls are recorded when they end and ratings and tags come
    later: a day that was read sooner is read again by the next update. Methods raise LakeError when the folder cannot
    be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], *, settling: timedelta = timedelta(hours=48)) -> None:
        self.path = Path(path)
        self.settling = settling

    def __repr__(self) -> str:
        return f"Lake({str(self.path)!r})"

    def update(
        self, calls: Source, refresh: bool = False, *, on_progress: Callable[[Update], object] = lambda _: None
    ) -> Update:
        """Read the days of `calls` that are missing or not settled, or with `refresh` all of them.

        A day is put in place once it is whole. After an error or an interruption the days before stay, and the next
        update continues. Without a first day it is the lake's own, or that of the first call; without a last day it is
        today. `on_progress` hears of every window read and every day written.

        Raises LakeLockedError while another process writes, LakeMismatchError when the lake holds something else,
        LakeDamagedError when a day that would stay cannot be read, and whatever reading `calls` raises.
        """
        update, now = Update(), datetime.now(UTC)
        with _as_lake_errors(self.path), writing(self.path):
            check_in(self.path, calls.origin)
            self._clean_up()
            for first, last in self._plan(calls, refresh, now, update):
                self._read(calls, first, last, now, update, on_progress)
        return update

    def status(self) -> Status:
        """What the lake holds; reads the footers alone."""
        with _as_lake_errors(self.path):
            origin, days = read_origin(self.path), self._days()
            facts: list[DayFacts] = []
            damaged: dict[date, str] = {}
            for day in days:
                try:
                    facts.append(read_facts(self._file(day)))
                except LakeDamagedError as error:
                    damaged[day] = str(error)
        now = datetime.now(UTC)
        return Status(
            origin=origin,
            days=facts,
            missing=[day for day in _each(days[0], days[-1]) if day not in set(days)] if days else [],
            unsettled=[fact.day for fact in facts if not self._has_settled(fact, origin["time_zone"], now)],
            damaged=damaged,
        )

    def verify(self) -> Verification:
        """Read every page of every day file with its checksum; check schema, day, order and row count."""
        with _as_lake_errors(self.path):
            read_origin(self.path)
            days = self._days()
            damaged = {day: damage for day in days if (damage := damage_of(self._file(day), day)) is not None}
            rows = sum(read_facts(self._file(day)).rows for day in days if day not in damaged)
            expected = {self._file(day) for day in days}
            strangers = sorted(path for path in self.path.rglob("*.parquet") if path not in expected)
        return Verification(len(days), rows, damaged, strangers)

    def scan(self) -> pl.LazyFrame:
        """The whole lake as a lazy frame, oldest day first; `call_date` is a Date that a filter can prune files by."""
        with _as_lake_errors(self.path):
            read_origin(self.path)
            files = [self._file(day) for day in self._days()]
        if not files:
            return pl.LazyFrame(pl.DataFrame(SCHEMA.empty_table())).with_columns(call_date=pl.lit(None, pl.Date))
        return pl.scan_parquet(files, hive_partitioning=True, hive_schema={"call_date": pl.Date})

    def _days(self) -> list[date]:
        """The days that have a file, in order."""
        days = []
        for folder in self.path.glob(f"{_PARTITION}*"):
            with suppress(ValueError):
                day = date.fromisoformat(folder.name.removeprefix(_PARTITION))
                if folder == self._folder(day) and self._file(day).is_file():
                    days.append(day)
        return sorted(days)

    def _folder(self, day: date) -> Path:
        return self.path / f"{_PARTITION}{day.isoformat()}"

    def _file(self, day: date) -> Path:
        return self._folder(day) / FILE_NAME

    def _clean_up(self) -> None:
        """Remove what a killed writer left: staged files, and folders it made for them."""
        remove_leftovers(self.path)
        for folder in self.path.glob(f"{_PARTITION}*"):
            remove_leftovers(folder)
            with suppress(OSError):
                folder.rmdir()  # works on an empty one only

    def _plan(self, calls: Source, refresh: bool, now: datetime, update: Update) -> Iterable[tuple[date | None, date]]:
        """First and last day of each stretch to read; the first is None when it is not known yet."""
        first, last = calls.days
        there, zone = set(self._days()), calls.origin["time_zone"]
        last = min(last or date.max, now.astimezone(ZoneInfo(zone)).date())
        if first is None and not there:
            return [(None, last)]
        days = list(_each(first or min(there), last))
        settled = set() if refresh else {day for day in days if day in there and self._is_settled(day, zone, now)}
        update.days_skipped = sorted(settled)
        return _stretches(day for day in days if day not in settled)

    def _is_settled(self, day: date, time_zone: str, now: datetime) -> bool:
        try:
            return self._has_settled(read_facts(self._file(day)), time_zone, now)
        except LakeDamagedError as error:
            raise LakeDamagedError(
                f"{self._file(day)} is damaged: {error}.\n"
                f"Read this day again: thulium-frames export {self.path} --from {day} --to {day} --refresh"
            ) from error

    def _has_settled(self, facts: DayFacts, time_zone: str, now: datetime) -> bool:
        """Whether the day was read long enough after its end; a reading in the future proves a wrong clock, no more."""
        end = datetime(facts.day.year, facts.day.month, facts.day.day, tzinfo=ZoneInfo(time_zone)) + DAY
        return end.astimezone(UTC) + self.settling <= facts.read_at <= now

    def _read(
        self,
        calls: Source,
        first: date | None,
        last: date,
        now: datetime,
        update: Update,
        on_progress: Callable[[Update], object],
    ) -> None:
        def expect(rows: int) -> None:
            update.expected += rows

        def watched(pieces: Iterator[Piece]) -> Iterator[Piece]:
            for piece in pieces:
                update.received += piece.batch.num_rows
                on_progress(update)
                yield piece

        window = Window(midnight(first) if first else BEGINNING, midnight(last) + DAY)
        with closing(calls.pieces(window, expect)) as pieces:
            for day, batches in _by_day(watched(pieces), first):
                update.rows += write_day(self._folder(day), day, batches, now).rows
                update.days_written.append(day)
                on_progress(update)


def scan_lake(path: str | os.PathLike[str]) -> pl.LazyFrame:
    """The whole lake at `path` as a lazy frame: `Lake(path).scan()`."""
    return Lake(path).scan()


def _by_day(pieces: Iterator[Piece], first: date | None) -> Iterator[tuple[date, Iterator[pa.RecordBatch]]]:
    """Each day that the pieces cover, and its batches, to be taken before the next day; there may be none."""
    events = _events(pieces, first)
    for day, batch in events:
        yield day, takewhile(_is_batch, chain([batch], (later for _, later in events)))


def _is_batch(batch: pa.RecordBatch | None) -> bool:
    return batch is not None


def _events(pieces: Iterator[Piece], first: date | None) -> Iterator[tuple[date, pa.RecordBatch | None]]:
    """Batches with their day, and None where a day is over. Without a first day it is that of the first call."""
    day = first
    for piece in pieces:
        for called, batch in _cut_at_midnights(piece.batch):
            day = day or called
            while day < called:
                yield day, None
                day += DAY
            yield day, batch
        while day is not None and midnight(day) + DAY <= piece.window.end:
            yield day, None
            day += DAY


def _cut_at_midnights(batch: pa.RecordBatch) -> Iterator[tuple[date, pa.RecordBatch]]:
    days = pc.run_end_encode(batch["date"].cast(pa.date32(), safe=False))
    start = 0
    for day, end in zip(days.values.to_pylist(), days.run_ends.to_pylist(), strict=True):
        yield day, batch.slice(start, end - start)
        start = end


def _each(first: date, last: date) -> Iterator[date]:
    """The days from `first` to `last`, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _stretches(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """First and last of each run of days without a gap."""
    for _, run in groupby(enumerate(days), key=lambda numbered: numbered[1].toordinal() - numbered[0]):
        stretch = [day for _, day in run]
        yield stretch[0], stretch[-1]


@contextmanager
def _as_lake_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except ThuliumFramesError:
        raise
    except OSError as error:
        raise LakeError(
            f"the lake {path} cannot be used: {error.strerror or error}.\n"
            "Days already written are whole; free the way and run the same command again"
        ) from error

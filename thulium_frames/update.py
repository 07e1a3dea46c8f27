"""Bringing a lake up to date: which days are read, and how a stream of windows becomes day files."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import chain, groupby, takewhile
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

from thulium_frames.dayfile import (
    DayFacts,
    SealedDay,
    damage_of,
    day_file,
    day_folders,
    days_in,
    facts_of,
    put_day,
    seal_day,
)
from thulium_frames.durable import remove_leftovers
from thulium_frames.errors import LakeDamagedError
from thulium_frames.fetch import Piece
from thulium_frames.filters import BEGINNING
from thulium_frames.windows import DAY, Window, each_day, midnight, of_days


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


@dataclass(repr=False)
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

    def __repr__(self) -> str:
        written, skipped = len(self.days_written), len(self.days_skipped)
        return f"Update({self.rows:,} rows, {written:,} days written, {skipped:,} days skipped)"


class Run:
    """One update of a lake that is held for writing."""

    def __init__(
        self,
        lake: Path,
        calls: Source,
        *,
        settling: timedelta,
        refresh: bool,
        repair: bool,
        on_progress: Callable[[Update], object],
    ) -> None:
        self.update = Update()
        self._lake = lake
        self._calls = calls
        self._settling = settling
        self._refresh = refresh
        self._repair = repair
        self._on_progress = on_progress
        self._now = datetime.now(UTC)
        self._zone = calls.origin["time_zone"]
        self._writer: Executor
        self._writing_day: Future[None] | None = None
        self._written: deque[DayFacts] = deque()  # not noted yet

    def read(self, first: date | None, last: date | None) -> None:
        """Read what is wanted of the days from `first` to `last`; see `Lake.update` for None."""
        self._clear_leftovers()
        there = days_in(self._lake)
        first = first or min(there, default=None)
        last = min(last or date.max, self._now.astimezone(ZoneInfo(self._zone)).date())
        settled = (self._now - self._settling).astimezone(ZoneInfo(self._zone)).date()
        if first is None:
            self._read_stretch(None, min(last, settled - DAY))
            if settled <= last:
                self._read_stretch(settled if self.update.days_written else None, last)
            return
        days = [day for day in there if first <= day <= last]
        self.update.days_skipped = [] if self._refresh else [day for day in days if self._may_stay(day)]
        wanted = sorted(set(each_day(first, last)) - set(self.update.days_skipped))
        for stretch in _stretches(wanted, settled):
            self._read_stretch(stretch[0], stretch[-1])

    def _clear_leftovers(self) -> None:
        """Remove what a killed writer left: staged files, and folders it made for them."""
        remove_leftovers(self._lake)
        for folder in day_folders(self._lake):
            remove_leftovers(folder)
            with suppress(OSError):
                folder.rmdir()  # works on an empty one only

    def _may_stay(self, day: date) -> bool:
        path = day_file(self._lake, day)
        if self._repair and damage_of(path, day) is not None:
            return False
        try:
            return facts_of(self._lake, day).has_settled(self._zone, self._settling, self._now)
        except LakeDamagedError as error:
            raise LakeDamagedError(
                f"{path} is damaged: {error}.\nRead its day again: thulium-frames export {self._lake} --repair"
            ) from error

    def _read_stretch(self, first: date | None, last: date) -> None:
        """Without a first day it is that of the first call."""
        window = of_days(first or BEGINNING.date(), last)
        with closing(self._calls.pieces(window, self._expect)) as pieces, self._writing():
            for day, batches in _by_day(self._watched(pieces), first):
                file = seal_day(day, batches, self._now)
                self._wait_for_writer()
                self._writing_day = self._writer.submit(self._put, file)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A day is put in its place while the next one is made. None is left half done, whatever happens meanwhile."""
        try:
            with ThreadPoolExecutor(1, "thulium-frames-writer") as self._writer:
                yield
                self._wait_for_writer()
        finally:
            self._note_written()

    def _put(self, file: SealedDay) -> None:
        """What the writer does with a day; it notes it itself, as an interrupt may come before anybody waits for it."""
        self._written.append(put_day(file, self._lake))

    def _wait_for_writer(self) -> None:
        if self._writing_day is not None:
            self._writing_day.result()
        self._note_written()

    def _note_written(self) -> None:
        while self._written:
            self._note(self._written.popleft())

    def _note(self, facts: DayFacts) -> None:
        self.update.rows += facts.rows
        self.update.days_written.append(facts.day)
        self._on_progress(self.update)

    def _expect(self, rows: int) -> None:
        self.update.expected += rows

    def _watched(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            self.update.received += piece.batch.num_rows
            self._on_progress(self.update)
            yield piece


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
    days = pl.DataFrame(batch.select(["date"])).to_series().dt.date().rle().struct.unnest()
    start = 0
    for rows, day in days.select("len", "value").iter_rows():
        yield day, batch.slice(start, rows)
        start += rows


def _stretches(days: Iterable[date], settled: date) -> Iterator[list[date]]:
    """Runs of days without a gap; days that still change are read apart, so as not to disturb the proof of others."""
    for _, run in groupby(enumerate(days), key=lambda told: (told[1].toordinal() - told[0], told[1] < settled)):
        yield [day for _, day in run]

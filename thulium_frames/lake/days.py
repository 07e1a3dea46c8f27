"""Which days an update reads, and how pieces become days. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain, groupby, takewhile
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from thulium_frames.errors import FilterError
from thulium_frames.windows import DAY, Window, each_day, midnight

if TYPE_CHECKING:
    import pyarrow as pa

#: The longest time without calls, unless somebody asked for it.
_MOST_EMPTY = timedelta(days=366)


@dataclass(frozen=True)
class DayFacts:
    """What a day file's footer says."""

    day: date
    rows: int
    read_at: datetime
    """When its reading began, in UTC: no request for this day was sent before."""
    bytes: int
    """Size of the file."""

    def has_settled(self, time_zone: str, settling: timedelta, now: datetime) -> bool:
        """Whether the day was read `settling` after its end. A time in the future, of a wrong clock, does not count."""
        if self.day >= now.date():
            return False
        next_day = self.day + timedelta(days=1)
        end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=ZoneInfo(time_zone))
        return end.astimezone(UTC) + settling <= self.read_at <= now


@dataclass(frozen=True)
class SealedDay:
    """The whole file of a day, in memory."""

    facts: DayFacts
    content: bytes


class Piece(Protocol):
    """All the calls of one window as one batch, sorted by `schema.ROW_ORDER`."""

    @property
    def window(self) -> Window: ...

    @property
    def batch(self) -> pa.RecordBatch: ...


@dataclass(frozen=True)
class Clock:
    """Which day is today, and which days are settled, in the system's time zone."""

    now: datetime
    """UTC."""
    time_zone: str
    settling: timedelta

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def first_unsettled(self) -> date:
        """The days before this one ended more than the settling time ago."""
        return (self.now - self.settling).astimezone(ZoneInfo(self.time_zone)).date()


def wanted_stretches(first: date, last: date, may_stay: Iterable[date], first_unsettled: date) -> list[list[date]]:
    """The days from `first` to `last` to be read, as stretches without a gap. Days in `may_stay` are left out.

    Days that still change are in stretches of their own, so that they do not disturb the proof of other days.
    """
    wanted = sorted(set(each_day(first, last)) - set(may_stay))
    stretches = groupby(enumerate(wanted), key=lambda told: (told[1].toordinal() - told[0], told[1] < first_unsettled))
    return [[day for _, day in stretch] for _, stretch in stretches]


def by_day(pieces: Iterable[Piece], first: date | None) -> Iterator[tuple[date, Iterator[pa.RecordBatch]]]:
    """Each day that the pieces cover, with its batches. They must be taken before the next day is asked for.

    The first day is `first`; when this is None, the day of the first call. A day without calls has no batches.
    """
    events = _events(pieces, first)
    for day, batch in events:
        yield day, takewhile(_is_batch, chain([batch], (later for _, later in events)))


def without_gaps(pieces: Generator[Piece]) -> Generator[Piece]:
    """The pieces, where nobody said with which day to begin.

    Raises FilterError when more than a year lies between two calls, because a stray old call would begin years of empty
    days. Empty pieces are held back until the next call comes.
    """
    last: date | None = None
    waiting: list[Piece] = []
    with closing(pieces):
        for piece in pieces:
            waiting.append(piece)
            for day, _ in _cut_at_midnights(piece.batch):
                _refuse_gap(last, day)
                last = day
            if last is None or piece.batch.num_rows:
                yield from waiting
                waiting.clear()
    yield from waiting


def _refuse_gap(before: date | None, after: date) -> None:
    if before is not None and after - before > _MOST_EMPTY:
        raise FilterError(
            f"there are calls of {before}, and the next ones are of {after}: "
            f"the lake would get {(after - before).days - 1:,} empty days between them.\n"
            f"Give date_from {after} to begin after this gap, or date_from {before} to have the empty days, too"
        )


def _is_batch(batch: pa.RecordBatch | None) -> bool:
    return batch is not None


def _events(pieces: Iterable[Piece], first: date | None) -> Iterator[tuple[date, pa.RecordBatch | None]]:
    """Batches with their day, and None where a day is over."""
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
    dates, rows = batch.column("date"), range(batch.num_rows)
    start = 0
    while start < batch.num_rows:
        day: date = dates[start].as_py().date()
        end = bisect_left(rows, midnight(day) + DAY, lo=start, key=lambda row: dates[row].as_py())
        yield day, batch.slice(start, end - start)
        start = end

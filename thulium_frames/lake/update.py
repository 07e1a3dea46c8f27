"""Bringing a lake up to date with a source of calls."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from thulium_frames.bounds import BEGINNING
from thulium_frames.errors import LakeDamagedError, UnreadableDateError
from thulium_frames.lake.days import Clock, DayFacts, Piece, by_day, wanted_stretches, without_gaps
from thulium_frames.lake.facts import facts_of
from thulium_frames.lake.listing import days_in, name_of
from thulium_frames.lake.storage import Storage
from thulium_frames.lake.writer import DayWriter
from thulium_frames.windows import DAY, Window, of_days

_MOST_SHOWN = 5

_log = logging.getLogger("thulium_frames")


class Source(Protocol):
    """What a lake is filled from; `Connections` is one."""

    @property
    def origin(self) -> dict[str, Any]:
        """Which system, time zone and filters, but not which days. The lake is marked with it."""
        ...

    @property
    def days(self) -> tuple[date | None, date | None]:
        """First and last day asked for, None for an open bound."""
        ...

    def pieces(
        self,
        window: Window,
        on_count: Callable[[int], object],
        *,
        on_undated: Callable[[date, str], object],
    ) -> Generator[Piece]:
        """The calls of the window in time order, without gaps.

        `on_count` is called once, with the system's count. `on_undated` is called with the day and the description of
        each call whose date cannot be read, before the piece that lacks it.
        """
        ...


@dataclass(repr=False)
class Update:
    """What an update did, or has done so far."""

    rows: int = 0
    """Rows written."""
    days_written: list[date] = field(default_factory=list)
    days_skipped: list[date] = field(default_factory=list)
    """Days that were there and settled. They cost no request."""
    days_spoiled: list[date] = field(default_factory=list)
    """Days that were not written, because the date of a call cannot be read. The next update reads them again."""
    expected: int = 0
    """Rows that the system counts in the days it was asked for."""
    received: int = 0
    """Rows received of those."""

    def __repr__(self) -> str:
        written, skipped = len(self.days_written), len(self.days_skipped)
        return f"Update({self.rows:,} rows, {written:,} days written, {skipped:,} days skipped)"


class LakeUpdate:
    """One update of a lake that is held for writing."""

    def __init__(
        self,
        lake: Storage,
        calls: Source,
        clock: Clock,
        *,
        refresh: bool,
        repair: bool,
        on_progress: Callable[[Update], object],
    ) -> None:
        self.result = Update()
        self._lake = lake
        self._calls = calls
        self._clock = clock
        self._refresh = refresh
        self._repair = repair
        self._on_progress = on_progress
        self._writer = DayWriter(lake, self._note)
        self._undated: dict[date, list[str]] = {}

    def read(self, first: date | None, last: date | None) -> None:
        """Read the days from `first` to `last` that are wanted; `Lake.update` says what None means.

        Raises UnreadableDateError, once all other days are written, when a day could not be.
        """
        self._read_wanted(first, last)
        if self._undated:
            raise UnreadableDateError(_spoiled(self._undated))

    def _read_wanted(self, first: date | None, last: date | None) -> None:
        there = days_in(self._lake)
        first = first or min(there, default=None)
        last = min(last or date.max, self._clock.today)
        if first is None:
            self._read_from_first_call(last)
            return
        if not self._refresh:
            self.result.days_skipped = [day for day in there if first <= day <= last and self._may_stay(day)]
        for stretch in wanted_stretches(first, last, self.result.days_skipped, self._clock.first_unsettled):
            self._write(self._pieces([of_days(stretch[0], stretch[-1])]), stretch[0])

    def _read_from_first_call(self, last: date) -> None:
        """Days that still change are read apart here, too, but both stretches are one run of days."""
        unsettled = self._clock.first_unsettled
        windows = [of_days(BEGINNING.date(), min(last, unsettled - DAY))]
        if unsettled <= last:
            windows.append(of_days(unsettled, last))
        self._write(without_gaps(self._pieces(windows)), None)

    def _is_damaged(self, day: date) -> bool:
        from thulium_frames.lake.damage import damage_of  # Polars loads slowly

        return damage_of(self._lake, day) is not None

    def _may_stay(self, day: date) -> bool:
        if self._repair and self._is_damaged(day):
            return False
        try:
            facts = facts_of(self._lake, day)
        except LakeDamagedError as error:
            raise LakeDamagedError(
                f"{self._lake.address_of(name_of(day))} is damaged: {error}.\n"
                f"Read its day again: thulium-frames export {self._lake} --repair"
            ) from error
        return facts.has_settled(self._clock.time_zone, self._clock.settling, self._clock.now)

    def _pieces(self, windows: Sequence[Window]) -> Generator[Piece]:
        for window in windows:
            pieces = self._calls.pieces(window, self._expect, on_undated=self._note_undated)
            with closing(pieces):
                for piece in pieces:
                    self.result.received += piece.batch.num_rows
                    self._on_progress(self.result)
                    yield piece

    def _write(self, pieces: Generator[Piece], first: date | None) -> None:
        """Write the days of these pieces. Without a first day it is that of the first call."""
        with closing(pieces), self._writer.open():
            for day, batches in by_day(pieces, first):
                of_day = list(batches)
                if day not in self._undated:
                    self._writer.write(day, of_day, self._clock.now)

    def _note_undated(self, day: date, call: str) -> None:
        if day not in self._undated:
            self._undated[day] = []
            self.result.days_spoiled.append(day)
            _log.warning("%s is not written: the date of a call cannot be read", day)
        self._undated[day].append(call)

    def _note(self, facts: DayFacts) -> None:
        self.result.rows += facts.rows
        self.result.days_written.append(facts.day)
        self._on_progress(self.result)

    def _expect(self, rows: int) -> None:
        self.result.expected += rows


def _spoiled(undated: dict[date, list[str]]) -> str:
    """What an update says at its end about days that it could not write."""
    calls = [f"{day}: {call}" for day, calls in sorted(undated.items()) for call in calls]
    more = f"; and {len(calls) - _MOST_SHOWN:,} more" if len(calls) > _MOST_SHOWN else ""
    shown = "; ".join(calls[:_MOST_SHOWN]) + more
    return (
        f"calls have a date that cannot be read, so their days are not written: {shown}.\n"
        "All other days are. The next run tries these days again; ask Thulium's support about these records"
    )

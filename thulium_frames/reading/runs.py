"""Proven windows, put together while they follow one another, until they are large enough to be taken. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from thulium_frames.reading.edges import minutes_of
from thulium_frames.records import HeldCall
from thulium_frames.windows import Window


def in_parts(window: Window, calls: Sequence[HeldCall], rows: int) -> Iterator[tuple[Window, Sequence[HeldCall]]]:
    """Cut a proven window at minutes into parts of about so many calls, so that no batch is made of a huge day at once.

    Calls without a date are in the first part.
    """
    if len(calls) < 2 * rows:
        yield window, calls
        return
    calls = sorted(calls, key=lambda call: call.date or "")
    minutes = minutes_of(calls)
    start, first = window.start, 0
    for place in range(rows, len(calls) - rows, rows):
        cut = bisect_left(minutes, minutes[place])
        if minutes[place] and start < (moment := datetime.fromisoformat(minutes[place])) < window.end:
            yield Window(start, moment), calls[first:cut]
            start, first = moment, cut
    yield Window(start, window.end), calls[first:]


@dataclass(frozen=True)
class UndatedCall:
    """A call whose date cannot be read. It was answered for a part of `day`."""

    day: date
    call: HeldCall


@dataclass(frozen=True)
class ProvenRun:
    """A window and all its calls, proven and unsorted."""

    window: Window
    calls: list[HeldCall] = field(default_factory=list)
    undated: list[UndatedCall] = field(default_factory=list)


class ProvenRuns:
    """The runs that grow, and those that are complete and wait to be taken."""

    def __init__(self) -> None:
        self._growing: dict[datetime, ProvenRun] = {}  # by their ends
        self._complete: list[ProvenRun] = []
        self._starts: set[datetime] = set()  # of complete runs that are not delivered yet

    def add(self, window: Window, calls: Sequence[HeldCall]) -> None:
        """Add a proven window to the run that ends where it starts, or begin a run with it.

        A window with calls whose date cannot be read must lie within one day.
        """
        before = self._growing.pop(window.start, None)
        run = replace(before, window=Window(before.window.start, window.end)) if before else ProvenRun(window)
        run.calls.extend(call for call in calls if call.date is not None)
        run.undated.extend(UndatedCall(window.start.date(), call) for call in calls if call.date is None)
        self._growing[window.end] = run

    def complete(self, end: datetime, least: int = 0) -> None:
        """Let the run that ends here grow no more, if it has at least so many calls."""
        run = self._growing.get(end)
        if run is not None and len(run.calls) >= least:
            self._starts.add(run.window.start)
            self._complete.append(self._growing.pop(end))

    def has_complete(self, start: datetime) -> bool:
        """Whether the run from here on is complete, and not delivered yet."""
        return start in self._starts

    def deliver(self, start: datetime) -> None:
        """Note that the caller has taken the run from here on."""
        self._starts.discard(start)

    def take(self) -> list[ProvenRun]:
        """The runs that were completed since the last call."""
        complete, self._complete = self._complete, []
        return complete

    def take_all(self) -> list[ProvenRun]:
        """All runs that are left, when no more windows will come."""
        growing, self._growing = self._growing, {}
        return [*self.take(), *growing.values()]

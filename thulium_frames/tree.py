"""The window tree: which page of which window to ask for next, and when its calls are proven. No I/O and no threads.

A window whose answer fits one page is a snapshot, exact by construction; behind a page that is as long as asked for it
is asked whether there is more, since a count may be of the page alone. A page that does not hold all of its window
proves a part of it when its calls come in the order of their dates: every minute before its last one is complete, and
the rest of the window is asked for as a window of its own, so nothing that comes or goes meanwhile can shift a call
out of sight. That the system does sort by date is held against its own counts: page and rest must add up, or the part
is asked for again as a window that fits a page. A worker who would be idle takes the later half of what another reads;
both are asked for up to the same end, so their counts can still be compared. Pages in any other order are split until
they fit. A minute with more calls than a page holds is read until each of its calls was seen before and after one and
the same count of them.
"""

import heapq
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from operator import attrgetter

from thulium_frames.call import Call
from thulium_frames.crowd import Crowd
from thulium_frames.decode import Page
from thulium_frames.errors import SettingsError
from thulium_frames.filters import MAX_LIMIT
from thulium_frames.sorting import Order, Part, calls_before, order_of, part_of
from thulium_frames.windows import Window, split


@dataclass(frozen=True)
class Reading:
    """How to read; sizes are in rows."""

    page_rows: int = 100
    """Asked for in one request, at most 100."""
    window_rows: int = 10_000
    """A window with more is split before it is read."""
    ahead_rows: int = 40_000
    """Held or under way before they are taken; this bounds the memory."""
    batch_rows: int = 5_000
    """A record batch has about so many, less where nothing is proven behind it yet."""
    fruitless_reads: int = 12
    """A crowded minute is given up after so many reads in a row that brought nothing new."""

    def __post_init__(self) -> None:
        sizes = (self.window_rows, self.ahead_rows, self.batch_rows, self.fruitless_reads)
        if not 1 <= self.page_rows <= MAX_LIMIT or min(sizes) < 1:
            raise SettingsError(f"rows a page are from 1 to {MAX_LIMIT}, the other sizes at least 1, not {self}")

    def for_rows(self, rows: int, workers: int) -> tuple["Reading", int]:
        """How to read, and with how many workers, for one who takes only the first `rows`.

        A few pages are read one after the other from the beginning, more in windows no larger than helps.
        """
        if rows <= _FEW_PAGES * self.page_rows:
            few = max(rows, 1)
            return replace(self, window_rows=sys.maxsize, ahead_rows=few, batch_rows=min(few, self.batch_rows)), 1
        sizes = (self.window_rows, self.ahead_rows, self.batch_rows)
        window_rows, ahead_rows, batch_rows = (min(rows, size) for size in sizes)
        return replace(self, window_rows=window_rows, ahead_rows=ahead_rows, batch_rows=batch_rows), workers


@dataclass(frozen=True)
class Span:
    """Rows `offset` to `offset + limit` of a window's answer."""

    offset: int
    limit: int


@dataclass(eq=False)
class WindowRead:
    """A window that is wanted or asked for."""

    window: Window
    until: datetime
    """Asked for up to here, perhaps behind its end: a window that was cut goes on counting all that is behind it."""
    expected: int = 0
    """About so many calls; 0 when nobody knows."""
    offset: int = 0
    """Where the next page of it begins; from the end, where the newest calls come first."""
    full: Sequence[Call] | None = None
    """A page as long as asked for that has all calls by their count; whether none stands behind it is asked for now."""
    crowd: Crowd | None = None

    @property
    def asked(self) -> Window:
        return Window(self.window.start, self.until)


@dataclass(frozen=True)
class Run:
    """A window of proven calls, unsorted; pages of it that follow one another are put together."""

    window: Window
    calls: list[Call]


#: So many are had soonest without sharing them out.
_FEW_PAGES = 20
#: Where one window was cut off another, and up to where both are asked for.
_Seam = tuple[datetime, datetime]
#: A window is cut into this many parts at most, fewer where each is to fit a page: nights have no calls, noons many.
_FAN_OUT, _FAN_OUT_UNSORTED = 32, 8
#: Parts are planned this much below the most, so that few of them exceed it.
_HEADROOM = 1.1
#: A window is cut for an idle worker if about so many pages of it are left.
_WORTHWHILE_PAGES = 2


class Tree:
    """The windows that are not delivered yet; the caller holds a lock around each call."""

    def __init__(self, root: Window, reading: Reading, workers: int) -> None:
        self._reading = reading
        self._workers = workers
        self._front, self._end = root.start, root.end
        self._wanted: list[tuple[datetime, WindowRead]] = []
        self._asked: dict[datetime, WindowRead] = {}
        self._runs: dict[datetime, Run] = {}  # by their ends
        self._closed: set[datetime] = set()  # the starts of runs that may be taken
        self._ready: list[Run] = []
        self._seams: dict[_Seam, Part | int | None] = {}
        self._held = 0
        self._want(WindowRead(root, root.end))

    @property
    def front(self) -> datetime | None:
        """Where the run begins that is to be delivered next; None when all are delivered."""
        return self._front if self._front < self._end else None

    def deliver(self, window: Window, rows: int) -> None:
        """Note that the run at the front, of so many rows, is taken."""
        self._closed.discard(window.start)
        self._front = window.end
        self._held -= rows

    def next_request(self) -> tuple[WindowRead, Span] | None:
        """The earliest page that is wanted and within the look-ahead; None when the caller has to wait."""
        if not self._wanted and not self._cut_for_the_idle():
            return None
        start, read = self._wanted[0]
        if self._room() < 1 and (self._front in self._closed or any(asked < start for asked in self._asked)):
            return None
        heapq.heappop(self._wanted)
        self._asked[start] = read
        rows = self._reading.page_rows
        return read, Span(read.crowd.offset, read.crowd.limit(rows)) if read.crowd else Span(read.offset, rows)

    def _room(self) -> int:
        """How many pages more the look-ahead has room for. What has to be delivered next is asked for without."""
        return ceil((self._reading.ahead_rows - self._held) / self._reading.page_rows) - len(self._asked)

    def _cut_for_the_idle(self) -> bool:
        """Want the later half of what is being read, where most is left of it; its reader stops in the middle then."""
        longest = max(self._asked.values(), key=attrgetter("expected"), default=None)
        if longest is None or longest.expected < _WORTHWHILE_PAGES * self._reading.page_rows:
            return False
        longest.window, *later = split(longest.window, 2)
        longest.expected //= 2
        for window in later:
            self._seams[window.start, longest.until] = None
            self._want(WindowRead(window, longest.until, longest.expected))
        return bool(later)

    def receive(self, read: WindowRead, page: Page) -> list[Run]:
        """Note an answer. Returns the runs that are at their ends by it, or long enough."""
        del self._asked[read.window.start]
        self._count_behind((read.window.start, read.until), page.count)
        calls = self._all_of(read, page)
        if calls is None:
            self._finish(read.window.start, self._reading.batch_rows)
        else:
            self._held += len(calls)
            self._prove(read.window, calls)
            self._finish(read.window.end, 0)  # another run begins behind it, or has begun
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> list[Run]:
        """The runs that are proven so far, when no more will come."""
        runs = [*self._ready, *self._runs.values()]
        self._ready.clear()
        self._runs.clear()
        return runs

    def _count_behind(self, seam: _Seam, count: int) -> None:
        """A seam is settled when both are known: the part before it, and how many calls are counted behind it."""
        if seam in self._seams:
            part = self._seams.pop(seam)
            if isinstance(part, Part):
                self._settle(part, count)
            else:
                self._seams[seam] = count

    def _part_before(self, seam: _Seam, part: Part) -> None:
        self._held += len(part.calls)
        count = self._seams.pop(seam, None)
        if isinstance(count, int):
            self._settle(part, count)
        else:
            self._seams[seam] = part

    def _settle(self, part: Part, count: int) -> None:
        """Hold a part against the count behind it; where they do not add up, it is read by itself."""
        if part.left == count:
            self._prove(part.window, part.calls)
            if part.rest is None:
                self._finish(part.window.end, 0)
        else:
            self._held -= len(part.calls)
            self._want(WindowRead(part.window, part.window.end))

    def _prove(self, window: Window, calls: Sequence[Call]) -> None:
        before = self._runs.pop(window.start, None)
        run = Run(Window(before.window.start, window.end), before.calls) if before else Run(window, [])
        run.calls.extend(calls)
        self._runs[window.end] = run

    def _finish(self, end: datetime, least: int) -> None:
        """Nothing is added any more to the run that ends here, if it has so many calls."""
        run = self._runs.get(end)
        if run is not None and len(run.calls) >= least:
            self._closed.add(run.window.start)
            self._ready.append(self._runs.pop(end))

    def _all_of(self, read: WindowRead, page: Page) -> Sequence[Call] | None:
        """All calls of a window, if this page completes them; else it is wanted on."""
        if read.crowd is not None:
            return self._add(read, read.crowd, page)
        if read.full is not None and not page.calls:
            return _own(read, read.full)
        if read.full is None and len(page.calls) == page.count:
            if page.count != self._reading.page_rows:
                return _own(read, page.calls)
            self._want(replace(read, offset=page.count, full=page.calls))
        elif not self._narrow(read, page):
            return self._of_minute(read, page)
        return None

    def _of_minute(self, read: WindowRead, page: Page) -> Sequence[Call] | None:
        """A minute that does not fit its page is asked for by itself, and is a crowd if it is that already."""
        if read.until != read.window.end:
            self._want(WindowRead(read.window, read.window.end))
            return None
        crowd = Crowd(read.window, self._reading.fruitless_reads)
        minute = WindowRead(read.window, read.until, crowd=crowd)
        if read.full is None:
            return self._add(minute, crowd, page)
        self._want(minute)  # this page is not its first
        return None

    def _add(self, read: WindowRead, crowd: Crowd, page: Page) -> Sequence[Call] | None:
        if (calls := crowd.add(page)) is None:
            self._want(read)
        return calls

    def _narrow(self, read: WindowRead, page: Page) -> bool:
        """Want smaller windows in the place of one that does not fit its page; False for a minute."""
        order = order_of(page)
        count = _share(page.count, read.window, read.until)
        if order is not Order.OTHER and count <= self._most:
            if not self._holds_oldest(read, page, order):
                if read.offset == 0:
                    self._want(replace(read, offset=page.count - len(page.calls)))
                    return True
            elif part := part_of(read.window, read.until, page, order):
                self._read_on(read, part, page, order)
                return True
        windows = split(read.window, self._parts(count, order))
        if len(windows) > 1:
            expected = 0 if order is Order.OTHER else count // len(windows)
            for window in windows:
                self._want(WindowRead(window, window.end, expected))
        return len(windows) > 1

    def _read_on(self, read: WindowRead, part: Part, page: Page, order: Order) -> None:
        if part.rest is not None:
            behind = self._seams.get((part.rest.end, read.until))
            left = part.left - behind if isinstance(behind, int) else _share(part.left, part.rest, read.until)
            offset = 0 if order is Order.OLDEST_FIRST else max(0, part.left - len(page.calls))
            self._want(WindowRead(part.rest, read.until, left, offset))
        self._part_before((part.window.end, read.until), part)

    @staticmethod
    def _holds_oldest(read: WindowRead, page: Page, order: Order) -> bool:
        """Whether the page has the oldest calls of its window: those come first, or last."""
        if order is Order.OLDEST_FIRST:
            return read.offset == 0
        return read.offset + len(page.calls) == page.count

    @property
    def _most(self) -> int:
        """A sorted window with more is not read page by page, but split."""
        share = self._reading.window_rows
        if self._workers > 1:
            share = min(share, self._reading.ahead_rows // self._workers)
        return max(self._reading.page_rows, share)

    def _parts(self, count: int, order: Order) -> int:
        """In how many parts to split a window: few that are read on page by page, or many that fit one."""
        if order is Order.OTHER:
            most, fan_out = self._reading.page_rows, _FAN_OUT_UNSORTED
        else:
            most, fan_out = self._most, _FAN_OUT
        return min(fan_out, max(2, round(count * _HEADROOM / most)))

    def _want(self, read: WindowRead) -> None:
        heapq.heappush(self._wanted, (read.window.start, read))


def _own(read: WindowRead, calls: Sequence[Call]) -> Sequence[Call]:
    """What is its own of all that was asked for."""
    return calls if read.until == read.window.end else calls_before(read.window.end, calls)


def _share(count: int, window: Window, until: datetime) -> int:
    """How many of the calls counted up to `until` the window may have."""
    return ceil(count * ((window.end - window.start) / (until - window.start)))

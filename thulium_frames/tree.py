"""The window tree: which page of which window to ask for next, and when its calls are proven. No I/O and no threads.

A window whose answer fits one page is a snapshot, exact by construction. A page that does not hold all of its window
proves a part of it when its calls come in the order of their dates: every minute before its last one is complete, and
the rest of the window is asked for as a window of its own, so nothing that comes or goes meanwhile can shift a call
out of sight. That the system does sort by date is held against its own counts: page and rest must add up, or the part
is asked for again as a window that fits a page. Pages in any other order are split until they fit. A minute with more
calls than a page holds is read until each of its calls was seen before and after one and the same count of them.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from thulium_frames.call import Call
from thulium_frames.crowd import Crowd
from thulium_frames.decode import Page
from thulium_frames.errors import SettingsError
from thulium_frames.filters import MAX_LIMIT
from thulium_frames.sorting import Order, Part, order_of, part_of
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

    def for_rows(self, rows: int | None) -> "Reading":
        """The same, in windows no larger than helps who takes only the first `rows`."""
        if rows is None:
            return self
        enough = max(rows, self.page_rows)
        return replace(
            self,
            window_rows=min(enough, self.window_rows),
            ahead_rows=min(enough, self.ahead_rows),
            batch_rows=min(enough, self.batch_rows),
        )


@dataclass(frozen=True)
class Span:
    """Rows `offset` to `offset + limit` of a window's answer."""

    offset: int
    limit: int


@dataclass(eq=False)
class WindowRead:
    """A window that is wanted or asked for."""

    window: Window
    offset: int = 0
    """Where the next page of it begins; from the end, where the newest calls come first."""
    before: Part | None = None
    """What this window is the rest of: that is proven when this one counts as many calls as are left."""
    crowd: Crowd | None = None


@dataclass(frozen=True)
class Run:
    """A window of proven calls, unsorted; pages of it that follow one another are put together."""

    window: Window
    calls: list[Call]


#: A window is cut into this many parts at most, fewer where each is to fit a page: nights have no calls, noons many.
_FAN_OUT, _FAN_OUT_UNSORTED = 32, 8
#: Parts are planned this much below the most, so that few of them exceed it.
_HEADROOM = 1.1
#: A part that is cut only to keep a worker busy has at least so many pages.
_WORTHWHILE_PAGES = 3


class Tree:
    """The windows that are not delivered yet; the caller holds a lock around each call."""

    def __init__(self, root: Window, reading: Reading, workers: int) -> None:
        self._reading = reading
        self._workers = workers
        self._front, self._end = root.start, root.end
        self._wanted: list[tuple[datetime, WindowRead]] = []
        self._asked: set[datetime] = set()
        self._runs: dict[datetime, Run] = {}  # by their ends
        self._closed: set[datetime] = set()  # the starts of runs that may be taken
        self._held = 0
        self._want(WindowRead(root))

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
        if not self._wanted:
            return None
        start, read = self._wanted[0]
        if self._room() < 1 and (self._front in self._closed or any(asked < start for asked in self._asked)):
            return None
        heapq.heappop(self._wanted)
        self._asked.add(start)
        rows = self._reading.page_rows
        return read, Span(read.crowd.offset, read.crowd.limit(rows)) if read.crowd else Span(read.offset, rows)

    def _room(self) -> int:
        """How many pages more the look-ahead has room for. What has to be delivered next is asked for without."""
        return ceil((self._reading.ahead_rows - self._held) / self._reading.page_rows) - len(self._asked)

    def receive(self, read: WindowRead, page: Page) -> Run | None:
        """Note an answer. Returns the run that is long enough by it, or at its end."""
        self._asked.remove(read.window.start)
        self._settle(read, page.count)
        calls = self._all_of(read, page)
        if calls is None:
            return self._take(read.window.start, self._reading.batch_rows)
        self._held += len(calls)
        self._prove(read.window, calls)
        return self._take(read.window.end, 0)  # another run begins behind it, or has begun

    def close(self) -> list[Run]:
        """The runs that are proven so far, when no more will come."""
        runs = list(self._runs.values())
        self._runs.clear()
        return runs

    def _settle(self, read: WindowRead, count: int) -> None:
        """Hold the part before this window against its count; where they do not add up, it is read by itself."""
        part, read.before = read.before, None
        if part and part.left == count:
            self._prove(part.window, part.calls)
        elif part:
            self._held -= len(part.calls)
            self._want(WindowRead(part.window))

    def _prove(self, window: Window, calls: Sequence[Call]) -> None:
        before = self._runs.pop(window.start, None)
        run = Run(Window(before.window.start, window.end), before.calls) if before else Run(window, [])
        run.calls.extend(calls)
        self._runs[window.end] = run

    def _take(self, end: datetime, least: int) -> Run | None:
        run = self._runs.get(end)
        if run is None or len(run.calls) < least:
            return None
        self._closed.add(run.window.start)
        return self._runs.pop(end)

    def _all_of(self, read: WindowRead, page: Page) -> Sequence[Call] | None:
        """All calls of a window, if this page completes them; else it is wanted on."""
        if read.crowd is None:
            if len(page.calls) == page.count:
                return page.calls
            if self._narrow(read, page):
                return None
            read.crowd = Crowd(read.window, self._reading.fruitless_reads)
        if (calls := read.crowd.add(page)) is None:
            self._want(read)
        return calls

    def _narrow(self, read: WindowRead, page: Page) -> bool:
        """Want smaller windows in the place of one that does not fit its page; False for a minute."""
        order = order_of(page)
        parts = self._parts(page.count, order)
        if parts == 1 and self._holds_oldest(read, page, order):
            if part := part_of(read.window, page, order):
                self._held += len(part.calls)
                offset = 0 if order is Order.OLDEST_FIRST else max(0, part.left - len(page.calls))
                self._want(WindowRead(part.rest, offset, part))
                return True
        elif parts == 1 and read.offset == 0:
            self._want(WindowRead(read.window, page.count - len(page.calls)))
            return True
        windows = split(read.window, max(2, parts))
        if len(windows) > 1:
            for window in windows:
                self._want(WindowRead(window))
        return len(windows) > 1

    @staticmethod
    def _holds_oldest(read: WindowRead, page: Page, order: Order) -> bool:
        """Whether the page has the oldest calls of its window: those come first, or last."""
        if order is Order.OLDEST_FIRST:
            return read.offset == 0
        return read.offset + len(page.calls) == page.count

    def _parts(self, count: int, order: Order) -> int:
        """In how many parts to cut a window: few that are read on page by page, or many that fit one."""
        if order is Order.OTHER:
            most, least, fan_out = self._reading.page_rows, 2, _FAN_OUT_UNSORTED
        else:
            share = min(self._reading.window_rows, self._reading.ahead_rows // self._workers)
            most, least, fan_out = max(self._reading.page_rows, share), 1, _FAN_OUT
        if count > most:
            least = max(2, round(count * _HEADROOM / most))
        return min(fan_out, max(least, self._useful_parts(count)))

    def _useful_parts(self, count: int) -> int:
        """As many as there are workers who would have nothing to do."""
        idle = min(self._workers - len(self._asked), self._room()) - len(self._wanted)
        return max(1, min(idle, count // (_WORTHWHILE_PAGES * self._reading.page_rows)))

    def _want(self, read: WindowRead) -> None:
        heapq.heappush(self._wanted, (read.window.start, read))

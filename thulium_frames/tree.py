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
    fruitless_reads: int = 12
    """A crowded minute is given up after so many reads in a row that brought nothing new."""

    def __post_init__(self) -> None:
        if not 1 <= self.page_rows <= MAX_LIMIT or min(self.window_rows, self.ahead_rows, self.fruitless_reads) < 1:
            raise SettingsError(f"rows a page are from 1 to {MAX_LIMIT}, the other sizes at least 1, not {self}")

    def for_rows(self, rows: int | None) -> "Reading":
        """The same, in windows no larger than helps who takes only the first `rows`."""
        if rows is None:
            return self
        enough = max(rows, self.page_rows)
        return replace(self, window_rows=min(enough, self.window_rows), ahead_rows=min(enough, self.ahead_rows))


@dataclass(frozen=True)
class Span:
    """Rows `offset` to `offset + limit` of a window's answer."""

    offset: int
    limit: int


@dataclass(eq=False)
class WindowRead:
    """A window that is not delivered yet, and its calls once they came."""

    window: Window
    offset: int = 0
    """Where the next page of it begins; from the end, where the newest calls come first."""
    claim: "Claim | None" = None
    crowd: Crowd | None = None
    calls: Sequence[Call] | None = None
    """None before they came; whoever has made columns of them may empty it."""
    rows: int = 0


@dataclass(frozen=True)
class Claim:
    """`read` is proven when the rest of the window it was a part of counts `left` calls."""

    read: WindowRead
    left: int


#: A window is cut into this many parts at most, so that years without calls cost a handful of requests.
_FAN_OUT = 8
#: Parts are planned this much below the most, so that few of them exceed it.
_HEADROOM = 1.25
#: A part that is cut only to keep a worker busy has at least so many pages.
_WORTHWHILE_PAGES = 3


class Tree:
    """The windows that are not delivered yet, in time order; the caller holds a lock around each call."""

    def __init__(self, root: Window, reading: Reading, workers: int) -> None:
        self._reading = reading
        self._workers = workers
        self._front, self._end = root.start, root.end
        self._reads: dict[datetime, WindowRead] = {}
        self._wanted: list[tuple[datetime, WindowRead]] = []
        self._in_flight = self._held = 0
        self._put(WindowRead(root))

    def head(self) -> WindowRead | None:
        """The window to deliver next; None when all are delivered."""
        return self._reads.get(self._front)

    def drop_head(self) -> None:
        read = self._reads.pop(self._front)
        self._held -= read.rows
        self._front = read.window.end

    def next_request(self) -> tuple[WindowRead, Span] | None:
        """The earliest page that is wanted and within the look-ahead; None when the caller has to wait."""
        if not self._wanted or (self._room() < 1 and not self._is_urgent(self._wanted[0][1])):
            return None
        _, read = heapq.heappop(self._wanted)
        self._in_flight += 1
        return read, Span(read.crowd.offset if read.crowd else read.offset, self._reading.page_rows)

    def _room(self) -> int:
        """How many pages more the look-ahead has room for."""
        return ceil((self._reading.ahead_rows - self._held) / self._reading.page_rows) - self._in_flight

    def _is_urgent(self, read: WindowRead) -> bool:
        """Whether it is the window to deliver next, or the one whose count that waits for."""
        head = self._reads[self._front]
        return read is head or (head.calls is not None and read.window.start == head.window.end)

    def receive(self, read: WindowRead, page: Page) -> list[WindowRead]:
        """Note an answer. Returns the windows that are proven by it, with their calls, unsorted."""
        self._in_flight -= 1
        proven = self._settle(read, page.count)
        if read.crowd:
            proven += self._add(read, read.crowd, page)
        elif read.offset == 0 and len(page.calls) == page.count:
            proven.append(self._hold(read, page.calls))
        elif not self._narrow(read, page):
            read.crowd = Crowd(read.window, self._reading.fruitless_reads)
            proven += self._add(read, read.crowd, page)
        return proven

    def _add(self, read: WindowRead, crowd: Crowd, page: Page) -> list[WindowRead]:
        if (calls := crowd.add(page)) is not None:
            return [self._hold(read, calls)]
        self._want(read)
        return []

    def _settle(self, read: WindowRead, count: int) -> list[WindowRead]:
        """Hold the part before this window against its count; where they do not add up, it is read by itself."""
        claim, read.claim = read.claim, None
        if claim is None:
            return []
        if claim.left == count:
            return [claim.read]
        self._held -= claim.read.rows
        self._put(WindowRead(claim.read.window))
        return []

    def _narrow(self, read: WindowRead, page: Page) -> bool:
        """Put smaller windows in the place of one that does not fit its page; False for a minute."""
        order = order_of(page)
        parts = self._parts(page.count, order)
        if parts == 1 and self._holds_oldest(read, page, order):
            if part := part_of(read.window, page, order):
                self._claim(part, 0 if order is Order.OLDEST_FIRST else max(0, part.left - len(page.calls)))
                return True
        elif parts == 1 and read.offset == 0:
            read.offset = page.count - len(page.calls)
            self._want(read)
            return True
        windows = split(read.window, max(2, parts))
        if len(windows) > 1:
            for window in windows:
                self._put(WindowRead(window))
        return len(windows) > 1

    @staticmethod
    def _holds_oldest(read: WindowRead, page: Page, order: Order) -> bool:
        """Whether the page has the oldest calls of its window: those come first, or last."""
        if order is Order.OLDEST_FIRST:
            return read.offset == 0
        return read.offset + len(page.calls) == page.count

    def _parts(self, count: int, order: Order) -> int:
        """In how many parts to cut a window: few that are read on page by page, or many that fit one."""
        most = self._reading.page_rows
        if order is not Order.OTHER:
            most = max(most, min(self._reading.window_rows, self._reading.ahead_rows // self._workers))
        least = 2 if count > most or order is Order.OTHER else 1
        needed = round(count * _HEADROOM / most) if count > most else 1
        return min(_FAN_OUT, max(least, needed, self._useful_parts(count)))

    def _useful_parts(self, count: int) -> int:
        """As many as there are workers who would have nothing to do."""
        idle = min(self._workers - self._in_flight, self._room()) - len(self._wanted)
        return max(1, min(idle, count // (_WORTHWHILE_PAGES * self._reading.page_rows)))

    def _claim(self, part: Part, offset: int) -> None:
        read = self._hold(WindowRead(part.window), part.calls)
        self._reads[part.window.start] = read
        self._put(WindowRead(part.rest, offset, Claim(read, part.left)))

    def _hold(self, read: WindowRead, calls: Sequence[Call]) -> WindowRead:
        read.calls, read.rows = calls, len(calls)
        self._held += read.rows
        return read

    def _put(self, read: WindowRead) -> None:
        self._reads[read.window.start] = read
        self._want(read)

    def _want(self, read: WindowRead) -> None:
        heapq.heappush(self._wanted, (read.window.start, read))

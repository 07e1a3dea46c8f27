"""Which page of which window to ask for next, and when the calls of a window are proven. No I/O and no threads.

A window whose answer fits one page is a snapshot, and exact by construction. After a full page, one more request checks
that nothing follows, because a system may count the page alone.

A page that does not hold its whole window proves a part of it when its calls come in the order of their dates: every
minute before its last one is complete. The rest is asked for as a window of its own, so calls that come or go meanwhile
cannot push another call out of sight. That the system sorts by date is checked against its own counts: the page and the
rest must add up, else the part is read again as a window that fits a page. An idle worker gets the later half of the
longest read. Both halves are asked for up to the same end, so their counts can still be compared.

Pages in any other order are split until they fit. A minute with more calls than a page holds is read until each of its
calls was seen both before and after the same count of all of them (`crowd`). Where the grain of the system is a day
(`grain`), windows are split at midnights only, and a day takes the place of the minute.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from math import ceil
from operator import attrgetter

from thulium_frames.reading.crowd import Crowd
from thulium_frames.reading.edges import calls_before
from thulium_frames.reading.grain import Ends, Grain, GrainChangedError, trial_of
from thulium_frames.reading.order import Order, Part, order_of, part_of
from thulium_frames.reading.runs import ProvenRun, ProvenRuns, in_parts
from thulium_frames.reading.seams import Seams, Settled
from thulium_frames.reading.sizes import Reading
from thulium_frames.records import HeldCall, Page
from thulium_frames.windows import DAY, MINUTE, Window, split


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
    """The end of what is asked for. After a cut it lies behind the window's end, and the count goes up to here."""
    expected: int = 0
    """About how many calls it has; 0 when unknown."""
    offset: int = 0
    """Where its next page begins. Where the newest calls come first, pages are taken from the end."""
    full: Sequence[HeldCall] | None = None
    """A full page that has all the calls counted. The next request checks that nothing follows it."""
    crowd: Crowd | None = None
    last_asked: datetime | None = None
    """The bound that is sent for `until`. All reads of a window that is read on send the same one."""
    asked: Window = field(init=False)
    """The bounds to send."""

    def __post_init__(self) -> None:
        self.asked = Window(self.window.start, self.until)

    def settle(self, grain: Grain) -> None:
        """Decide which bounds to send."""
        self.last_asked = self.last_asked or grain.last_asked(self.until)
        first = grain.first_asked(self.window.start)
        self.asked = Window(min(first, self.last_asked - MINUTE), self.last_asked)  # a day's last minute, and one more


#: A window is cut into this many parts at most. Parts that shall fit one page are fewer: nights have no calls.
_FAN_OUT, _FAN_OUT_UNSORTED = 32, 8
#: Parts are planned this much below the most, so that few of them exceed it.
_HEADROOM = 1.1
#: A window is cut for an idle worker when about this many pages of it are left.
_WORTHWHILE_PAGES = 2


class ReadPlan:
    """The windows that are not delivered yet. The caller holds a lock around each call."""

    def __init__(self, root: Window, reading: Reading, workers: int, grain: Grain) -> None:
        self._reading = reading
        self._workers = workers
        self._grain = grain
        self._unit = grain.unit
        self._front, self._end = root.start, root.end
        self._wanted: list[tuple[datetime, WindowRead]] = []
        self._waiting: list[WindowRead] = []  # for the trial
        self._trial: WindowRead | None = None
        self._is_tried = False
        self._asked: dict[datetime, WindowRead] = {}
        self._runs = ProvenRuns()
        self._seams = Seams()
        self._held = 0
        self._seen: Sequence[HeldCall] = ()  # the calls of the last answer
        self._want(WindowRead(root, root.end))

    @property
    def front(self) -> datetime | None:
        """Where the run begins that is to be delivered next; None when all are delivered."""
        return self._front if self._front < self._end else None

    def deliver(self, window: Window, rows: int) -> None:
        """Note that the caller has taken the run at the front, which has so many rows."""
        self._runs.deliver(window.start)
        self._front = window.end
        self._held -= rows

    def next_request(self) -> tuple[WindowRead, Span] | None:
        """The earliest page that is wanted and within the look-ahead; None when the caller has to wait."""
        if self._trial is not None and not self._is_tried:
            self._is_tried = True
            return self._trial, Span(0, self._reading.page_rows)
        if not self._wanted and not self._cut_for_the_idle():
            return None
        start, read = self._wanted[0]
        is_next = not self._runs.has_complete(self._front) and not any(asked < start for asked in self._asked)
        if self._room() < 1 and not is_next:  # what is delivered next is always asked for
            return None
        heapq.heappop(self._wanted)
        self._asked[start] = read
        read.settle(self._grain)
        rows = self._reading.page_rows
        return read, Span(read.crowd.offset, read.crowd.limit(rows)) if read.crowd else Span(read.offset, rows)

    def _room(self) -> int:
        """How many more pages the look-ahead has room for. What crowds hold until they are proven counts, too."""
        reads = chain(self._asked.values(), (read for _, read in self._wanted))
        held = self._held + sum(read.crowd.held for read in reads if read.crowd)
        return ceil((self._reading.ahead_rows - held) / self._reading.page_rows) - len(self._asked)

    def _cut_for_the_idle(self) -> bool:
        """Give an idle worker the later half of the longest read. Its reader then stops in the middle."""
        longest = max(self._asked.values(), key=attrgetter("expected"), default=None)
        if longest is None or longest.expected < _WORTHWHILE_PAGES * self._reading.page_rows:
            return False
        longest.window, *later = self._split(longest.window, 2)
        longest.expected //= 2
        for window in later:
            self._seams.open((window.start, longest.asked.end))
            self._want(WindowRead(window, longest.until, longest.expected, last_asked=longest.last_asked))
        return bool(later)

    def receive(self, read: WindowRead, page: Page) -> list[ProvenRun]:
        """Note an answer. Returns the runs that this answer completes.

        Raises GrainChangedError when it shows that this plan asks for smaller spans than the system knows.
        """
        if self._grain.unit is not self._unit:
            raise GrainChangedError
        if read is self._trial:
            self._learn(read, page)
            return []
        self._seen = page.calls
        del self._asked[read.window.start]
        self._settle(self._seams.count((read.window.start, read.asked.end), page.count))
        self._grain.check(read.asked, page.calls)
        calls = self._all_of(read, page)
        if calls is not None and self._find_days(read, calls):
            calls = None
        if calls is None:
            self._runs.complete(read.window.start, least=self._reading.batch_rows)
        else:
            self._held += len(calls)
            rows = max(self._reading.batch_rows, self._reading.page_rows)
            for window, part in in_parts(read.window, calls, rows):
                self._runs.add(window, part)
                self._runs.complete(window.end)  # another run follows
        return self._runs.take()

    def _learn(self, trial: WindowRead, page: Page) -> None:
        self._grain.learn_from_trial(trial.asked, page.calls)
        self._trial = None
        waiting, self._waiting = self._waiting, []
        for read in waiting:
            self._want(read)

    def close(self) -> list[ProvenRun]:
        """The runs that are proven so far, when no more answers will come."""
        return self._runs.take_all()

    def _settle(self, settled: Settled | None) -> None:
        """Take a part whose seam adds up for proven; read it again by itself when it does not."""
        if settled is None:
            return
        part = settled.part
        if not settled.adds_up:
            self._held -= len(part.calls)
            self._want(WindowRead(part.window, part.window.end))
            return
        self._runs.add(part.window, part.calls)
        if part.rest is None:
            self._runs.complete(part.window.end)

    def _find_days(self, read: WindowRead, calls: Sequence[HeldCall]) -> bool:
        """Want smaller windows, down to a day, where a call without a date may belong to any of several days."""
        if all(call.date is not None for call in calls):
            return False
        windows = split(read.window, _FAN_OUT_UNSORTED, DAY)
        if len(windows) == 1 and read.until == read.window.end:
            return False
        for window in windows:
            self._want(WindowRead(window, window.end))
        return True

    def _all_of(self, read: WindowRead, page: Page) -> Sequence[HeldCall] | None:
        """All calls of a window when this page completes them; else None, and more of it is wanted."""
        if read.crowd is not None:
            return self._add(read, read.crowd, page)
        if read.full is not None and not page.calls:
            return _own(read, read.full)
        if read.full is None and len(page.calls) == page.count:
            if page.count != self._reading.page_rows:
                return _own(read, page.calls)
            self._want(replace(read, offset=page.count, full=page.calls))
        elif not self._narrow(read, page):
            return self._of_crowd(read, page)
        return None

    def _of_crowd(self, read: WindowRead, page: Page) -> Sequence[HeldCall] | None:
        """Read a window that fits no page and cannot be split as a crowd, once it was asked for by itself."""
        if read.until != read.window.end:
            self._want(WindowRead(read.window, read.window.end))
            return None
        if not self._grain.may_end(read.until):
            self._wait_for_trial(WindowRead(read.window, read.until))
            return None
        crowd = Crowd(read.window, self._reading.fruitless_reads)
        wanted = WindowRead(read.window, read.until, crowd=crowd)
        if read.full is None:
            return self._add(wanted, crowd, page)
        self._want(wanted)  # this page is not its first
        return None

    def _add(self, read: WindowRead, crowd: Crowd, page: Page) -> Sequence[HeldCall] | None:
        if (calls := crowd.add(page)) is None:
            self._want(read)
        return calls

    def _narrow(self, read: WindowRead, page: Page) -> bool:
        """Want smaller windows instead of one that does not fit its page. False where there are none."""
        order = order_of(page)
        if self._unit is DAY and len(self._split(read.window, 2)) == 1:
            return False
        count = _share(page.count, read.window, read.until)
        if order is not Order.OTHER and count <= self._most and not self._is_crowded(read.window, count):
            if not self._holds_oldest(read, page, order):
                if read.offset == 0:
                    self._want(replace(read, offset=page.count - len(page.calls)))
                    return True
            elif part := part_of(read.window, read.until, page, order, self._unit):
                self._read_on(read, part, page, order)
                return True
        if read.until == read.window.end and read.last_asked != self._grain.last_asked(read.until):
            self._want(WindowRead(read.window, read.until, count))  # the end is known better by now
            return True
        windows = self._split(read.window, self._parts(read.window, count, order))
        if len(windows) > 1:
            expected = 0 if order is Order.OTHER else count // len(windows)
            for window in windows:
                self._want(WindowRead(window, window.end, expected))
        return len(windows) > 1

    def _read_on(self, read: WindowRead, part: Part, page: Page, order: Order) -> None:
        if part.rest is not None:
            behind = self._seams.behind((part.rest.end, read.asked.end))
            left = _share(part.left, part.rest, read.until) if behind is None else part.left - behind
            offset = 0 if order is Order.OLDEST_FIRST else max(0, part.left - len(page.calls))
            self._want(WindowRead(part.rest, read.until, left, offset, last_asked=read.last_asked))
        self._held += len(part.calls)
        self._settle(self._seams.add((part.window.end, read.asked.end), part))

    @staticmethod
    def _holds_oldest(read: WindowRead, page: Page, order: Order) -> bool:
        """Whether the page has the oldest calls of its window."""
        if order is Order.OLDEST_FIRST:
            return read.offset == 0
        return read.offset + len(page.calls) == page.count

    @property
    def _most(self) -> int:
        """A sorted window with more calls is split instead of read page by page."""
        share = self._reading.window_rows
        if self._workers > 1:
            share = min(share, self._reading.ahead_rows // self._workers)
        return max(self._reading.page_rows, share)

    def _is_crowded(self, window: Window, count: int) -> bool:
        """Whether a day is the smallest span that can be asked for, and the days of the window do not fit a page."""
        return self._unit is DAY and count * DAY > self._reading.page_rows * (window.end - window.start)

    def _split(self, window: Window, parts: int) -> list[Window]:
        return split(window, parts, self._unit)

    def _parts(self, window: Window, count: int, order: Order) -> int:
        """In how many parts to split a window: a few that are read page by page, or many that fit one page."""
        if self._is_crowded(window, count):
            return _FAN_OUT
        if order is Order.OTHER:
            most, fan_out = self._reading.page_rows, _FAN_OUT_UNSORTED
        else:
            most, fan_out = self._most, _FAN_OUT
        return min(fan_out, max(2, round(count * _HEADROOM / most)))

    def _want(self, read: WindowRead) -> None:
        if read.until == self._end or self._grain.may_end(read.until):
            heapq.heappush(self._wanted, (read.window.start, read))
        else:
            self._wait_for_trial(read)

    def _wait_for_trial(self, read: WindowRead) -> None:
        """Want a window after the trial. Without a call to try it with, a day is taken for the grain: that is safe."""
        self._waiting.append(read)
        if self._trial is not None:
            return
        if (window := trial_of(self._seen)) is None:
            self._grain.ends = Ends.DAY_EXCLUDED
            self._grain.change()
        else:
            self._trial = WindowRead(window, window.end)


def _own(read: WindowRead, calls: Sequence[HeldCall]) -> Sequence[HeldCall]:
    """The calls that fall inside the read's own window."""
    return calls if read.until == read.window.end else calls_before(read.window.end, calls)


def _share(count: int, window: Window, until: datetime) -> int:
    """About how many of the calls counted up to `until` fall inside the window."""
    return ceil(count * ((window.end - window.start) / (until - window.start)))

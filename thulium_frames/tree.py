"""The window tree: which page of which window to ask for next, and when a window is proven. No I/O and no threads.

A window whose answer fits one page is a snapshot, exact by construction. Pages of a longer window overlap by one
call, so that rows which moved between two requests show. It is accepted only if all its pages tell the same count, each
begins with the call that the one before ended with, the rows received equal the count, and no call came twice. Any
other window is split and read again; a single minute, which cannot be split, is read again until the union of its reads
is complete.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from thulium_frames.call import Call, identity
from thulium_frames.decode import Page
from thulium_frames.errors import SettingsError, UnprovenWindowError
from thulium_frames.filters import MAX_LIMIT
from thulium_frames.windows import Window, split


@dataclass(frozen=True)
class Reading:
    """How to read; sizes are in rows."""

    page_rows: int = 100
    """Asked for in one request, at most 100."""
    window_rows: int = 10_000
    """A window with more is split before it is read."""
    ahead_rows: int = 20_000
    """Held or under way before they are taken; this bounds the memory."""
    fruitless_reads: int = 12
    """A crowded minute is given up after so many reads in a row that brought no new call."""

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
    is_linked: bool = False
    """Whether the first of them is the last of the page before."""


class Verdict(Enum):
    """What the pages of a window tell so far."""

    OPEN = auto()
    """Pages are still to come, and none speaks against the others."""
    PROVEN = auto()
    UNPROVEN = auto()
    """The pages do not join, a call came twice, or the rows are not as many as the count."""
    CHANGED = auto()
    """The pages tell different counts: calls were added or removed meanwhile."""


_Identity = tuple[object, ...]

#: A window is cut into this many parts at most, so that years without calls cost a handful of requests.
_FAN_OUT = 8
#: Parts are planned this much below the cap, so that few of them exceed it.
_HEADROOM = 1.25


class WindowRead:
    """One attempt at one window: the spans still wanted, the pages received, the verdict on them."""

    def __init__(self, window: Window, page_rows: int, union: "Union | None" = None) -> None:
        self.window = window
        self.wanted = deque([Span(0, page_rows)])
        self.union = union or Union()
        self.pages: list[Sequence[Call]] = []
        self.calls: list[Call] = []
        self.count: int | None = None
        self._in_flight = 0
        self._page_rows = page_rows
        self._seen: set[_Identity] = set()
        self._links: dict[int, _Identity] = {}
        self._is_broken = self._has_changed = False

    def take(self) -> Span:
        self._in_flight += 1
        return self.wanted.popleft()

    def receive(self, span: Span, page: Page) -> None:
        """Note a page, and want the rows that are still to come: the server decides how many a page holds."""
        self._in_flight -= 1
        self._has_changed |= self.count not in (None, page.count)
        self.count = page.count
        new = page.calls[span.is_linked :]
        self._compare(span, page.calls, new)
        self.pages.append(page.calls)
        self.calls.extend(new)
        self.wanted.extendleft(reversed(self._rest(span, page) if new else []))

    def _compare(self, span: Span, calls: Sequence[Call], new: Sequence[Call]) -> None:
        keys = {identity(call) for call in new}  # equal rows on one page are different calls
        self._is_broken |= not self._seen.isdisjoint(keys)
        self._seen |= keys
        for at, call in ((span.offset, calls[:1]), (span.offset + len(calls) - 1, calls[-1:])):
            for key in map(identity, call):
                self._is_broken |= self._links.setdefault(at, key) != key

    def _rest(self, span: Span, page: Page) -> list[Span]:
        """After the first page all the others; after a short one what is left of its span."""
        reached = span.offset + len(page.calls)
        if len(self.pages) > 1:
            until, size, link = min(page.count, span.offset + span.limit), span.limit, span.is_linked
        else:
            until, size = page.count, min(len(page.calls), self._page_rows)
            link = size > 1
        starts = range(reached - link, until - link, size - link)
        return [Span(at, min(size, until - at), link) for at in starts]

    def release(self) -> None:
        """Let go of the rows, once they have become columns."""
        self.pages.clear()
        self.calls.clear()
        self._seen.clear()

    @property
    def is_whole(self) -> bool:
        return not self.wanted and not self._in_flight

    @property
    def verdict(self) -> Verdict:
        if self._has_changed:
            return Verdict.CHANGED
        if self._is_broken or (self.is_whole and len(self.calls) != self.count):
            return Verdict.UNPROVEN
        return Verdict.PROVEN if self.is_whole else Verdict.OPEN


class Union:
    """What several reads of one crowded minute brought together.

    A call counts as often as it stood on one page: rows of one page are different calls even when they are equal.
    """

    def __init__(self) -> None:
        self._calls: dict[_Identity, list[Call]] = {}
        self._count: int | None = None
        self._most = 0
        self.fruitless_reads = 0

    @property
    def calls(self) -> list[Call]:
        return [call for equals in self._calls.values() for call in equals]

    def add(self, pages: Iterable[Sequence[Call]], count: int) -> None:
        """Add a read; one that tells another count proves nothing together with those before it."""
        if count != self._count:
            self._calls.clear()
        self._count = count
        for page in pages:
            equals: dict[_Identity, list[Call]] = {}
            for call in page:
                equals.setdefault(identity(call), []).append(call)
            self._calls.update(
                {key: calls for key, calls in equals.items() if len(calls) >= len(self._calls.get(key, ()))}
            )
        self.fruitless_reads = 0 if len(self.calls) > self._most else self.fruitless_reads + 1
        self._most = max(self._most, len(self.calls))

    def forget(self) -> None:
        self._calls.clear()
        self.fruitless_reads += 1


class Tree:
    """The windows that are not delivered yet, in time order; the caller holds a lock around each call."""

    def __init__(self, root: Window, reading: Reading) -> None:
        self._reading = reading
        self._cap = reading.window_rows
        self._reads = deque([WindowRead(root, reading.page_rows)])

    def head(self) -> WindowRead | None:
        """The window to deliver next; None when all are delivered."""
        return self._reads[0] if self._reads else None

    def drop_head(self) -> None:
        self._reads.popleft()

    def next_request(self) -> tuple[WindowRead, Span] | None:
        """The earliest page that is wanted and within the look-ahead; None when the caller has to wait."""
        ahead = 0
        for read in self._reads:
            if ahead >= self._reading.ahead_rows and read.count is None:
                return None
            if read.wanted:
                return read, read.take()
            ahead += max(read.count or 0, self._reading.page_rows)
        return None

    def receive(self, read: WindowRead, span: Span, page: Page) -> list[Call] | None:
        """Note an answer. Returns the calls of its window, unsorted, when they are proven by it."""
        if read not in self._reads:
            return None  # it was split while this page was under way
        read.receive(span, page)
        if len(read.pages) == 1 and page.count > self._cap and self._replace(read, self._parts(page.count)):
            return None
        verdict = read.verdict
        if verdict is Verdict.OPEN:
            return None
        self._learn(read, verdict)
        if verdict is Verdict.PROVEN:
            return read.calls
        return None if self._replace(read, 2) else self._read_again(read, verdict)

    def _parts(self, count: int) -> int:
        return min(_FAN_OUT, max(2, round(count * _HEADROOM / self._cap)))

    def _learn(self, read: WindowRead, verdict: Verdict) -> None:
        """Where pages do not fit together, plan smaller windows for a while; recover one page at a time."""
        if verdict is Verdict.UNPROVEN:
            self._cap = max(self._reading.page_rows, min(self._cap, read.count or 0) // 2)
        elif verdict is Verdict.PROVEN and len(read.pages) > 1:
            self._cap = min(self._reading.window_rows, self._cap + self._reading.page_rows)

    def _replace(self, read: WindowRead, parts: int) -> bool:
        """Put the parts of a window in its place; False when it cannot be split."""
        windows = split(read.window, parts)
        if len(windows) > 1:
            self._put(read, [WindowRead(window, self._reading.page_rows) for window in windows])
        return len(windows) > 1

    def _put(self, old: WindowRead, reads: list[WindowRead]) -> None:
        at = self._reads.index(old)
        del self._reads[at]
        for read in reversed(reads):
            self._reads.insert(at, read)

    def _read_again(self, read: WindowRead, verdict: Verdict) -> list[Call] | None:
        """A minute is not proven by one read: is it by the union of all, or is it read once more?"""
        if verdict is Verdict.UNPROVEN and not read.is_whole:
            return None
        union, count = read.union, read.count or 0
        if verdict is Verdict.CHANGED or len(union.calls) > count:
            union.forget()
        else:
            union.add(read.pages, count)
        if len(union.calls) == count:
            return union.calls
        if union.fruitless_reads >= self._reading.fruitless_reads:
            raise UnprovenWindowError(
                f"the calls of {read.window} could not be proven: the system counts {count}, "
                f"{len(union.calls)} were told apart, and {union.fruitless_reads} reads in a row brought no more.\n"
                "No row of this minute was taken; run the same command again when the system is quiet"
            )
        self._put(read, [WindowRead(read.window, self._reading.page_rows, union)])
        return None

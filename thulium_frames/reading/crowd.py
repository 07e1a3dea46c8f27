"""A minute with more calls than a page holds: read until it is proven, whatever the order of its pages. Pure."""

from collections.abc import Iterator

from thulium_frames.errors import UnprovenWindowError
from thulium_frames.records import HeldCall, Identity, Page, identity
from thulium_frames.windows import Window

_Calls = dict[Identity, list[HeldCall]]


class Crowd:
    """The calls of a crowded minute, collected by reading all its pages again and again.

    They are proven once as many different calls were seen as the system counts, and each was seen again afterwards:
    then all of them were there at the moment between. Each read goes one page further than the count, which may be too
    low. A call counts as often as it stood on one page, because equal rows of one page are different calls.
    """

    def __init__(self, window: Window, fruitless_reads: int) -> None:
        self.offset = 0
        self._window = window
        self._most_fruitless = fruitless_reads
        self._count = self._known = self._fruitless = self._forgotten = self._reads = 0
        self._seen: _Calls = {}
        self._again: _Calls = {}

    def limit(self, page_rows: int) -> int:
        """How many rows to ask for. Every other read begins with half a page: equal calls then meet on one page."""
        return max(1, page_rows // 2) if self.offset == 0 and self._reads % 2 else page_rows

    def add(self, page: Page) -> list[HeldCall] | None:
        """Note the page at `offset` and move on. Returns all calls once they are proven, each as it was last seen.

        Raises UnprovenWindowError when read after read brings nothing new.
        """
        if page.count != self._count:
            self._forget()
        self._count = page.count
        self._note(page)
        if self._is_proven(page):
            return list(_flat(self._again))
        self._move_on(page)
        return None

    def _forget(self) -> None:
        self._forgotten += bool(self._seen)
        self._seen, self._again, self._known = {}, {}, 0

    def _note(self, page: Page) -> None:
        on_page: _Calls = {}
        for call in page.calls:
            on_page.setdefault(identity(call), []).append(call)
        is_complete = _size(self._seen) == self._count
        if is_complete and any(len(calls) > len(self._seen.get(key, ())) for key, calls in on_page.items()):
            self._forget()  # one more than the system counts: not all of those seen were there at one time
            is_complete = False
        found = self._again if is_complete else self._seen
        found.update({key: calls for key, calls in on_page.items() if len(calls) >= len(found.get(key, ()))})
        if _size(self._seen) > self._count:
            self._forget()

    def _is_proven(self, page: Page) -> bool:
        """A page with more calls than are counted proves nothing, nor does an empty page behind other calls."""
        is_sound = len(page.calls) <= page.count and (page.count > 0 or self.offset == 0)
        return is_sound and self._count == _size(self._seen) == _size(self._again)

    def _move_on(self, page: Page) -> None:
        is_within = self.offset < page.count
        self.offset += len(page.calls)
        if page.calls and is_within:  # one page after the count shows whether more follows
            return
        self.offset = 0
        self._reads += 1
        known = _size(self._seen) + _size(self._again)
        self._fruitless = self._forgotten if known > self._known else self._fruitless + 1
        self._known = known
        if self._fruitless >= self._most_fruitless:
            raise UnprovenWindowError(
                f"the calls of {self._window} could not be proven: the system counts {self._count}, "
                f"{_size(self._seen)} were told apart, and {self._fruitless} reads in a row brought no more.\n"
                "No row of this minute was taken; run the same command again when the system is quiet"
            )


def _size(calls: _Calls) -> int:
    return sum(map(len, calls.values()))


def _flat(calls: _Calls) -> Iterator[HeldCall]:
    for equals in calls.values():
        yield from equals

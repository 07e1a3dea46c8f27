"""A span with more calls than a page holds, and that cannot be split: read until it is proven, in any order. Pure."""

from collections.abc import Sequence
from itertools import chain

from thulium_frames.errors import UnprovenWindowError
from thulium_frames.records import HeldCall, Page, identity
from thulium_frames.windows import MINUTE, Window


class Crowd:
    """The calls of a crowded span, collected by reading all its pages again and again.

    They are proven once as many different calls were seen as the system counts, and each was seen again afterwards:
    then all of them were there at the moment between. Each read goes one page further than the count, which may be too
    low. A call counts as often as it stood on one page, because equal rows of one page are different calls.

    What was seen first is kept as digests, and only what was seen again as calls: a crowd holds each call once.
    """

    def __init__(self, window: Window, fruitless_reads: int) -> None:
        self.offset = 0
        self._window = window
        self._most_fruitless = fruitless_reads
        self._count = self._known = self._fruitless = self._forgotten = self._reads = 0
        self._seen: dict[bytes, int] = {}
        self._again: dict[bytes, list[HeldCall]] = {}
        self._told_apart = 0
        self.held = 0
        """How many calls were seen again, and are held."""

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
        self._note(page.calls)
        if self._is_proven(page):
            return list(chain.from_iterable(self._again.values()))
        self._move_on(page)
        return None

    def _forget(self) -> None:
        self._forgotten += bool(self._seen)
        self._seen, self._again = {}, {}
        self._told_apart = self.held = self._known = 0

    def _note(self, calls: Sequence[HeldCall]) -> None:
        on_page: dict[bytes, list[HeldCall]] = {}
        for call in calls:
            on_page.setdefault(identity(call), []).append(call)
        is_complete = self._told_apart == self._count
        if is_complete and any(len(equals) > self._seen.get(key, 0) for key, equals in on_page.items()):
            self._forget()  # one more than the system counts: not all of those seen were there at one time
            is_complete = False
        for key, equals in on_page.items():
            if is_complete:
                self._see_again(key, equals)
            else:
                self._see(key, len(equals))
        if self._told_apart > self._count:
            self._forget()

    def _see(self, key: bytes, times: int) -> None:
        before = self._seen.get(key, 0)
        if times > before:
            self._seen[key] = times
            self._told_apart += times - before

    def _see_again(self, key: bytes, equals: list[HeldCall]) -> None:
        before = self._again.get(key, ())
        if len(equals) >= len(before):
            self._again[key] = equals
            self.held += len(equals) - len(before)

    def _is_proven(self, page: Page) -> bool:
        """A page with more calls than are counted proves nothing, nor does an empty page behind other calls."""
        is_sound = len(page.calls) <= page.count and (page.count > 0 or self.offset == 0)
        return is_sound and self._count == self._told_apart == self.held

    def _move_on(self, page: Page) -> None:
        is_within = self.offset < page.count
        self.offset += len(page.calls)
        if page.calls and is_within:  # one page after the count shows whether more follows
            return
        self.offset = 0
        self._reads += 1
        known = self._told_apart + self.held
        self._fruitless = self._forgotten if known > self._known else self._fruitless + 1
        self._known = known
        if self._fruitless >= self._most_fruitless:
            raise UnprovenWindowError(
                f"the calls of {self._window} could not be proven: the system counts {self._count}, "
                f"{self._told_apart} were told apart, and {self._fruitless} reads in a row brought no more.\n"
                f"No row of this {self._span} was taken; run the same command again when the system is quiet"
            )

    @property
    def _span(self) -> str:
        return "minute" if self._window.end - self._window.start <= MINUTE else "day"

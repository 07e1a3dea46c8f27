"""What a page proves about a window that it does not hold whole, by the order of its dates. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from thulium_frames.reading.edges import minutes_of
from thulium_frames.records import HeldCall, Page
from thulium_frames.windows import Window, floor


class Order(Enum):
    """In which order the calls of a page come, by the minute of their dates."""

    OLDEST_FIRST = auto()
    NEWEST_FIRST = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Part:
    """The calls that one page has of `window`. They are complete if the system sorts by date, as the page suggests."""

    window: Window
    calls: Sequence[HeldCall]
    rest: Window | None
    """What remains to be read after it. None where it reaches the end of the window that was wanted."""
    left: int
    """How many calls the system must count from the end of `window` on, if this part is complete."""


def order_of(page: Page) -> Order:
    """In which order the calls of a page come.

    A page has no recognisable order when its calls share one minute, when a call has no date, or when it has more calls
    than the system counts.
    """
    minutes = minutes_of(page.calls)
    if len(set(minutes)) < 2 or not all(minutes) or len(minutes) > page.count:
        return Order.OTHER
    if minutes == sorted(minutes):
        return Order.OLDEST_FIRST
    return Order.NEWEST_FIRST if minutes == sorted(minutes, reverse=True) else Order.OTHER


def part_of(window: Window, until: datetime, page: Page, order: Order, grain: timedelta) -> Part | None:
    """What a sorted page proves of a window that was asked for up to `until`. The page holds the oldest calls.

    These are all its minutes (or days, if that is the grain) but the latest, up to the end of the window; None when
    nothing is left.
    """
    calls = page.calls if order is Order.OLDEST_FIRST else page.calls[::-1]
    minutes = minutes_of(calls)
    end = min(floor(datetime.fromisoformat(minutes[-1]), grain), window.end)
    if not window.start < end < until:
        return None
    proven = bisect_left(minutes, f"{end:%Y-%m-%d %H:%M}")
    rest = Window(end, window.end) if end < window.end else None
    return Part(Window(window.start, end), calls[:proven], rest, page.count - proven)

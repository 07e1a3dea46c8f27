"""What a page tells of a window that it does not hold all of, by the order of its dates. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from thulium_frames.call import Call
from thulium_frames.decode import Page
from thulium_frames.errors import ContractError
from thulium_frames.windows import MINUTE, Window, floor


class Order(Enum):
    """How the calls of a page follow one another, by the minute of their dates."""

    OLDEST_FIRST = auto()
    NEWEST_FIRST = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Part:
    """The calls of `window` as one page has them; complete if the system sorts by date, as the page does."""

    window: Window
    calls: Sequence[Call]
    rest: Window | None
    """What is left to read behind it; None where it reaches the end of what was wanted."""
    left: int
    """So many calls the system counts from the end of `window`, if this part is complete."""


def order_of(page: Page) -> Order:
    """A page whose calls are all of one minute tells no order; nor does one with a call without a date, or too many."""
    minutes = _minutes(page.calls)
    if len(set(minutes)) < 2 or not all(minutes) or len(minutes) > page.count:
        return Order.OTHER
    if minutes == sorted(minutes):
        return Order.OLDEST_FIRST
    return Order.NEWEST_FIRST if minutes == sorted(minutes, reverse=True) else Order.OTHER


def part_of(window: Window, until: datetime, page: Page, order: Order) -> Part | None:
    """What a sorted page proves of a window that was asked for up to `until`: it holds the oldest calls.

    That is all minutes but its latest, as far as the window goes; None when it is nothing. Raises ContractError when
    the page holds calls that were not asked for: then no rest of a window can be asked for.
    """
    calls = page.calls if order is Order.OLDEST_FIRST else page.calls[::-1]
    minutes = _minutes(calls)
    earliest, latest = datetime.fromisoformat(minutes[0]), datetime.fromisoformat(minutes[-1])
    refuse_others(Window(window.start, until), earliest, latest, Window(floor(window.start, MINUTE), until + MINUTE))
    end = min(latest, window.end)
    if not window.start < end < until:
        return None
    told = bisect_left(minutes, f"{end:%Y-%m-%d %H:%M}")
    rest = Window(end, window.end) if end < window.end else None
    return Part(Window(window.start, end), calls[:told], rest, page.count - told)


def calls_before(moment: datetime, calls: Sequence[Call]) -> list[Call]:
    """The calls before a whole minute; those without a date count among them."""
    return [call for call, minute in zip(calls, _minutes(calls), strict=True) if minute < f"{moment:%Y-%m-%d %H:%M}"]


def _minutes(calls: Sequence[Call]) -> list[str]:
    return [(call.date or "")[:16] for call in calls]


def refuse_others(asked: Window, first: datetime, last: datetime, tolerated: Window) -> None:
    """Raise ContractError when calls dated `first` and `last` came, and one of them is outside what is tolerated."""
    for moment in (first, last):
        if not tolerated.start <= moment <= tolerated.end:
            raise ContractError(
                f"asked for calls of {asked}, the system answered one of {moment:%Y-%m-%d %H:%M}: "
                "it does not honour date_from and date_to, so no set of calls can be proven"
            )

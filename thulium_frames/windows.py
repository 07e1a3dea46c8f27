"""Windows of wall-clock time and how they are split. Pure arithmetic: no clock, no zone, no I/O."""

import itertools
from dataclasses import dataclass
from datetime import date, datetime, timedelta

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
_ORIGIN = datetime(1, 1, 1)


@dataclass(frozen=True, order=True)
class Window:
    """The wall-clock times from `start` up to, but not including, `end`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"a window ends after it starts, not {self.start} to {self.end}")

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"


def of_days(first: date, last: date) -> Window:
    """The window of whole days from `first` to `last`, both included."""
    return Window(midnight(first), midnight(last) + DAY)


def each_day(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def floor(moment: datetime, unit: timedelta) -> datetime:
    return moment - (moment - _ORIGIN) % unit


def ceiling(moment: datetime, unit: timedelta) -> datetime:
    return moment + (_ORIGIN - moment) % unit


def split(window: Window, parts: int, finest: timedelta = MINUTE) -> list[Window]:
    """Cut a window into at most `parts` of about equal length: at midnights if it contains any, else at minutes.

    The parts are disjoint, in order, and cover the window. A window that contains no place for a cut is returned whole;
    with DAY as the `finest` unit, only midnights are such places.
    """
    for unit in (DAY, MINUTE) if finest < DAY else (DAY,):
        first_cut = floor(window.start, unit) + unit
        pieces = max(0, -((first_cut - window.end) // unit)) + 1
        if pieces > 1:
            parts = min(parts, pieces)
            cuts = [first_cut + unit * (part * pieces // parts - 1) for part in range(1, parts)]
            edges = [window.start, *cuts, window.end]
            return [Window(start, end) for start, end in itertools.pairwise(edges)]
    return [window]

"""What a user may write as a bound of time, and which wall-clock times two bounds hold. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from thulium_frames.errors import FilterError

#: A bound as users give it: a day, a wall-clock moment, or the API's own text for either.
Bound = date | datetime | str

#: Where an open `date_from` begins, and where an open `date_to` ends: after 2099-12-31. Both bounds are always sent,
#: because a system may search only its newest days when it is not told otherwise.
BEGINNING = datetime(2000, 1, 1)
END = datetime(2100, 1, 1)

_DAY_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}")


@dataclass(frozen=True)
class Bounds:
    """The system's wall-clock times between two bounds, both included: a day to its end, a minute to its end.

    An open `date_from` is 2000-01-01, an open `date_to` is 2099-12-31. Raises FilterError for text of another form, for
    a bound with a time zone, and when `date_from` is after `date_to`.
    """

    date_from: Bound | None = None
    date_to: Bound | None = None

    def __post_init__(self) -> None:
        if self.start < self.end:
            return
        if self.date_to is None:
            raise FilterError(f"date_from {self.date_from} is too late: 2099-12-31 is the last day")
        if self.date_from is None:
            raise FilterError(f"date_to {self.date_to} is before 2000-01-01, where calls without date_from begin")
        raise FilterError(f"date_from {self.date_from} is after date_to {self.date_to}: swap them")

    @property
    def start(self) -> datetime:
        """The first moment included; `BEGINNING` when open."""
        return BEGINNING if self.date_from is None else _moment("date_from", self.date_from)[0]

    @property
    def end(self) -> datetime:
        """The first moment after them; `END` when open."""
        if self.date_to is None:
            return END
        moment, unit = _moment("date_to", self.date_to)
        return moment + unit if moment < END else END

    @property
    def days(self) -> tuple[date | None, date | None]:
        """First and last day, None for an open bound. Raises FilterError when a bound is not a whole day."""
        for name, moment in (("date_from", self.start), ("date_to", self.end)):
            if moment.time() != time.min:
                raise FilterError(f"a lake holds whole days: {name} is a day there, not {getattr(self, name)}")
        first = None if self.date_from is None else self.start.date()
        last = None if self.date_to is None else self.end.date() - timedelta(days=1)
        return first, last


def _moment(name: str, bound: Bound) -> tuple[datetime, timedelta]:
    """The moment a bound names, and the length of the unit it names: a day, a minute, or less."""
    if isinstance(bound, datetime):
        if bound.tzinfo is not None:
            raise FilterError(f"{name} is the system's wall-clock time, so without a time zone, not {bound}")
        if bound.microsecond:
            return bound, timedelta(microseconds=1)
        return bound, timedelta(seconds=1) if bound.second else timedelta(minutes=1)
    if isinstance(bound, date):
        return datetime(bound.year, bound.month, bound.day), timedelta(days=1)
    try:
        if isinstance(bound, str) and _DAY_TEXT.fullmatch(bound):
            return datetime.fromisoformat(bound), timedelta(days=1)
        if isinstance(bound, str) and _MINUTE_TEXT.fullmatch(bound):
            return datetime.fromisoformat(bound), timedelta(minutes=1)
    except ValueError as error:
        raise FilterError(f"{name} {bound!r} is not in the calendar: {error}") from error
    raise FilterError(f"{name} is a date, a datetime, or text like 2024-07-04 or '2024-07-14 12:34', not {bound!r}")

"""The query parameters Thulium documents for `GET connections`: their validation, and their spelling on the wire."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import SupportsIndex

from thulium_frames.errors import FilterError

#: A bound as users give it: a day, a wall-clock moment, or the API's own text for either.
Bound = date | datetime | str

#: Where a query without `date_from` begins and one without `date_to` ends; these two are never sent.
BEGINNING = datetime(1970, 1, 1)
END = datetime(2100, 1, 1)

MAX_LIMIT = 100

_DAY_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}")
_TEXT_FILTERS = ("src", "dst", "connection_id", "user_login")
_NUMBER_FILTERS = ("queue_id", "topic_id", "customer_id")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which calls to ask for, by the API's own parameter names; None asks for all.

    Bounds are the system's wall-clock time and both are included: a day includes that whole day, a minute that minute.
    Raises FilterError for a value that the API could not match.
    """

    date_from: Bound | None = None
    date_to: Bound | None = None
    src: str | None = None
    dst: str | None = None
    connection_id: str | None = None
    user_login: str | None = None
    queue_id: int | None = None
    topic_id: int | None = None
    customer_id: int | None = None
    tags: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name in _TEXT_FILTERS:
            _check_text(name, getattr(self, name))
        for name in _NUMBER_FILTERS:
            object.__setattr__(self, name, _checked_number(name, getattr(self, name)))
        object.__setattr__(self, "tags", _checked_tags(self.tags))
        if self.start >= self.end:
            raise FilterError(f"date_from {self.date_from} is after date_to {self.date_to}: swap them")

    def __str__(self) -> str:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{name}={_plain(value)}" for name, value in given.items() if value not in (None, ()))

    @property
    def start(self) -> datetime:
        """The first wall-clock moment asked for, `BEGINNING` when open."""
        return BEGINNING if self.date_from is None else _moment("date_from", self.date_from)[0]

    @property
    def end(self) -> datetime:
        """The first wall-clock moment no longer asked for, `END` when open."""
        if self.date_to is None:
            return END
        moment, unit = _moment("date_to", self.date_to)
        return moment + unit if moment < END else END

    @property
    def last_minute(self) -> datetime:
        """The last minute asked for, which is what the API documents `date_to` to be."""
        return END if self.end == END else self.end - timedelta(minutes=1)

    @property
    def days(self) -> tuple[date | None, date | None]:
        """First and last day asked for, None where it is open. Raises FilterError when a bound is not a whole day."""
        for name, moment in (("date_from", self.start), ("date_to", self.end)):
            if moment.time() != time.min:
                raise FilterError(f"a lake holds whole days: {name} is a day there, not {getattr(self, name)}")
        first = None if self.date_from is None else self.start.date()
        last = None if self.date_to is None else self.end.date() - timedelta(days=1)
        return first, last

    def without_dates(self) -> dict[str, str | int | list[str]]:
        """Every filter but the dates, for a record of what a lake holds."""
        given: dict[str, str | int | list[str]] = {}
        for name in (*_TEXT_FILTERS, *_NUMBER_FILTERS):
            if (value := getattr(self, name)) is not None:
                given[name] = value
        if self.tags:
            given["tags"] = sorted(self.tags)
        return given

    def query(self, start: datetime, end: datetime, *, offset: int, limit: int) -> list[tuple[str, str]]:
        """The parameters of one request for rows `offset` to `offset + limit` of the calls from `start` to `end`.

        Whether the API's `date_to` is inclusive is not documented, so `end` itself is asked for too: the answer may
        hold more than the window, never less.
        """
        dates = [] if start == BEGINNING else [("date_from", _minute(start))]
        if end != END:
            is_whole = end == end.replace(second=0, microsecond=0)
            dates.append(("date_to", _minute(end if is_whole else end + timedelta(minutes=1))))
        values = [(name, str(value)) for name, value in self.without_dates().items() if name != "tags"]
        return [
            ("limit", str(limit)),
            ("offset", str(offset)),
            *dates,
            *values,
            *(("tags[]", tag) for tag in self.tags or ()),
            ("include_tags", "true"),
            ("include_topics", "true"),
        ]


def _minute(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")


def _check_text(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip() or not value.isprintable()):
        raise FilterError(f"{name} is printable text that is not empty, not {value!r}")


def _checked_number(name: str, value: SupportsIndex | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < 0:
        raise FilterError(f"{name} is a whole number from 0, not {value!r}")
    return operator.index(value)


def _checked_tags(tags: Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(tags, str):
        raise FilterError(f"tags is a list: write [{tags!r}]")
    for tag in tags or ():
        if tag is None:
            raise FilterError("tags holds None, which is no text")
        _check_text("each of the tags", tag)
    return tuple(tags or ())


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


def _plain(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)

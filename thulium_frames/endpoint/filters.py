"""The query parameters that Thulium documents for `GET connections`: their checks, and their form on the wire."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import SupportsIndex

from thulium_frames.bounds import END, Bound, Bounds
from thulium_frames.errors import FilterError

#: The columns that the API filters by, besides the dates and the tags: by text, and by a whole number.
TEXT_FILTERS = ("src", "dst", "connection_id", "user_login")
NUMBER_FILTERS = ("queue_id", "topic_id", "customer_id")
LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which calls to ask for, by the API's own parameter names. None does not filter.

    Bounds are the system's wall-clock time. Both are included: a day to its end, a minute to its end.
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
        for name in TEXT_FILTERS:
            _check_text(name, getattr(self, name))
        for name in NUMBER_FILTERS:
            object.__setattr__(self, name, _checked_number(name, getattr(self, name)))
        object.__setattr__(self, "tags", _checked_tags(self.tags))
        _ = self.bounds

    def __str__(self) -> str:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{name}={_plain(value)}" for name, value in given.items() if value not in (None, ()))

    @property
    def bounds(self) -> Bounds:
        """The wall-clock times asked for."""
        return Bounds(self.date_from, self.date_to)

    @property
    def last_minute(self) -> datetime:
        """The last minute asked for. The API documents `date_to` as such a minute."""
        return self.bounds.end - timedelta(minutes=1)

    @property
    def can_match(self) -> bool:
        """Whether a call may have these values: its numbers are of 64 bits. A system refuses larger ones."""
        numbers = (getattr(self, name) for name in NUMBER_FILTERS)
        return all(number is None or number <= LARGEST_NUMBER for number in numbers)

    def without_dates(self) -> dict[str, str | int | list[str]]:
        """All filters but the dates, as a lake is marked with them."""
        given: dict[str, str | int | list[str]] = {}
        for name in (*TEXT_FILTERS, *NUMBER_FILTERS):
            if (value := getattr(self, name)) is not None:
                given[name] = value
        if self.tags:
            given["tags"] = sorted(self.tags)
        return given

    def query(self, start: datetime, end: datetime, *, offset: int, limit: int) -> list[tuple[str, str]]:
        """The parameters of one request for rows `offset` to `offset + limit` of the calls from `start` to `end`.

        The API does not document whether it includes `date_to`, so `end` itself is asked for. The answer may hold more
        than the window, never less.
        """
        is_whole = end == end.replace(second=0, microsecond=0)
        last = end if is_whole else end + timedelta(minutes=1)
        last = min(last, END - timedelta(minutes=1))
        values = [(name, str(value)) for name, value in self.without_dates().items() if name != "tags"]
        return [
            ("limit", str(limit)),
            ("offset", str(offset)),
            ("date_from", _minute(start)),
            ("date_to", _minute(last)),
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


def _plain(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)

"""The documented parameters of `GET connections`, as a server reads them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from thulium_frames.simulator.faults import DateTo

#: The bounds of a query without dates. They have no time zone, like the API's wall clock.
EARLIEST: Final = datetime(1, 1, 1)
LATEST: Final = datetime(9999, 12, 31, 23, 59, 59)

TEXT_FIELDS: Final = ("src", "dst", "connection_id", "user_login")
ID_FIELDS: Final = ("queue_id", "topic_id", "customer_id")

_DEFAULT_LIMIT: Final = 100
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_LARGEST: Final = 2**63 - 1
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2})?")
_DAY_CHARACTERS: Final = 10
_DAY, _MINUTE, _SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


class BadQueryError(Exception):
    """A request that cannot be answered; `problems` has one sentence for each bad parameter."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(*problems)
        self.problems = tuple(problems)


class Parameters(Protocol):
    """The query string of a request: `get` returns the last value of a name, `getlist` all its values."""

    def get(self, key: str) -> str | None: ...

    def getlist(self, key: str) -> list[str]: ...


@dataclass(frozen=True)
class Criteria:
    """The records to find: wall clock from `since` on and before `until`, with fields equal to the given values."""

    since: datetime = EARLIEST
    until: datetime = LATEST
    text: tuple[tuple[str, str], ...] = ()
    ids: tuple[tuple[str, int], ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def looks_at_rows(self) -> bool:
        """Whether the criteria include anything besides the date."""
        return bool(self.text or self.ids or self.tags)

    def matches(self, row: Mapping[str, object]) -> bool:
        """Whether the fields of the record match. The date is not checked."""
        wanted = (*self.text, *self.ids)
        return all(row.get(name) == value for name, value in wanted) and has_all_tags(row.get("tags"), self.tags)


@dataclass(frozen=True)
class Query:
    """A request: which records, which part of them, and which optional fields."""

    criteria: Criteria
    limit: int
    offset: int
    include_tags: bool
    include_topics: bool


def has_all_tags(attached: object, wanted: Sequence[str]) -> bool:
    """Whether every wanted tag is attached to the call."""
    if not wanted:
        return True
    return isinstance(attached, list) and set(wanted) <= set(attached)


@dataclass(frozen=True)
class DateRules:
    """How a system reads `date_from` and `date_to`."""

    date_to_means: DateTo = "unit"
    date_from_by_day: bool = False
    """Only the day of `date_from` counts."""
    date_to_by_day: bool = False
    """Only the day of `date_to` counts."""
    since: datetime = EARLIEST
    """Where a request without `date_from` begins."""


def read_query(parameters: Parameters, *, max_limit: int, dates: DateRules = DateRules()) -> Query:  # immutable
    """The request that these parameters describe. Unknown parameters are ignored.

    Raises:
        BadQueryError: one or more parameters are invalid.
    """
    reader = _Reader(parameters)
    query = Query(
        criteria=reader.criteria(dates),
        limit=reader.limit(max_limit),
        offset=reader.offset(),
        include_tags=reader.flag("include_tags"),
        include_topics=reader.flag("include_topics"),
    )
    if reader.problems:
        raise BadQueryError(reader.problems)
    return query


class _Reader:
    """Reads all parameters and collects their problems, so that one answer names them all."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self.problems: list[str] = []

    def criteria(self, dates: DateRules) -> Criteria:
        given = self._parameters.get
        ids = ((name, self._integer(name)) for name in ID_FIELDS)
        return Criteria(
            since=self._moment("date_from", dates.since, by_day=dates.date_from_by_day, past_the_end=False),
            until=self._end(dates),
            text=tuple((name, text) for name in TEXT_FIELDS if (text := given(name)) is not None),
            ids=tuple((name, number) for name, number in ids if number is not None),
            tags=tuple(self._parameters.getlist("tags[]")),
        )

    def limit(self, max_limit: int) -> int:
        limit = self._integer("limit")
        if limit is None:
            return min(_DEFAULT_LIMIT, max_limit)
        if not 1 <= limit <= max_limit:
            self.problems.append(f"limit must be from 1 to {max_limit}, not {limit}")
        return limit

    def offset(self) -> int:
        offset = self._integer("offset") or 0
        if offset < 0:
            self.problems.append(f"offset must not be negative, but is {offset}")
        return offset

    def flag(self, name: str) -> bool:
        return self._parameters.get(name) in ("true", "1")

    def _end(self, dates: DateRules) -> datetime:
        is_unit = dates.date_to_means == "unit"
        end = self._moment("date_to", LATEST, by_day=dates.date_to_by_day, past_the_end=is_unit)
        return min(end, LATEST - _SECOND) + _SECOND if dates.date_to_means == "second" else end

    def _integer(self, name: str) -> int | None:
        text = self._parameters.get(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text) or abs(int(text)) > _LARGEST:
            self.problems.append(f"{name} must be a number, not {text[:40]!r}")
            return None
        return int(text)

    def _moment(self, name: str, absent: datetime, *, by_day: bool, past_the_end: bool) -> datetime:
        text = self._parameters.get(name)
        if text is None:
            return absent
        try:
            read_moment(text, past_the_end=False)
            return read_moment(text[:_DAY_CHARACTERS] if by_day else text, past_the_end=past_the_end)
        except ValueError:
            self.problems.append(f"{name} must be a date such as 2014-07-14 or 2014-07-14 12:34, not {text[:40]!r}")
            return absent


def read_moment(text: str, *, past_the_end: bool) -> datetime:
    """The beginning of the day or minute that the text names, or the first moment after its end.

    Raises:
        ValueError: the text is not a date, or that date does not exist.
    """
    parts = _DATE.fullmatch(text)
    if parts is None:
        raise ValueError(text)
    is_minute = parts[1] is not None
    moment = datetime.strptime(text, "%Y-%m-%d %H:%M" if is_minute else "%Y-%m-%d")
    if not past_the_end:
        return moment
    return moment + min(_MINUTE if is_minute else _DAY, LATEST - moment)

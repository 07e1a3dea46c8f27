"""Dates in the forms that the field's tools write: to the system's wall clock and, with an offset, to an instant."""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r" ([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_WRITTEN = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[ T]"
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(\.(?P<fraction>[0-9]+))?)?"
    r"( ?(?P<zone>Z|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3])(:?(?P<minutes>[0-5][0-9]))?))?"
)
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
#: How many digits of a fraction are kept.
_DIGITS = 6


class Moment(NamedTuple):
    """What a date says."""

    wall_clock: str
    """In the system's time zone, `YYYY-MM-DD HH:MM[:SS[.ffffff]]`."""
    instant: int | None
    """Microseconds since 1970 in UTC. None where no offset was written."""
    is_whole: bool
    """False where digits of the fraction were cut off."""


def are_canonical(texts: Collection[str]) -> bool:
    """Whether each text is a moment in the API's own form: `YYYY-MM-DD HH:MM[:SS]`.

    The first and the last day of the calendar are left out, as their instants may be outside of it.
    """
    # no longer piece of a text is kept: a time with a tenth letter is refused
    days, times = {text[:10] for text in texts}, {text[10:20] for text in texts}
    return all(map(_is_day, days)) and all(map(_is_time, times))


@lru_cache(maxsize=10_000)
def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and date.min < date.fromisoformat(text) < date.max)
    except ValueError:
        return False


@lru_cache(maxsize=100_000)
def _is_time(text: str) -> bool:
    return bool(_TIME.fullmatch(text))


def read_moment(text: str, zone: tzinfo) -> Moment | None:
    """Read a date in any of these forms. None when the calendar lacks it, or it leaves the years 1 to 9999."""
    if not (written := _WRITTEN.fullmatch(text)):
        return None
    fraction = written["fraction"] or ""
    precision = "auto" if written["second"] else "minutes"
    try:
        moment = _as_written(written, fraction)
        instant = moment - _offset(written) if written["zone"] else None
        shown = moment if instant is None else instant.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return Moment(
        shown.isoformat(" ", "auto" if shown.second else precision),
        None if instant is None else (instant - _EPOCH) // _MICROSECOND,
        not fraction[_DIGITS:].strip("0"),
    )


def _as_written(written: re.Match[str], fraction: str) -> datetime:
    year, month, day, hour, minute = map(int, written.group("year", "month", "day", "hour", "minute"))
    second, microsecond = int(written["second"] or 0), int(fraction[:_DIGITS].ljust(_DIGITS, "0"))
    return datetime(year, month, day, hour, minute, second, microsecond)


def _offset(written: re.Match[str]) -> timedelta:
    offset = timedelta(hours=int(written["hours"] or 0), minutes=int(written["minutes"] or 0))
    return -offset if written["sign"] == "-" else offset

"""The system's wall clock as instants: how far it is ahead of UTC, for each call. Pure."""

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

_ID_EPOCH = re.compile(r"(?:^|-)([0-9]{9,11})\.[0-9]+\Z")
_EPOCH = datetime(1970, 1, 1)
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)
_DAY_CHARACTERS = len("2024-07-01")
#: On these days an instant may leave the years 1 to 9999, and Python knows no such moment.
_ENDS_OF_CALENDAR = ("0001-01-01", "9999-12-31")


def instants(
    dates: pa.Array, texts: Sequence[str | None], ids: Callable[[], Sequence[str | None]], zone: ZoneInfo
) -> pa.Array:
    """`dates` of the wall clock of this zone as timestamp[us, UTC].

    `texts` are the same dates as text. `ids` gives the `connection_id`s, which tell the readings of a repeated hour
    apart. Null where there is no date, or where Python knows no such moment.
    """
    days = [text[:_DAY_CHARACTERS] if text else None for text in texts]
    ahead = {day: _ahead_all_day(day, zone) if day else 0 for day in set(days)}
    offsets: Iterable[int | None] = map(ahead.__getitem__, days)
    if None in ahead.values():
        offsets = [_ahead(text, call, zone) if text else 0 for text, call in zip(texts, ids(), strict=True)]
    return pc.subtract(dates.view(pa.int64()), _numbers(list(offsets))).view(pa.timestamp("us", "UTC"))


def _numbers(values: Sequence[int | None]) -> pa.Array:
    if None in values:
        return pa.array(values, pa.int64())
    data = pa.py_buffer(array("q", values))  # type: ignore[type-var]  # pa.array is slow: it imports pandas
    return pa.Array.from_buffers(pa.int64(), len(values), [None, data])


def id_epoch(connection_id: str | None) -> int | None:
    """The time that a `connection_id` begins with, in seconds since 1970: the clock of the exchange."""
    found = _ID_EPOCH.search(connection_id or "")
    return int(found[1]) if found else None


@lru_cache(maxsize=10_000)
def _ahead_all_day(day: str, zone: ZoneInfo) -> int | None:
    """By how many microseconds the wall clock is ahead of UTC on this day. None when that changes during it."""
    if day in _ENDS_OF_CALENDAR:
        return None
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    moments = [start + hour * _HOUR for hour in range(25)]
    found = {moment.replace(fold=fold).utcoffset() or timedelta() for moment in moments for fold in (0, 1)}
    return found.pop() // _MICROSECOND if len(found) == 1 else None


def _ahead(text: str, connection_id: str | None, zone: ZoneInfo) -> int | None:
    """By how many microseconds the wall clock is ahead at this moment. None where Python does not know the instant.

    In the repeated hour the id decides. In the missing hour the offset before it holds.
    """
    wall_clock = datetime.fromisoformat(text)
    first, second = (wall_clock.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    try:
        earlier, later = wall_clock - first, wall_clock - second
    except OverflowError:
        return None
    if earlier < later and (epoch := id_epoch(connection_id)) is not None:
        told = _EPOCH + timedelta(seconds=epoch)
        if earlier + _MINUTE < told <= later + _MINUTE:
            return second // _MICROSECOND
    return first // _MICROSECOND

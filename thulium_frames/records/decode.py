"""The bytes of a page to calls. Pure.

The page is only skimmed, for its count and its dates: each record is kept as it was sent. A record whose date is not in
the API's own form is read at once, value by value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw, Struct

from thulium_frames.errors import ForeignAnswerError
from thulium_frames.records.call import HeldCall, calls_of
from thulium_frames.records.dates import are_canonical
from thulium_frames.records.oddities import Key, decoded, to_key, under_numbers
from thulium_frames.records.refusal import UNDECODABLE, refusal
from thulium_frames.records.rescue import rescued_record, whole


@dataclass(frozen=True)
class Page:
    """One answer. `count` is how many calls the query has in all; `calls` are those of this page."""

    count: int
    calls: Sequence[HeldCall]


_MOST_CALLS = 10**18 - 1


class _Page(Struct):
    count: Raw
    result: list[Raw] | dict[Key, Raw] | None = None
    errors: Any = None


class _Dated(Struct):
    date: str


_page = msgspec.json.Decoder(_Page, dec_hook=to_key)
_dated = msgspec.json.Decoder(_Dated)
_values = msgspec.json.Decoder(dict[str, Raw])
_text = msgspec.json.Decoder(str)
_COUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def read_page(body: bytes, time_zone: str) -> Page:
    """Decode the body of one answer of a system in this time zone.

    No page is refused because of a field. Raises UnreadableAnswerError when the body is not JSON, and
    ForeignAnswerError when it is JSON of another shape. Their messages show nothing of the records.
    """
    try:
        body.decode()  # msgspec checks the syntax of what it skips, but not the encoding
        page = decoded(body, _page)
        rows = _rows(page)
        calls = _calls(rows or (), ZoneInfo(time_zone))
        count = _count(bytes(page.count).decode(), is_empty=rows == [])
    except UNDECODABLE:
        raise refusal(body) from None
    if rows is None and (count or page.errors):
        raise refusal(body)
    return Page(count, calls)


def _calls(rows: Sequence[Raw], zone: ZoneInfo) -> list[HeldCall]:
    try:
        dates = [_dated.decode(row).date for row in rows]
        if are_canonical(dates):
            return [HeldCall(date, bytes(row), as_sent=True) for date, row in zip(dates, rows, strict=True)]
    except msgspec.ValidationError:
        pass
    if len(rows) > 1:
        return [call for row in rows for call in _calls([row], zone)]
    return calls_of([rescued_record(_values.decode(row), zone) for row in rows])


def _rows(page: _Page) -> list[Raw] | None:
    """The records of a page; None when it has no list of them. Raises msgspec.ValidationError for another object."""
    if not isinstance(page.result, dict):
        return page.result
    if (rows := under_numbers(page.result)) is None:
        raise msgspec.ValidationError("the result is an object, and its keys are not numbers")
    return rows


def _count(token: str, *, is_empty: bool) -> int:
    if token in ('""', "null") and is_empty:
        return 0
    text = _text.decode(token) if token[0] == '"' else token
    number = whole(text) if _COUNT.fullmatch(text) else None
    if number is None or not 0 <= number <= _MOST_CALLS:
        raise ForeignAnswerError("the answer's count is not a number of calls")
    return number

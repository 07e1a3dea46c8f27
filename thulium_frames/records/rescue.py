"""The tolerant path: it reads a record that is not as documented, value by value.

Each kind of column has one reader. It returns the value, and whether the value says all that was sent. If it does not,
what was sent goes to `rescued_data` unchanged.
"""

import re
from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw

from thulium_frames.records.call import INT64_MAX, INT64_MIN, Rating, Record, RescuedRecord
from thulium_frames.records.dates import read_moment
from thulium_frames.records.oddities import Key, to_key, under_numbers
from thulium_frames.schema import COLUMNS

_text = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_array_or_object = msgspec.json.Decoder(list[Raw] | dict[Key, Raw], dec_hook=to_key)

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMBER_STARTS = "-0123456789"
_EMPTY = ('""', "null")


def rescued_record(row: dict[str, Raw], zone: tzinfo) -> RescuedRecord:
    """Read one record from its raw values. `zone` is that of the system's wall clock."""
    record = RescuedRecord()
    rescued: dict[str, Raw] = {}
    for name, raw in row.items():
        text = bytes(raw).decode()
        reader = _READERS.get(name)
        if name == "date":
            record.date, record.date_utc, fits = _read_date(text, zone)
        elif reader is None:
            fits = text in _EMPTY
        else:
            value, fits = reader(text)
            setattr(record, name, value)
        if not fits:
            rescued[name] = raw
    if rescued:
        record.rescued_data = msgspec.json.encode(rescued).decode()
    return record


def _read_text(text: str) -> tuple[str | None, bool]:
    if text[0] == '"':
        return _text.decode(text), True
    if text == "null":
        return None, True
    return (text, True) if text[0] in _NUMBER_STARTS else (None, False)


def _read_number(text: str) -> tuple[int | None, bool]:
    if text in _EMPTY:
        return None, True
    number = _written(_text.decode(text)) if text[0] == '"' else whole(text) if text[0] in _NUMBER_STARTS else None
    fits = number is not None and INT64_MIN <= number <= INT64_MAX
    return (number if fits else None), fits


def _written(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def whole(text: str) -> int | None:
    """The value of a JSON number; None when it is not whole, or far beyond 64 bits."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    if not number:
        return 0
    return int(number) if number.adjusted() < 20 and number == number.to_integral_value() else None


def _read_date(text: str, zone: tzinfo) -> tuple[str | None, int | None, bool]:
    if text in _EMPTY:
        return None, None, True
    moment = read_moment(_text.decode(text), zone) if text[0] == '"' else None
    return (None, None, False) if moment is None else moment


def _read_rating(text: str) -> tuple[Rating | None, bool]:
    if text in _EMPTY:
        return None, True
    if text[0] != "{":
        return None, text[0] == "[" and not _array.decode(text)
    parts = {name: bytes(raw).decode() for name, raw in _object.decode(text).items()}
    kind, kind_fits = _read_text(parts.pop("type", "null"))
    rate, rate_fits = _read_text(parts.pop("rate", "null"))
    return Rating(kind, rate), kind_fits and rate_fits and all(value in _EMPTY for value in parts.values())


def _read_tags(text: str) -> tuple[list[str | None] | None, bool]:
    if text in _EMPTY:
        return None, True
    if text[0] not in "[{":
        return None, False
    items = _array_or_object.decode(text)
    listed = under_numbers(items) if isinstance(items, dict) else items
    tags = [_read_text(bytes(raw).decode()) for raw in listed or ()]
    if listed is None or not all(fits for _, fits in tags):
        return None, False
    return [tag or None for tag, _ in tags], True


_READERS: dict[str, Callable[[str], tuple[Any, bool]]] = {
    **{name: _read_text for name in Record.__struct_fields__ if COLUMNS[name][0] == "text"},
    **{name: _read_number for name in Record.__struct_fields__ if COLUMNS[name][0] == "number"},
    "rating": _read_rating,
    "tags": _read_tags,
}

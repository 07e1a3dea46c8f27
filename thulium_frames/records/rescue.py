"""The tolerant path: it reads a record that is not as documented, value by value.

Each kind of column has one reader. It returns the value, and whether the value says all that was sent. If it does not,
what was sent goes to `rescued_data` unchanged.
"""

import re
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Raw

from thulium_frames.records.call import INT64_MAX, INT64_MIN, Rating, Record, RescuedRecord
from thulium_frames.schema import SCHEMA

_text = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r" ([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_NUMBER_STARTS = "-0123456789"
_EMPTY = ('""', "null")


def rescued_record(row: dict[str, Raw]) -> RescuedRecord:
    """Read one record from its raw values."""
    record = RescuedRecord()
    rescued: dict[str, Raw] = {}
    for name, raw in row.items():
        text = bytes(raw).decode()
        reader = _READERS.get(name)
        if reader is None:
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
    number = _written(_text.decode(text)) if text[0] == '"' else _whole(text) if text[0] in _NUMBER_STARTS else None
    fits = number is not None and INT64_MIN <= number <= INT64_MAX
    return (number if fits else None), fits


def _written(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _whole(text: str) -> int | None:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    if not number:
        return 0
    return int(number) if number.adjusted() < 20 and number == number.to_integral_value() else None


def _read_date(text: str) -> tuple[str | None, bool]:
    if text in _EMPTY:
        return None, True
    value = _text.decode(text) if text[0] == '"' else ""
    fits = are_dates([value])
    return (value if fits else None), fits


def are_dates(texts: Collection[str]) -> bool:
    """Whether each text is a moment of the calendar in the API's form, with or without seconds."""
    days, times = {text[:10] for text in texts}, {text[10:] for text in texts}
    return all(map(_is_day, days)) and all(map(_is_time, times))


@lru_cache(maxsize=10_000)
def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


@lru_cache(maxsize=100_000)
def _is_time(text: str) -> bool:
    return bool(_TIME.fullmatch(text))


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
    if text[0] != "[":
        return None, False
    tags = [_read_text(bytes(raw).decode()) for raw in _array.decode(text)]
    if not all(fits for _, fits in tags):
        return None, False
    return [tag or None for tag, _ in tags], True


_READERS: dict[str, Callable[[str], tuple[Any, bool]]] = {
    **{name: _read_text for name in Record.__struct_fields__ if SCHEMA.field(name).type == pa.string()},
    **{name: _read_number for name in Record.__struct_fields__ if SCHEMA.field(name).type == pa.int64()},
    "date": _read_date,
    "rating": _read_rating,
    "tags": _read_tags,
}

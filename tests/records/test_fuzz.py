"""On damaged copies of real pages, the decoder raises its own errors or loses nothing.

For more pages: `THULIUM_FRAMES_PAGES=100000 pytest tests/records/test_fuzz.py`.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from random import Random
from typing import Any

import msgspec
import pytest

from tests.doses import dose
from thulium_frames import SCHEMA
from thulium_frames.errors import ForeignAnswerError, UnreadableAnswerError
from thulium_frames.records import read_page, to_batch
from thulium_frames.simulator import Centre

PAGES = dose("PAGES", 2_000, 10_000)
ROWS = [call.row for call in Centre(seed=9, calls_per_day=300).calls(date(2024, 7, 1))]
TOKENS = (
    b'"" null true 7 -0 7.0 1e3 1e999 99999999999999999999 "7" "abc" [] {} [1] {"type":5} "\\ud800" "\\u0000" NaN \xff'
).split()

Mutation = Callable[[Random, bytearray], None]


def flip_a_bit(random: Random, body: bytearray) -> None:
    body[random.randrange(len(body))] ^= 1 << random.randrange(8)


def cut(random: Random, body: bytearray) -> None:
    del body[random.randrange(len(body)) :]


def drop_a_piece(random: Random, body: bytearray) -> None:
    at = random.randrange(len(body))
    del body[at : at + random.randrange(1, 40)]


def repeat_a_piece(random: Random, body: bytearray) -> None:
    at = random.randrange(len(body))
    body[at:at] = body[at : at + random.randrange(1, 400)]


def change_a_value(random: Random, body: bytearray) -> None:
    colons = [at for at, byte in enumerate(body) if byte == ord(":") and body[at - 1] == ord('"')]
    at = random.choice(colons) + 1
    ends = [end for mark in b",}" if (end := body.find(mark, at)) > 0]
    body[at : min(ends, default=len(body))] = random.choice(TOKENS)


def rename_a_field(random: Random, body: bytearray) -> None:
    quotes = [at for at, byte in enumerate(body[:-1]) if byte == ord('"')]
    body[random.choice(quotes) + 1] = random.choice(b"abcdefghij_")


MUTATIONS: list[Mutation] = [flip_a_bit, cut, drop_a_piece, repeat_a_piece, change_a_value, rename_a_field]


@cache
def mutated_pages() -> Sequence[bytes]:
    random, pages = Random(1), []
    for _ in range(PAGES):
        rows = random.sample(ROWS, random.randrange(1, 6))
        body = bytearray(msgspec.json.encode({"count": len(rows), "result": rows}))
        for _ in range(random.randrange(1, 4)):
            # another mutation may have emptied the body
            if body:
                weights = (2, 1, 2, 2, 8, 4)
                random.choices(MUTATIONS, weights)[0](random, body) if b'":' in body else None
        pages.append(bytes(body))
    return pages


def what_is_lost(record: dict[str, Any], row: dict[str, Any]) -> list[str]:
    rescued = json.loads(row["rescued_data"] or "{}")
    return [
        name
        for name, value in record.items()
        if value not in ("", None)
        and not (name in rescued and repr(rescued[name]) == repr(value))
        and not (name in SCHEMA.names and tells(row[name], value))
    ]


def tells(told: Any, sent: Any) -> bool:
    """Whether a column holds the sent value, in the column's own type."""
    if isinstance(sent, dict):
        parts = {name: part for name, part in sent.items() if part not in ("", None)}
        return set(parts) <= {"type", "rate"} and all(
            tells((told or {}).get(name), part) for name, part in parts.items()
        )
    if isinstance(sent, list):
        return not sent or (told is not None and len(told) == len(sent) and all(map(tells, told, sent)))
    if isinstance(sent, str):
        return (str(told) == sent) or str(told).startswith(sent) or (told is None and sent == "")
    return not isinstance(sent, bool) and told is not None and (str(told) == str(sent) or float(told) == float(sent))


def as_written(value: Any) -> Any:
    """The same value, with each lone surrogate as the six letters of its escape."""
    if isinstance(value, list):
        return [as_written(part) for part in value]
    if isinstance(value, dict):
        return {as_written(name): as_written(part) for name, part in value.items()}
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


@pytest.mark.dosed
@pytest.mark.parametrize("part", range(4))
def test_damaged_pages_end_in_our_errors_or_lose_nothing(part: int) -> None:
    decoded = refused = 0
    for body in mutated_pages()[part::4]:
        try:
            page = read_page(body, "Europe/Warsaw")
        except (UnreadableAnswerError, ForeignAnswerError):
            refused += 1
            continue
        records = as_written(json.loads(body.decode(errors="replace"), strict=False)["result"])
        rows = [to_batch([call], "Europe/Warsaw").to_pylist()[0] for call in page.calls]
        assert len(rows) == len(records)
        lost = [names for record, row in zip(records, rows, strict=True) if (names := what_is_lost(record, row))]
        assert lost == [], body
        decoded += 1
    assert decoded > PAGES / 16
    assert refused > PAGES / 16

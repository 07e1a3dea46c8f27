"""The calls that all peers read. Every record is encoded once, so a page is a slice of bytes."""

import mmap
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from thulium_frames.simulator import Centre

FIRST_DAY: Final = date(2021, 1, 1)
_RECORDS, _ENDS, _MINUTES = "records.json", "ends.u64", "minutes.json"
#: One record in this many is dirty.
_DIRTY_EVERY: Final = 50
_NUMBERS: Final = ("duration", "billsec")
UNKNOWN: Final = ("sentiment", "neutral")

_Row = dict[str, object]


def build(folder: Path, rows: int, *, dirty: bool = False, calls_per_day: int = 800) -> None:
    """Write the first `rows` calls of an invented centre into the folder."""
    ends, minutes = array("Q"), dict[str, int]()
    with (folder / _RECORDS).open("wb") as records:
        for number, row in zip(range(rows), _rows(Centre(calls_per_day=calls_per_day)), strict=False):
            minutes.setdefault(str(row["date"]), number)
            records.write(msgspec.json.encode(_soiled(number, row) if dirty else row) + b",")
            ends.append(records.tell())
    (folder / _ENDS).write_bytes(ends.tobytes())
    (folder / _MINUTES).write_bytes(msgspec.json.encode(minutes))


def _rows(centre: Centre) -> Iterator[_Row]:
    """A missing rating is null here, because readers with a fixed type for the field would refuse `""`."""
    for number in count():
        day = FIRST_DAY + timedelta(days=number)
        for call in sorted(centre.calls(day), key=lambda call: str(call.row["date"])):
            yield call.row | {"rating": call.row["rating"] or None}


def _soiled(number: int, row: _Row) -> _Row:
    """Makes some records dirty: an empty number, a number as text, or an undocumented field."""
    if number % _DIRTY_EVERY:
        return row
    name, value = [
        (_NUMBERS[0], ""),
        (_NUMBERS[1], str(row[_NUMBERS[1]])),
        UNKNOWN,
    ][number // _DIRTY_EVERY % 3]
    return row | {name: value}


@dataclass(frozen=True)
class Archive:
    """The first `rows` records of a folder, oldest first, each followed by a comma."""

    records: mmap.mmap
    ends: memoryview
    minutes: list[str]
    firsts: list[int]
    rows: int

    @property
    def bytes_per_row(self) -> float:
        return self._begin(self.rows) / self.rows

    @property
    def last_day(self) -> date:
        return date.fromisoformat(self.minutes[bisect_left(self.firsts, self.rows) - 1][:10])

    def find(self, date_from: str, date_to: str) -> tuple[int, int]:
        """The numbers of the first record in the period and of the one after its last. Bounds are whole minutes."""
        last_minute = date_to if len(date_to) != len("2021-01-01") else f"{date_to} 23:59"
        first = self._first_of(bisect_left(self.minutes, date_from)) if date_from else 0
        end = self._first_of(bisect_right(self.minutes, last_minute)) if date_to else self.rows
        return first, max(first, end)

    def slice(self, start: int, end: int) -> bytes:
        """The JSON of consecutive records, with commas between them."""
        return self.records[self._begin(start) : max(self._begin(end) - 1, 0)] if start < end else b""

    def moments(self, start: int, end: int) -> Iterator[range]:
        """For each minute with records in the range: the numbers of all records of that minute."""
        index = bisect_right(self.firsts, start) - 1
        while (first := self._first_of(index)) < end:
            index += 1
            yield range(first, self._first_of(index))

    def _first_of(self, index: int) -> int:
        return min(self.firsts[index], self.rows) if index < len(self.firsts) else self.rows

    def _begin(self, number: int) -> int:
        begin: int = self.ends[number - 1] if number else 0
        return begin


def load(folder: Path, rows: int) -> Archive:
    """Open what `build` wrote."""
    with (folder / _RECORDS).open("rb") as file:
        records = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    minutes = msgspec.json.decode((folder / _MINUTES).read_bytes(), type=dict[str, int])
    ends = memoryview((folder / _ENDS).read_bytes()).cast("Q")
    return Archive(records, ends, list(minutes), list(minutes.values()), min(rows, len(ends)))

"""Where the simulator's records come from: a generated centre, or a lake on disk."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import pyarrow.parquet as pq

from thulium_frames.schema import SCHEMA
from thulium_frames.simulator.centre import Centre

_ENCODER: Final = msgspec.json.Encoder()
_RAW_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DAY_FILE: Final = "connections.parquet"
_PARTITION: Final = "call_date="
_NOT_SERVED: Final = ("date", "date_utc", "rescued_data")
_SERVED_AS_NULL: Final = "tags"


class Record:
    """One row as the API holds it: the wall clock of its `date`, its fields, and its JSON."""

    __slots__ = ("_json", "row", "wall")

    def __init__(self, wall: datetime, row: Mapping[str, object]) -> None:
        self.wall = wall
        self.row = row
        self._json: dict[tuple[bool, bool, bool], bytes] = {}

    def json(self, *, tags: bool, topics: bool, numbers_as_text: bool = False) -> bytes:
        """The record's JSON, with or without `tags` and `topic_id`. Each form is encoded only once."""
        encoded = self._json.get((tags, topics, numbers_as_text))
        if encoded is None:
            hidden = {name for name, shown in (("tags", tags), ("topic_id", topics)) if not shown}
            shown = {name: value for name, value in self.row.items() if name not in hidden}
            encoded = _ENCODER.encode(_without_numbers(shown) if numbers_as_text else shown)
            self._json[tags, topics, numbers_as_text] = encoded
        return encoded


def _without_numbers(value: object) -> object:
    """The same value with its numbers as text, at any depth."""
    if isinstance(value, Mapping):
        return {name: _without_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_numbers(part) for part in value]
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class CallSource(Protocol):
    """What the simulated server needs to know about calls."""

    def days(self) -> Sequence[date]:
        """All days it holds, in order."""

    def records(self, day: date) -> Sequence[Record]:
        """The rows of the day, sorted by wall clock. The source decides the order of rows of the same moment."""

    def count(self, day: date) -> int:
        """How many rows the day has."""

    def version(self) -> int:
        """A number that changes whenever answers may change. Answers of the same version may be cached."""


class GeneratedCalls:
    """The calls of an invented centre from `first_day` to `last_day`, both included. Days are generated on demand."""

    def __init__(self, centre: Centre, first_day: date, last_day: date, *, cached_days: int = 32) -> None:
        length = (last_day - first_day).days + 1
        self._days = [first_day + timedelta(days=number) for number in range(length)]
        self._centre = centre
        self._made = lru_cache(maxsize=cached_days)(self._make)
        self._counts: dict[date, int] = {}

    def days(self) -> Sequence[date]:
        return self._days

    def records(self, day: date) -> Sequence[Record]:
        return self._made(day) if _holds(self._days, day) else []

    def count(self, day: date) -> int:
        if day not in self._counts:
            self._counts[day] = len(self.records(day))
        return self._counts[day]

    def version(self) -> int:
        return 0

    def _make(self, day: date) -> list[Record]:
        made = [Record(datetime.fromisoformat(str(call.row["date"])), call.row) for call in self._centre.calls(day)]
        return sorted(made, key=_wall)


class LakeCalls:
    """The calls of a lake of day files, in the form of the API.

    The list of days is read once, at the start. A day that has been read may stay in memory.

    Raises:
        FileNotFoundError: there is no such directory.
    """

    def __init__(self, path: str | Path, *, cached_days: int = 32) -> None:
        if not Path(path).is_dir():
            raise FileNotFoundError(
                f"there is no lake at {path}: give the directory that holds its {_PARTITION}… folders"
            )
        found = Path(path).glob(f"{_PARTITION}*/{_DAY_FILE}")
        self._files = {date.fromisoformat(file.parent.name.removeprefix(_PARTITION)): file for file in sorted(found)}
        self._days = list(self._files)
        self._read_days = lru_cache(maxsize=cached_days)(self._read)
        self._counts: dict[date, int] = {}

    def days(self) -> Sequence[date]:
        return self._days

    def records(self, day: date) -> Sequence[Record]:
        return self._read_days(day) if day in self._files else []

    def count(self, day: date) -> int:
        if day not in self._counts:
            self._counts[day] = pq.read_metadata(self._files[day]).num_rows if day in self._files else 0
        return self._counts[day]

    def version(self) -> int:
        return 0

    def _read(self, day: date) -> list[Record]:
        with pq.ParquetFile(self._files[day]) as file:
            table = file.read(columns=SCHEMA.names)
        midnight = datetime(day.year, day.month, day.day)
        return sorted((_told(row, midnight) for row in table.to_pylist()), key=_wall)


def _wall(record: Record) -> datetime:
    return record.wall


def _holds(days: Sequence[date], day: date) -> bool:
    place = bisect_left(days, day)
    return place < len(days) and days[place] == day


def _told(row: dict[str, Any], midnight: datetime) -> Record:
    """The record that a row of the lake came from: `""` for null, except in `tags`, and rescued values raw."""
    wall = row["date"] or midnight
    told: dict[str, object] = {"date": _clock(wall)}
    for name, value in row.items():
        if name not in _NOT_SERVED:
            told[name] = "" if value is None and name != _SERVED_AS_NULL else value
    if row["rating"]:
        told["rating"] = {part: value or "" for part, value in row["rating"].items()}
    if row["rescued_data"]:
        told.update(_RAW_OBJECT.decode(row["rescued_data"]))
    return Record(wall, told)


def _clock(wall: datetime) -> str:
    """The wall clock in the API's form. Seconds of zero are left out."""
    return wall.isoformat(" ", "auto" if wall.second or wall.microsecond else "minutes")

"""Rows that are true but inconvenient: twin legs, equal rows, undocumented fields, values of odd types."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from random import Random
from typing import Final

from thulium_frames.simulator.cast import AGENTS
from thulium_frames.simulator.faults import Faults
from thulium_frames.simulator.sources import CallSource, Record

#: Makes the records that replace one record.
_Change = Callable[[Random, Record], Sequence[Record]]

_INTEGERS: Final = ("duration", "billsec", "queue_id", "customer_id", "topic_id")
_ODD_RATINGS: Final[Sequence[object]] = ([], None, {"type": "stars", "rate": 5})
_UNKNOWN: Final[Sequence[tuple[str, object]]] = (
    ("sentiment", "neutral"),
    ("is_new", True),
    ("wait_score", 3.25),
    ("ivr_path", ["1", "4", "2"]),
    ("crm", {"id": 77, "owner": None, "labels": ["wąż", "żółw"], "last": {"date": "2024-02-29", "price": 1e3}}),
)


def soiled(source: CallSource, faults: Faults) -> CallSource:
    """The source itself, or its calls with the requested faults. The same seed always gives the same rows."""
    asked = (
        ("twin_legs", faults.twin_legs, _with_twin),
        ("dirty_values", faults.dirty_values, _with_odd_value),
        ("unknown_fields", faults.unknown_fields, _with_unknown_fields),
        ("equal_rows", faults.equal_rows, _twice),  # last, so that no later fault makes the two rows differ
    )
    for name, share, change in asked:
        if share:
            source = SoiledCalls(source, share, change, seed=f"{faults.seed}/{name}")
    return source


class SoiledCalls:
    """The calls of a source, with a share of them changed. The changes of a day depend on the seed and the day only."""

    def __init__(self, source: CallSource, share: float, change: _Change, *, seed: str, cached_days: int = 32) -> None:
        self._source = source
        self._share = share
        self._change = change
        self._seed = seed
        self._changed = lru_cache(maxsize=cached_days)(self._make)
        self._counts: dict[tuple[date, int], int] = {}

    def days(self) -> Sequence[date]:
        return self._source.days()

    def records(self, day: date) -> Sequence[Record]:
        return self._changed(day, self.version())

    def count(self, day: date) -> int:
        key = day, self.version()
        if key not in self._counts:
            self._counts[key] = len(self.records(day))
        return self._counts[key]

    def version(self) -> int:
        return self._source.version()

    def _make(self, day: date, version: int) -> Sequence[Record]:  # noqa: ARG002 - part of the cache's key
        rng = Random(f"{self._seed}/{day}")  # noqa: S311 - must be repeatable, not secret
        return list(self._struck(rng, self._source.records(day)))

    def _struck(self, rng: Random, records: Sequence[Record]) -> Iterator[Record]:
        for record in records:
            yield from self._change(rng, record) if rng.random() < self._share else (record,)


def _with_twin(rng: Random, record: Record) -> Sequence[Record]:
    """Adds a leg at another phone of the ring group, right after the record."""
    agent = rng.choice([agent for agent in AGENTS if agent.login != record.row.get("dst_user_login")])
    phone = str(rng.randrange(200, 300))
    if phone == record.row.get("dst"):
        phone += "0"
    twin = _changed(record, {"dst": phone, "dst_user": agent.name, "dst_user_login": agent.login})
    return [record, twin]


def _twice(_rng: Random, record: Record) -> Sequence[Record]:
    return [record, record]


def _with_unknown_fields(rng: Random, record: Record) -> Sequence[Record]:
    return [_changed(record, dict(rng.sample(_UNKNOWN, rng.randint(1, 3))))]


def _with_odd_value(rng: Random, record: Record) -> Sequence[Record]:
    numbers = [(name, value) for name in _INTEGERS if type(value := record.row.get(name)) is int]
    odd: list[tuple[str, object]] = [("tags", None), ("customer_id", "abc"), ("rating", rng.choice(_ODD_RATINGS))]
    if numbers:
        name, value = rng.choice(numbers)
        odd += [(name, ""), (name, float(value))]
    return [_changed(record, dict([rng.choice(odd)]))]


def _changed(record: Record, fields: Mapping[str, object]) -> Record:
    return Record(record.wall, {**record.row, **fields})

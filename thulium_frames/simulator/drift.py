"""Calls that are inserted, changed and removed while a client reads them."""

from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date
from operator import attrgetter
from random import Random
from typing import Final

from thulium_frames.simulator.sources import CallSource, Record

_WALL = attrgetter("wall")
#: New calls, customers and notes have numbers from here on, which no source generates.
_NEW: Final = 900_000
_MANY: Final = 100_000


class DriftingCalls:
    """The calls of a source, with a number of `events` between the first request and the request `until`.

    An event inserts, removes or changes a call. A changed call has another rating, other tags or another customer,
    which are the fields that people edit after a call. `records` is the truth of the moment. A list that it has
    returned never changes.
    """

    def __init__(self, source: CallSource, *, events: int, until: int, seed: int) -> None:
        self._source = source
        self._rng = Random(f"{seed}/drift")  # noqa: S311 - must be repeatable, not secret
        self._due = deque(sorted(self._rng.choices(range(2, until + 1), k=events)))
        self._edited: dict[date, Sequence[Record]] = {}
        self._events = 0

    def advance(self, request: int) -> None:
        """Makes the events happen that are due before the request of that number; the first request is 1."""
        while self._due and self._due[0] <= request:
            self._due.popleft()
            self._happen()

    def days(self) -> Sequence[date]:
        return self._source.days()

    def records(self, day: date) -> Sequence[Record]:
        return self._edited[day] if day in self._edited else self._source.records(day)

    def count(self, day: date) -> int:
        return len(self._edited[day]) if day in self._edited else self._source.count(day)

    def version(self) -> int:
        return self._source.version() + self._events

    def _happen(self) -> None:
        """Makes one event happen, on a day that has calls. A source without calls stays empty."""
        days = self.days()
        for day in self._rng.sample(days, len(days)):
            records = list(self.records(day))
            if records:
                self._rng.choice(_EVENTS)(self._rng, records)
                self._edited[day] = records
                self._events += 1
                return


def _insert(rng: Random, records: list[Record]) -> None:
    like = rng.choice(records)
    epoch = str(like.row["connection_id"]).partition(".")[0]
    number = _NEW + rng.randrange(_MANY)
    row = {**like.row, "connection_id": f"{epoch}.{number}", "src": f"48{number}000"}
    insort(records, Record(like.wall, row), key=_WALL)


def _change(rng: Random, records: list[Record]) -> None:
    place = rng.randrange(len(records))
    number = _NEW + rng.randrange(_MANY)
    name, value = rng.choice(
        [
            ("rating", {"type": "survey", "rate": str(number % 10)}),
            ("tags", [f"poprawka {number}"]),
            ("customer_id", number),
        ]
    )
    records[place] = Record(records[place].wall, {**records[place].row, name: value})


def _remove(rng: Random, records: list[Record]) -> None:
    del records[rng.randrange(len(records))]


_EVENTS: Final[Sequence[Callable[[Random, list[Record]], None]]] = (_insert, _change, _remove)

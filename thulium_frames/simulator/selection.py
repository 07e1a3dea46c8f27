"""Which records match a query, and which of them are on its page. Nothing here knows about HTTP."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from random import Random
from typing import Literal

from thulium_frames.simulator.query import Criteria, Query
from thulium_frames.simulator.sources import CallSource, Record

Order = Literal["oldest", "newest"]

_WALL = attrgetter("wall")


@dataclass(frozen=True)
class Selection:
    """The records found, oldest first, as positions within their days. Days without such records are left out.

    `ends[i]` is the number of records found up to the end of the day `days[i]`.
    """

    days: Sequence[date]
    positions: Sequence[Sequence[int]]
    ends: Sequence[int]

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def places(self, start: int, stop: int) -> Iterator[tuple[date, int]]:
        """Day and position of the records with the numbers from `start` to `stop`, without `stop` itself."""
        for index in range(bisect_right(self.ends, start), len(self.days)):
            first = self.ends[index] - len(self.positions[index])
            if first >= stop:
                return
            for position in self.positions[index][max(start - first, 0) : stop - first]:
                yield self.days[index], position


class Archive:
    """Finds and pages the records of a source, and remembers what it found until the source's version changes."""

    def __init__(self, source: CallSource, *, order: Order = "oldest", ties: Random | None = None) -> None:
        self._source = source
        self._newest_first = order == "newest"
        self._ties = ties
        self._remembered = lru_cache(maxsize=64)(self._find)

    def answer(self, query: Query) -> tuple[int, list[Record]]:
        """The number of records found, and the records on the requested page."""
        found = self._remembered(query.criteria, self._source.version())
        return len(found), self._page(found, query.offset, query.limit)

    def _find(self, criteria: Criteria, version: int) -> Selection:  # noqa: ARG002 - part of the cache's key
        days: list[date] = []
        positions: list[Sequence[int]] = []
        for day in _days_within(self._source.days(), criteria):
            found = self._found_on(day, criteria)
            if found:
                days.append(day)
                positions.append(found)
        return Selection(days, positions, list(accumulate(map(len, positions))))

    def _found_on(self, day: date, criteria: Criteria) -> Sequence[int]:
        midnight = datetime.combine(day, time.min)
        is_whole = criteria.since <= midnight and criteria.until >= midnight + timedelta(days=1)
        if is_whole and not criteria.looks_at_rows:
            return range(self._source.count(day))
        records = self._source.records(day)
        first, end = (bisect_left(records, bound, key=_WALL) for bound in (criteria.since, criteria.until))
        if not criteria.looks_at_rows:
            return range(first, end)
        return [position for position in range(first, end) if criteria.matches(records[position].row)]

    def _page(self, found: Selection, offset: int, limit: int) -> list[Record]:
        """Also reads every record of the same moment as the page's first or last, to order all ties together."""
        total = len(found)
        stop = min(offset + limit, total)
        if offset >= stop:
            return []
        first, last = (total - stop, total - offset - 1) if self._newest_first else (offset, stop - 1)
        start, end = self._moment_of(found, first)[0], self._moment_of(found, last)[1]
        records = [self._source.records(day)[position] for day, position in found.places(start, end)]
        if self._ties is not None:
            self._ties.shuffle(records)
        records.sort(key=_WALL, reverse=self._newest_first)
        skipped = offset - (total - end if self._newest_first else start)
        return records[skipped : skipped + stop - offset]

    def _moment_of(self, found: Selection, number: int) -> tuple[int, int]:
        """The records of the same moment as record `number`: the number of the first, and the one after the last."""
        index = bisect_right(found.ends, number)
        records, positions = self._source.records(found.days[index]), found.positions[index]
        first = found.ends[index] - len(positions)
        wall = records[positions[number - first]].wall
        begin = bisect_left(positions, wall, key=lambda position: records[position].wall)
        end = bisect_right(positions, wall, key=lambda position: records[position].wall)
        return first + begin, first + end


def _days_within(days: Sequence[date], criteria: Criteria) -> Sequence[date]:
    last = (criteria.until - timedelta.resolution).date()
    return days[bisect_left(days, criteria.since.date()) : bisect_right(days, last)]

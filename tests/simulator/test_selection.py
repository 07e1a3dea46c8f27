from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.simulator.query import Criteria, Query
from thulium_frames.simulator.selection import Archive, Order
from thulium_frames.simulator.sources import Record

START = datetime(2024, 7, 1)
minutes = st.lists(st.integers(0, 3 * 1440 - 1).map(lambda minute: minute - minute % 180), max_size=40)
orders = st.sampled_from(["oldest", "newest"])


class Listed:
    """A source of rows at given minutes after `START`, numbered in time order."""

    def __init__(self, minutes: Sequence[int]) -> None:
        walls = sorted(START + timedelta(minutes=minute) for minute in minutes)
        self.rows = [Record(wall, {"queue_id": number % 3, "number": number}) for number, wall in enumerate(walls)]
        self.changes = 0
        self.reads = 0

    def days(self) -> Sequence[date]:
        return sorted({record.wall.date() for record in self.rows})

    def records(self, day: date) -> Sequence[Record]:
        self.reads += 1
        return [record for record in self.rows if record.wall.date() == day]

    def count(self, day: date) -> int:
        return len(self.records(day))

    def version(self) -> int:
        return self.changes


def asked(criteria: Criteria, *, limit: int = 100, offset: int = 0) -> Query:
    return Query(criteria, limit, offset, include_tags=True, include_topics=True)


@given(minutes, orders, st.integers(0, 45), st.integers(1, 10), st.booleans())
def test_a_page_is_a_slice_of_the_rows_in_order(
    minutes: list[int], order: Order, offset: int, limit: int, filtered: bool
) -> None:
    source = Listed(minutes)
    criteria = Criteria(ids=(("queue_id", 1),)) if filtered else Criteria()
    kept = [row for row in source.rows if not filtered or row.row["queue_id"] == 1]
    kept.sort(key=lambda record: record.wall, reverse=order == "newest")
    count, page = Archive(source, order=order).answer(asked(criteria, limit=limit, offset=offset))
    assert count == len(kept)
    assert page == kept[offset : offset + limit]


@given(minutes, st.integers(0, 4320), st.integers(0, 4320))
def test_bounds_keep_the_rows_from_the_first_moment_to_before_the_last(minutes: list[int], a: int, b: int) -> None:
    source = Listed(minutes)
    since, until = START + timedelta(minutes=min(a, b)), START + timedelta(minutes=max(a, b) + 1)
    count, page = Archive(source).answer(asked(Criteria(since=since, until=until)))
    assert page == [row for row in source.rows if since <= row.wall < until]
    assert count == len(page)


@given(minutes, orders, st.integers(0, 30), st.integers(1, 10), st.integers())
def test_a_shuffled_page_has_the_moments_of_an_ordered_one(
    minutes: list[int], order: Order, offset: int, limit: int, seed: int
) -> None:
    source = Listed(minutes)
    query = asked(Criteria(), limit=limit, offset=offset)
    _, ordered = Archive(source, order=order).answer(query)
    _, shuffled = Archive(source, order=order, ties=Random(seed)).answer(query)
    assert [row.wall for row in shuffled] == [row.wall for row in ordered]


def test_every_row_of_a_shuffled_minute_may_come_to_every_place() -> None:
    archive = Archive(Listed([5, 5, 5, 5]), ties=Random(1))
    seen = {(offset, archive.answer(asked(Criteria(), limit=1, offset=offset))[1][0].row["number"])
            for offset in range(4) for _ in range(60)}  # fmt: skip
    assert seen == {(offset, number) for offset in range(4) for number in range(4)}


def test_another_page_of_the_same_query_does_not_look_at_all_rows_again() -> None:
    source = Listed(range(0, 3 * 1440, 60))
    archive = Archive(source)
    criteria = Criteria(ids=(("queue_id", 1),))
    archive.answer(asked(criteria, limit=5))
    before = source.reads
    archive.answer(asked(criteria, limit=1, offset=20))
    assert source.reads - before == 3  # the first and the last row of the page, and the page


def test_a_source_that_changed_is_asked_again() -> None:
    source = Listed([1])
    archive = Archive(source)
    assert archive.answer(asked(Criteria()))[0] == 1
    source.rows.append(Record(START + timedelta(minutes=2), {}))
    assert archive.answer(asked(Criteria()))[0] == 1
    source.changes += 1
    assert archive.answer(asked(Criteria()))[0] == 2

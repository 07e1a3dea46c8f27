"""A filter of a scan narrows the requests, and never narrows them too much."""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import FIRST, LAST, Connect
from tests.doses import examples
from tests.truth import in_any_order
from thulium_frames import SCHEMA, Thulium
from thulium_frames.connections import Connections
from thulium_frames.endpoint import Filters
from thulium_frames.pushdown import Narrowing, narrowing_of, queries
from thulium_frames.reading import Reading
from thulium_frames.records import HeldCall, columns, to_batch
from thulium_frames.scanning import of_each_value
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running
from thulium_frames.windows import Window

called, src, queue = pl.col("date"), pl.col("src"), pl.col("queue_id")
NOON = datetime(2024, 10, 24, 12)
INSTANT, HOUR = timedelta(microseconds=1), timedelta(hours=1)
DAY = date(2024, 10, 24)


def planned(predicate: pl.Expr) -> pl.Expr:
    """The predicate as Polars passes it to a source. Polars may have changed it."""
    seen: list[pl.Expr] = []

    def source(
        columns: list[str] | None,
        asked: pl.Expr | None,
        *_: int | None,
    ) -> Any:
        seen.extend([] if asked is None else [asked])
        yield empty if columns is None else empty.select(columns)

    empty = pl.DataFrame(to_batch([], "Europe/Warsaw"))
    pl.io.plugins.register_io_source(source, schema=empty.schema).filter(predicate).collect()
    return seen[0] if seen else predicate  # Polars applies some predicates itself


def values(**of: Any) -> Narrowing:
    return Narrowing(values={name: frozenset(some) for name, some in of.items()})


UNDERSTOOD: dict[str, tuple[pl.Expr, Narrowing]] = {
    "from a moment": (called >= NOON, Narrowing(NOON)),
    "after a moment": (called > NOON, Narrowing(NOON + INSTANT)),
    "up to a moment": (called <= NOON, Narrowing(end=NOON + INSTANT)),
    "before a moment": (called < NOON, Narrowing(end=NOON + INSTANT)),
    "at a moment": (called == NOON, Narrowing(NOON, NOON + INSTANT)),
    "from a day": (called >= DAY, Narrowing(datetime(2024, 10, 24))),
    "the other way round": (pl.lit(NOON) <= called, Narrowing(NOON)),
    "a moment worked out": (called >= pl.lit("2024-10-24 12:00").str.to_datetime(), Narrowing(NOON)),
    "between": (called.is_between(NOON, NOON + HOUR), Narrowing(NOON, NOON + HOUR + INSTANT)),
    "on a day": (called.dt.date() == DAY, Narrowing(datetime(2024, 10, 24), datetime(2024, 10, 25))),
    "after a day": (called.dt.date() > DAY, Narrowing(datetime(2024, 10, 25))),
    "on days": (
        called.dt.date().is_in([DAY, date(2024, 10, 26)]), Narrowing(datetime(2024, 10, 24), datetime(2024, 10, 27)),
    ),
    "of a year": (called.dt.year() == 2024, Narrowing(datetime(2024, 1, 1), datetime(2025, 1, 1))),
    "before a year": (called.dt.year() < 2024, Narrowing(end=datetime(2024, 1, 1))),
    "a number": (src == "48600100200", values(src=["48600100200"])),
    "a queue": (queue == 34, values(queue_id=[34])),
    "one of some": (queue.is_in([1, 2]), values(queue_id=[1, 2])),
    "one or the other": ((queue == 1) | (queue == 2), values(queue_id=[1, 2])),
    "none": (queue.is_in(pl.Series([], dtype=pl.Int64)), Narrowing(end=datetime(1, 1, 1))),
    "a number that no column holds": (queue == 2**63, Narrowing(end=datetime(1, 1, 1))),
    "such a number or another": ((queue == 2**63) | (queue == 2), values(queue_id=[2])),
    "a tag": (pl.col("tags").list.contains("vip"), Narrowing(tag="vip")),
    "all at once": (
        (src == "1") & (queue == 2) & (called > NOON) & (pl.col("duration") > 5),
        Narrowing(NOON + INSTANT, values={"src": frozenset(["1"]), "queue_id": frozenset([2])}),
    ),
    "what both sides say": (
        ((queue == 1) & (called >= NOON)) | ((queue == 2) & (src == "1") & (called >= NOON + timedelta(days=1))),
        Narrowing(NOON, values={"queue_id": frozenset([1, 2])}),
    ),
    "two that exclude each other": ((queue == 1) & (queue == 2), values(queue_id=[])),
}  # fmt: skip
NOT_UNDERSTOOD = {
    "not": ~(queue == 1),
    "not equal": queue != 1,
    "equal or null": queue.eq_missing(pl.lit(None, pl.Int64)),
    "another column": pl.col("duration") > 5,
    "two columns": src == pl.col("dst"),
    "one of two": (queue == 1) | (pl.col("duration") > 5),
    "a part of it": src.str.starts_with("48"),
    "an hour": called.dt.hour() == 12,
    "a Python function": src.map_batches(lambda texts: texts == "1", return_dtype=pl.Boolean),
    "with nulls": queue.is_in([1, None], nulls_equal=True),
    "a tag of the row": pl.col("tags").list.contains(src),
    "another zone": called.dt.replace_time_zone("Europe/Warsaw") > datetime(2024, 10, 24).astimezone(),
    "a year that is none": called.dt.year() < 10_000,
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_predicate_narrows(name: str) -> None:
    predicate, narrowing = UNDERSTOOD[name]
    assert narrowing_of(planned(predicate)) == narrowing


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_what_is_not_understood_narrows_nothing(name: str) -> None:
    assert narrowing_of(planned(NOT_UNDERSTOOD[name])) == Narrowing()


def test_what_is_understood_counts_beside_what_is_not() -> None:
    assert narrowing_of(planned((called > NOON) & src.str.starts_with("48"))) == Narrowing(NOON + INSTANT)


def test_a_form_that_polars_may_come_to_narrows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("", "[]", '{"Comparison":[]}', '{"BinaryExpr":{"lhs":1}}', '{"Function":{"input":[],"function":7}}'):
        monkeypatch.setattr("thulium_frames.pushdown._serialised", lambda _, form=form: form)
        assert narrowing_of(queue == 1) == Narrowing()


def test_a_narrowing_keeps_to_the_bounds_of_the_query() -> None:
    filters = Filters(date_from="2024-10-24", date_to="2024-10-25")
    assert Narrowing(NOON).window(filters) == Window(NOON, datetime(2024, 10, 26))
    assert Narrowing(datetime(2024, 11, 1)).window(filters) is None
    assert values(src=[]).window(filters) is None


@pytest.mark.parametrize("filters", [Filters(queue_id=7), Filters(queue_id=0)])
def test_a_filter_that_is_given_stays(filters: Filters) -> None:
    assert queries(filters, values(queue_id=[2])) == (filters, [])


@pytest.mark.parametrize("value", ["", " ", "a\nb"])
def test_a_value_that_the_api_cannot_match_is_not_asked_for(value: str) -> None:
    assert queries(Filters(), values(src=[value])) == (Filters(), [])
    assert queries(Filters(), Narrowing(tag=value)) == (Filters(), [])


def test_a_few_values_may_be_asked_for_one_by_one() -> None:
    whole, each = queries(Filters(), values(src=["2", "1"]))
    assert (whole, [filters for filters, _ in each]) == (Filters(), [Filters(src="1"), Filters(src="2")])
    assert queries(Filters(), values(src=map(str, range(11)))) == (Filters(), [])


# --- through a real scan


@pytest.fixture(scope="module")
def whole(url: str) -> pl.DataFrame:
    with Thulium(url, "demo", "demo") as thulium:
        return thulium.connections(date_from=FIRST, date_to=LAST).to_polars()


COLUMNS = ["src", "dst", "connection_id", "user_login", "queue_id", "topic_id", "customer_id"]


@st.composite
def predicates(draw: st.DrawFn, whole: pl.DataFrame) -> pl.Expr:
    return draw(st.recursive(leaves(whole), branches, max_leaves=4))


def leaves(whole: pl.DataFrame) -> st.SearchStrategy[pl.Expr]:
    moments = st.datetimes(datetime(2024, 10, 22), datetime(2024, 10, 31))
    days = st.dates(date(2024, 10, 22), date(2024, 10, 31))

    def some_of(name: str) -> st.SearchStrategy[Any]:
        return st.sampled_from(whole[name].drop_nulls().unique().sort().to_list())

    def of_column(name: str) -> st.SearchStrategy[pl.Expr]:
        one, some = some_of(name), st.lists(some_of(name), max_size=4)
        column, kind = pl.col(name), whole.schema[name]
        return one.map(lambda value: column == value) | some.map(
            lambda found: column.is_in(pl.Series(found, dtype=kind))
        )

    comparisons: list[Callable[[pl.Expr, Any], pl.Expr]] = [
        pl.Expr.eq, pl.Expr.lt, pl.Expr.le, pl.Expr.gt, pl.Expr.ge, pl.Expr.ne,
    ]  # fmt: skip
    dates = st.one_of(
        st.tuples(st.just(called), moments),
        st.tuples(st.just(called.dt.date()), days),
        st.tuples(st.just(called), days),
    )
    return st.one_of(
        st.builds(lambda compare, pair: compare(*pair), st.sampled_from(comparisons), dates),
        st.builds(
            lambda low, high, closed: called.is_between(low, high, closed),
            moments, moments, st.sampled_from(["both", "left", "right", "none"]),
        ),
        st.sampled_from(COLUMNS).flatmap(of_column),
        st.sampled_from(["zwrot", "pilne", "nobody's"]).map(lambda tag: pl.col("tags").list.contains(tag)),
        st.sampled_from([pl.col("duration") > 60, queue.is_null(), src.str.starts_with("48")]),
    )  # fmt: skip


def branches(inner: st.SearchStrategy[pl.Expr]) -> st.SearchStrategy[pl.Expr]:
    return st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
        inner.map(lambda predicate: ~predicate),
    )


@given(data=st.data())
@settings(max_examples=examples(120))
def test_a_filtered_scan_is_the_filtered_frame(data: st.DataObject, url: str, whole: pl.DataFrame) -> None:
    predicate = data.draw(predicates(whole))
    with closing(Thulium(url, "demo", "demo")) as thulium:
        found = thulium.connections(date_from=FIRST, date_to=LAST).scan().filter(predicate).collect()
    assert in_any_order(found).equals(in_any_order(whole.filter(predicate)))


def test_a_scan_of_a_customer_over_a_year_costs_a_handful_of_requests(connect: Connect) -> None:
    calls = GeneratedCalls(Centre(seed=4, calls_per_day=120), date(2024, 1, 1), date(2024, 12, 31), cached_days=366)
    with running(create_app(calls)) as url:
        thulium = connect(url)
        year = thulium.connections(date_from=date(2024, 1, 1), date_to=date(2024, 12, 31))
        whole = year.to_polars()
        of_all = thulium.requests
        customers = whole.drop_nulls("customer_id")["customer_id"].value_counts(sort=True)["customer_id"].head(3)
        of_one = year.scan().filter(pl.col("customer_id") == customers[0]).collect()
        assert of_one.equals(whole.filter(pl.col("customer_id") == customers[0]))
        assert thulium.requests - of_all <= of_one.height / 100 + 4
        of_all = thulium.requests
        of_some = year.scan().filter(pl.col("customer_id").is_in(customers.to_list())).collect()
        assert of_some.equals(whole.filter(pl.col("customer_id").is_in(customers.to_list())))
        assert thulium.requests - of_all <= 1 + 3 + of_some.height / 100 + 3 * 4 + 3
        of_all = thulium.requests
        assert year.scan().filter(called.dt.date() == date(2024, 5, 6)).collect().height > 0
        assert thulium.requests - of_all <= 2


def test_a_scan_in_which_nothing_can_match_asks_for_nothing(thulium: Thulium) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    assert calls.scan().filter((queue == 34) & (queue == 2)).collect().is_empty()
    assert calls.scan().filter(called > datetime(2030, 1, 1)).collect().is_empty()
    assert thulium.requests == 0


def test_columns_that_are_not_asked_for_are_not_built(thulium: Thulium, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    parse = columns._parsed

    def noting(calls: Sequence[HeldCall], names: Collection[str], unexpected: str = "ignore") -> pa.Table:
        built.extend(names)
        return parse(calls, names, unexpected)

    monkeypatch.setattr(columns, "_parsed", noting)
    frame = thulium.connections(date_from=FIRST, date_to=FIRST).scan().filter(queue == 34).select("src").collect()
    assert frame.columns == ["src"]
    assert set(built) == {"date", "connection_id", "src", "queue_id"}


def test_a_limit_counts_before_the_filter_where_it_stands_before_it(connect: Connect, whole: pl.DataFrame) -> None:
    first = connect().connections(date_from=FIRST, date_to=LAST).head(50).scan()
    assert first.filter(queue == 34).collect().equals(whole.head(50).filter(queue == 34))


def test_the_plan_says_what_is_pushed(thulium: Thulium) -> None:
    plan = thulium.connections(date_from=FIRST).scan().filter(queue == 34).explain()
    assert "THULIUM" in plan
    assert "requests are narrowed by filters on date, src, dst" in plan
    assert 'col("queue_id") == 34' in plan
    assert thulium.requests == 0


def test_every_way_to_collect_works(thulium: Thulium, whole: pl.DataFrame, tmp_path: Path) -> None:
    scan = thulium.connections(date_from=FIRST, date_to=LAST).scan().filter(queue == 34)
    expected = in_any_order(whole.filter(queue == 34))
    assert expected.height > 100
    assert in_any_order(scan.collect(engine="streaming")).equals(expected)
    for frame in pl.collect_all([scan, scan.select(pl.all())]):
        assert in_any_order(frame).equals(expected)
    scan.sink_parquet(tmp_path / "calls.parquet")
    assert in_any_order(pl.read_parquet(tmp_path / "calls.parquet")).equals(expected)


@pytest.fixture
def by_value(connect: Connect, whole: pl.DataFrame) -> Any:
    """A query, the two queries (one for each agent) that replace it, and the frame of their results.

    The system matches more calls than wanted: it answers both queries with all calls of a queue.
    """
    one = connect(reading=Reading(page_rows=5)).connections(date_from=FIRST, date_to=LAST)
    agents = whole.filter(queue == 34)["dst_user_login"].drop_nulls().unique().sort().head(2)
    of_queue = replace(one, filters=replace(one.filters, queue_id=34))
    many = [(of_queue, pl.col("dst_user_login") == agent) for agent in agents]
    return one, many, whole.filter(queue == 34, pl.col("dst_user_login").is_in(agents.to_list()))


def test_calls_that_answer_two_of_the_values_come_once(by_value: Any) -> None:
    one, many, expected = by_value
    found = of_each_value(many, one, one.window, SCHEMA.names)
    assert found is not None
    assert expected.height > 0
    assert found.equals(expected)


def test_calls_that_may_have_moved_from_one_value_to_another_are_read_together(
    by_value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many, _ = by_value
    counted, count = [], Connections.counted

    def counting(query: Connections, window: Window) -> int:
        counted.append(query)
        return count(query, window) + (len(counted) == 4)  # the second count of the first query

    monkeypatch.setattr(Connections, "counted", counting)
    assert of_each_value(many, one, one.window, SCHEMA.names) is None
    assert len(counted) == 5

"""The figures equal those of slow and plain code, on days of an invented centre and on odd records among them."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest
from polars.io.plugins import register_io_source

from tests.legs import frame, leg, unanswered
from tests.metrics import plain
from tests.truth import frame_of
from thulium_frames import metrics
from thulium_frames.simulator import Centre

#: The clocks change on the second of these days.
CHANGES = [date(2024, 3, 30), date(2024, 10, 26)]


def days_from(first: date, days: int, **centre: Any) -> pl.DataFrame:
    made = Centre(seed=11, **centre)
    return frame_of(call for number in range(days) for call in made.calls(first + timedelta(days=number)))


def with_odd_records(legs: pl.DataFrame) -> pl.DataFrame:
    """The legs in another order, and now and then one that is spoilt or that shares the id of another."""
    random, rows = Random(5), legs.to_dicts()
    random.shuffle(rows)
    for row in rows:
        row.update(random.choice(ODD) if random.random() < 0.15 else {})
        if random.random() < 0.02:
            row["connection_id"] = random.choice(rows)["connection_id"]
    return pl.DataFrame(rows, schema=legs.schema, orient="row")


ODD: list[dict[str, Any]] = [
    *(
        {"connection_id": None},
        {"duration": -5},
        {"billsec": 90_000},
        {"duration": None},
        {"duration": 20, "billsec": 21},
    ),
    *({"disposition": None}, {"disposition": "CONGESTION"}, {"type": None}, {"queue_id": 0}, {"src": "anonymous"}),
    *({"src": "201"}, {"tags": None}, {"tags": ["b", None, "a", "b"]}, {"rating": {"type": "face", "rate": None}}),
    *({"dst_user_login": None}, {"disconnected_by": None}, {"user_login": "a.nowak"}),
]


@pytest.fixture(scope="module", params=CHANGES, ids=str)
def change(request: pytest.FixtureRequest) -> pl.DataFrame:
    """Three days with a change of the clocks, as they come."""
    return days_from(request.param, 3, calls_per_day=1500)


@pytest.fixture(params=["clean", "odd"])
def legs(request: pytest.FixtureRequest, change: pl.DataFrame) -> pl.DataFrame:
    return change if request.param == "clean" else with_odd_records(change)


def rows_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


def told(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows to compare. Of a quotient, Polars may round the sixteenth digit in another way than Python."""
    return [{name: round(it, 10) if isinstance(it, float) else it for name, it in row.items()} for row in rows]


def test_the_days_hold_what_is_compared(change: pl.DataFrame) -> None:
    assert change["connection_id"].is_duplicated().any()
    assert change["transferred_to"].count() > 0
    assert change.filter(pl.col("src").is_null()).height > 0
    assert change["date"].dt.hour().n_unique() > 20


def test_calls_are_those_of_plain_code(legs: pl.DataFrame) -> None:
    assert rows_of(metrics.calls(legs)) == plain.calls(rows_of(legs))


def test_the_summary_is_that_of_plain_code(legs: pl.DataFrame) -> None:
    found = plain.calls(rows_of(legs))
    assert told(rows_of(metrics.summary(legs, denominator="less_short_abandons"))) == told([plain.summary(found)])


@pytest.mark.parametrize("by", ["queue_id", "agent", "type", "tags"])
def test_groups_are_those_of_plain_code(legs: pl.DataFrame, by: str) -> None:
    found = plain.calls(rows_of(legs))
    table = metrics.summary(legs, by=by, denominator="less_short_abandons")
    for row in rows_of(table):
        group = row.pop(by)
        assert told([row]) == told([plain.summary([call for call in found if call[by] == group])]), group
    assert table["calls"].sum() == len(found)


def test_hours_are_those_of_plain_code(legs: pl.DataFrame) -> None:
    table = metrics.by_interval(legs, every="1h", denominator="less_short_abandons")
    assert told(rows_of(table)) == told(plain.by_hour(plain.calls(rows_of(legs))))


def test_ratings_are_those_of_plain_code(legs: pl.DataFrame) -> None:
    assert told(rows_of(metrics.ratings(legs))) == told(plain.ratings(plain.calls(rows_of(legs))))


@pytest.fixture(scope="module", params=CHANGES, ids=str)
def fortnight(request: pytest.FixtureRequest) -> pl.DataFrame:
    """Two weeks of a smaller centre, in which customers call again."""
    return with_odd_records(days_from(request.param - timedelta(days=7), 14, calls_per_day=100))


def test_missed_calls_are_those_of_plain_code(fortnight: pl.DataFrame) -> None:
    found, expected = rows_of(metrics.missed_calls(fortnight)), plain.missed_calls(rows_of(fortnight))
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert {row["state"] for row in found} == {"open", "called back", "called again", "anonymous"}


def test_repeat_calls_are_those_of_plain_code(fortnight: pl.DataFrame) -> None:
    expected = plain.repeat_calls(rows_of(fortnight))
    found = metrics.repeat_calls(fortnight)
    assert rows_of(found.select(*expected[0])) == expected
    assert found["repeated"].sum() > 0


@pytest.mark.parametrize(
    ("figure", "options"),
    [
        *((metrics.summary, {}), (metrics.summary, {"by": ["queue_id", "agent"]}), (metrics.ratings, {})),
        *((metrics.by_interval, {"every": "1d"}), (metrics.by_interval, {"every": "1h", "by": "queue_id"})),
        *((metrics.missed_calls, {}), (metrics.repeat_calls, {}), (metrics.calls, {})),
    ],
)
def test_calls_can_be_given_instead_of_legs(fortnight: pl.DataFrame, figure: Any, options: dict[str, Any]) -> None:
    calls = metrics.calls(fortnight)
    assert figure(calls, **options).equals(figure(fortnight, **options))
    assert figure(calls.lazy(), **options).collect().equals(figure(fortnight, **options))


@pytest.mark.parametrize("figure", [metrics.missed_calls, metrics.repeat_calls])
def test_the_end_of_the_frame_is_its_last_leg_for_calls_too(figure: Any) -> None:
    """Whether a call can have been answered yet depends on it."""
    day = "2024-10-23"
    transferred = [leg(f"{day} {clock}", connection_id="1.1", src="48600100300") for clock in ("10:00", "13:00")]
    legs = frame(*transferred, unanswered(f"{day} 10:30"))
    found = figure(legs, within="2h")
    assert found["censored"].to_list()[-1] is False
    assert figure(metrics.calls(legs), within="2h").equals(found)


def test_tags_are_made_of_a_frame_in_which_none_are_told() -> None:
    legs = frame(leg(connection_id="1.1"), leg(connection_id="1.1")).reverse()
    assert metrics.calls(legs)["tags"].to_list() == [None]


def counted(rows: pl.DataFrame) -> tuple[pl.LazyFrame, list[list[str]]]:
    """The rows as a lazy frame, and a list to which each reading adds the columns that it reads."""
    read: list[list[str]] = []

    def source(names: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        read.append(names or rows.columns)
        yield rows.select(read[-1])

    return register_io_source(source, schema=rows.schema), read


SOURCES: list[tuple[Any, dict[str, Any], set[str]]] = [
    (metrics.offered, {}, {"tags", "rating", "disconnected_by", "customer_id"}),
    (metrics.summary, {"by": "queue_id"}, {"tags", "operator"}),
    (metrics.by_interval, {"every": "1h", "by": "type"}, {"tags", "operator"}),
    (metrics.missed_calls, {}, {"tags", "rating", "disconnected_by", "customer_id"}),
    (metrics.repeat_calls, {}, {"tags", "rating", "disconnected_by", "customer_id"}),
    (metrics.ratings, {}, {"tags", "operator"}),
]


@pytest.mark.parametrize(("figure", "options", "unread"), SOURCES)
def test_a_figure_reads_its_frame_once_and_only_what_it_needs(
    fortnight: pl.DataFrame, figure: Any, options: dict[str, Any], unread: set[str]
) -> None:
    lazy, read = counted(fortnight)
    assert figure(lazy, **options).collect().equals(figure(fortnight, **options))
    (names,) = read
    assert unread.isdisjoint(names)


def test_only_the_columns_of_calls_that_are_asked_for_are_made(fortnight: pl.DataFrame) -> None:
    lazy, read = counted(fortnight)
    found = metrics.calls(lazy).filter(pl.col("handled"))
    assert (
        found.select("agent", "legs")
        .collect()
        .equals(metrics.calls(fortnight).filter(pl.col("handled")).select("agent", "legs"))
    )
    (names,) = read
    assert {"tags", "rating", "src"}.isdisjoint(names)

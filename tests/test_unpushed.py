"""What of a filter no request can be narrowed by is told once, and what no call can match is not asked for."""

import logging

import polars as pl
import pytest

from tests.conftest import FIRST, LAST
from thulium_frames import Thulium
from thulium_frames.endpoint import Filters
from thulium_frames.errors import FilterError
from thulium_frames.pushdown import unpushed

called, src, queue = pl.col("date"), pl.col("src"), pl.col("queue_id")
NUMBER = "48600100200"

UNPUSHED: dict[str, tuple[pl.Expr, list[str]]] = {
    "another column": (pl.col("duration") > 5, ["duration"]),
    "a part of a text": (src.str.starts_with(NUMBER), ["src"]),
    "parts of an And": ((queue == 34) & src.str.starts_with(NUMBER) & (pl.col("type") == "INBOUND"), ["src", "type"]),
    "an Or": ((queue == 34) | (src == NUMBER), ["queue_id", "src"]),
    "not equal": (src != NUMBER, ["src"]),
    "many values": (src.is_in([f"{NUMBER}{end}" for end in range(11)]), ["src"]),
    "what the API cannot match": (queue == -1, ["queue_id"]),
    "an hour": (called.dt.hour() == 12, ["date"]),
}  # fmt: skip
PUSHED: dict[str, pl.Expr] = {
    "a queue": queue == 34,
    "a few values": src.is_in([NUMBER, "2"]),
    "a time": called > pl.lit("2024-10-24 12:00").str.to_datetime(),
    "a tag": pl.col("tags").list.contains("vip"),
    "all of them": (queue == 34) & (src == NUMBER) & (called.dt.date() == FIRST),
    "nothing at all": (queue == 34) & (queue == 35),
}


@pytest.mark.parametrize("name", UNPUSHED)
def test_what_narrows_no_request_is_told_once_without_its_values(
    thulium: Thulium, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    predicate, columns = UNPUSHED[name]
    with caplog.at_level(logging.INFO, "thulium_frames"):
        thulium.connections(date_from=FIRST, date_to=FIRST).scan().filter(predicate).collect()
    (told,) = [one for one in caplog.records if one.levelno == logging.INFO]
    assert told.name == "thulium_frames"
    assert f"the filter on {', '.join(columns)} narrows no request" in told.getMessage()
    assert NUMBER not in caplog.text


@pytest.mark.parametrize("name", PUSHED)
def test_what_narrows_a_request_is_not_told(thulium: Thulium, caplog: pytest.LogCaptureFixture, name: str) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=FIRST)
    with caplog.at_level(logging.INFO, "thulium_frames"):
        calls.scan().filter(PUSHED[name]).collect()
        calls.scan().collect()
    assert [one for one in caplog.records if one.levelno >= logging.INFO] == []


def test_a_row_limit_before_a_filter_is_told(thulium: Thulium, caplog: pytest.LogCaptureFixture) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=FIRST).head(20)
    with caplog.at_level(logging.INFO, "thulium_frames"):
        calls.scan().filter(src == NUMBER).collect()
    assert "src narrows no request (a row limit comes before it)" in caplog.text
    assert NUMBER not in caplog.text


def test_a_python_function_is_told_by_its_columns() -> None:
    assert unpushed((queue == 1) & src.map_batches(lambda texts: texts == NUMBER, return_dtype=pl.Boolean))[-1] == "src"


def test_a_form_that_polars_may_come_to_is_told_by_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("", "[]", '{"Comparison":[]}', '{"Function":{"input":[],"function":7}}'):
        monkeypatch.setattr("thulium_frames.pushdown._serialised", lambda _, form=form: form)
        assert unpushed(queue == 1) in (["queue_id"], [])


# --- numbers


TOO_LARGE = [2**63, 2**64, 10**20, 10**30]
LARGEST = [2**40, 10**18, 10**18 - 1, 2**63 - 1]


@pytest.mark.parametrize("name", ["queue_id", "topic_id", "customer_id"])
@pytest.mark.parametrize("number", [*TOO_LARGE, *LARGEST])
def test_a_number_that_no_call_has_finds_nothing(thulium: Thulium, name: str, number: int) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=LAST, **{name: number})  # type: ignore[arg-type]
    assert calls.to_polars().is_empty()
    assert calls.count() == 0
    assert calls.scan().filter(src == NUMBER).collect().is_empty()
    assert list(calls.head(5).batches()) == []
    assert (thulium.requests == 0) == (number in TOO_LARGE)


@pytest.mark.parametrize("number", [2**63, 2**64, 10**20, *LARGEST])
def test_a_scan_for_a_number_that_no_call_has_finds_nothing(thulium: Thulium, number: int) -> None:
    scan = thulium.connections(date_from=FIRST, date_to=LAST).scan()
    assert scan.filter(queue == number).collect().is_empty()
    assert (thulium.requests == 0) == (number in TOO_LARGE)
    assert scan.filter(queue.is_in([number])).collect().is_empty()
    some = scan.filter((queue == number) | (queue == 34)).collect()
    assert some.equals(scan.filter(queue == 34).collect())
    assert some.height > 0


def test_a_negative_number_is_refused_as_before() -> None:
    with pytest.raises(FilterError, match="queue_id is a whole number from 0"):
        Filters(queue_id=-1)

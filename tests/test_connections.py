"""A query is a description. These tests check its results and its costs."""

import gc
import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from tests.conftest import FIRST, LAST, Connect
from thulium_frames import SCHEMA, Thulium
from thulium_frames.errors import ApiError, FilterError, SettingsError
from thulium_frames.reading import Grain, Reading, Span
from thulium_frames.reading.crew import read_pieces
from thulium_frames.reading.grain import Ends
from thulium_frames.records import Page, to_batch
from thulium_frames.records.call import HeldCall, Record, calls_of
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running
from thulium_frames.windows import MINUTE, Window


def test_nothing_is_asked_before_the_first_batch(thulium: Thulium) -> None:
    calls = thulium.connections(date_from=FIRST)
    batches = calls.batches()
    calls.scan().select("src").head(3)
    calls.__arrow_c_schema__()
    calls.__arrow_c_stream__()
    assert thulium.requests == 0
    next(batches)
    assert thulium.requests > 0


def test_a_rare_filter_over_ten_years_costs_one_request(thulium: Thulium) -> None:
    customer = thulium.connections().to_polars()["customer_id"].drop_nulls()[0]
    before = thulium.requests
    frame = thulium.connections(date_from="2015-01-01", date_to="2024-12-31", customer_id=customer).to_polars()
    assert 0 < frame.height <= 100
    assert set(frame["customer_id"]) == {customer}
    assert thulium.requests - before == 1


def test_requests_stay_near_the_least_possible(connect: Connect) -> None:
    with running(create_app(GeneratedCalls(Centre(calls_per_day=400), date(2024, 3, 1), date(2024, 4, 30)))) as url:
        thulium = connect(url, reading=Reading(window_rows=2_000))
        pieces = list(thulium.connections(date_from="2024-03-01", date_to="2024-04-30").pieces())
    rows = sum(piece.batch.num_rows for piece in pieces)
    assert thulium.requests <= 1.05 * rows / 100 + 2 * len(pieces)


@pytest.mark.parametrize("bound", ["date_from", "date_to"])
def test_a_count_of_parts_of_minutes_is_refused(thulium: Thulium, bound: str) -> None:
    bounds: dict[str, Any] = {bound: datetime(2024, 10, 24, 10, 2, 15)}
    with pytest.raises(FilterError, match="whole minutes are counted"):
        thulium.connections(**bounds).count()


def test_count_is_one_request(connect: Connect) -> None:
    thulium = connect()
    day, everything = thulium.connections(date_from=FIRST, date_to=FIRST), thulium.connections()
    counts = day.count(), everything.count(), everything.head(4).count()
    assert thulium.requests == 3
    assert counts == (day.to_polars().height, everything.to_polars().height, 4)


def test_every_form_holds_the_same_rows(thulium: Thulium) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    table = calls.to_arrow()
    assert table.schema.equals(SCHEMA)
    assert pa.Table.from_batches(calls.batches(), SCHEMA).equals(table)
    assert calls.to_polars().equals(pl.DataFrame(table))
    assert calls.scan().collect().equals(calls.to_polars())
    assert pl.DataFrame(calls).equals(calls.to_polars())
    assert pa.table(calls).equals(table)
    pandas = calls.to_pandas()
    assert pa.Table.from_pandas(pandas, schema=SCHEMA, preserve_index=False).equals(table)
    assert str(pandas["customer_id"].dtype) == "int64[pyarrow]"


def test_duckdb_takes_the_calls_themselves(thulium: Thulium) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    counted = duckdb.execute("SELECT count(*), count(DISTINCT date) FROM calls").fetchall()
    frame = calls.to_polars()
    assert counted == [(frame.height, frame["date"].n_unique())]


def test_a_scan_collects_twice_and_takes_any_part(thulium: Thulium) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    whole, scan = calls.to_polars(), calls.scan()
    inbound = pl.col("type") == "INBOUND"
    assert scan.collect().equals(scan.collect())
    assert scan.select("src", "date").collect().equals(whole.select("src", "date"))
    assert scan.filter(inbound).head(7).collect().equals(whole.filter(inbound).head(7))
    assert scan.head(7).filter(inbound).collect().equals(whole.head(7).filter(inbound))
    assert scan.filter(inbound).select(pl.len()).collect().item() == whole.filter(inbound).height
    assert scan.select("tags").tail(3).collect().equals(whole.select("tags").tail(3))


def test_a_row_limit_stops_the_reading_early(connect: Connect) -> None:
    with running(create_app(GeneratedCalls(Centre(calls_per_day=2000), FIRST, LAST))) as url:
        whole = connect(url).connections().to_polars()
        scanning, heading = connect(url), connect(url)
        assert scanning.connections(date_from=FIRST).scan().head(5).collect().equals(whole.head(5))
        assert heading.connections(date_from=FIRST).head(5).to_polars().equals(whole.head(5))
    assert max(scanning.requests, heading.requests) < 10 < whole.height / 100


def test_a_head_narrows_and_never_widens(thulium: Thulium) -> None:
    calls = thulium.connections(date_from=FIRST)
    assert calls.head(3).head(5).to_polars().height == 3
    assert calls.head(0).to_polars().height == 0
    with pytest.raises(FilterError, match="from 0"):
        calls.head(-5)


def test_leaving_the_iterator_early_stops_the_workers(connect: Connect) -> None:
    thulium = connect(reading=Reading(page_rows=2, window_rows=4, ahead_rows=4))
    batches = thulium.connections(date_from=FIRST).batches()
    next(batches)
    del batches
    gc.collect()
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("thulium-frames")]
    for worker in workers:
        worker.join(timeout=30)
    assert not any(worker.is_alive() for worker in workers)
    assert thulium.requests < thulium.connections(date_from=FIRST).count() / 2


def test_no_calls_make_an_empty_frame_of_the_schema(thulium: Thulium) -> None:
    frame = thulium.connections(date_from="2020-01-01", date_to="2020-12-31").to_polars()
    assert frame.height == 0
    assert frame.schema == pl.DataFrame(SCHEMA.empty_table()).schema


def test_reprs_are_readable_and_show_no_secret(url: str) -> None:
    thulium = Thulium(url, "demo", "hidden-password")
    calls = thulium.connections(date_from=FIRST, queue_id=3, tags=["vip", "new"])
    assert repr(thulium) == f"Thulium('{url}', user='demo')"
    assert repr(calls) == f"Connections({url}, date_from=2024-10-23, queue_id=3, tags=vip,new)"
    assert repr(calls.head(5)).endswith("the first 5)")
    assert "hidden-password" not in f"{vars(thulium)}{calls!r}{calls.filters}"


def test_filters_narrow_as_the_api_says(thulium: Thulium) -> None:
    whole = thulium.connections().to_polars()
    queue, tag = whole["queue_id"].drop_nulls()[0], whole["tags"].explode(empty_as_null=True).drop_nulls()[0]
    assert thulium.connections(queue_id=queue).to_polars().equals(whole.filter(pl.col("queue_id") == queue))
    assert thulium.connections(tags=[tag]).to_polars().equals(whole.filter(pl.col("tags").list.contains(tag)))


def test_wrong_use_is_told_before_any_request(url: str) -> None:
    with pytest.raises(SettingsError, match="no time zone 'Europe/Warszawa'"):
        Thulium(url, "demo", "demo", time_zone="Europe/Warszawa")
    with pytest.raises(SettingsError, match="at least 1"):
        Thulium(url, "demo", "demo", workers=0)
    assert Reading().page_rows == Reading(page_rows=100).page_rows == 100
    with pytest.raises(SettingsError, match="from 1 to 100"):
        Reading(page_rows=101)
    with pytest.raises(SettingsError, match="at least 1"):
        Reading(ahead_rows=0)
    with pytest.raises(FilterError, match="whole days"):
        _ = Thulium(url, "demo", "demo").connections().head(3).days


DAWN = datetime(2024, 7, 1)
WHOLE_DAY = Window(DAWN, DAWN + timedelta(minutes=600))


def by_the_minute(window: Window, span: Span, stop: threading.Event) -> Page:  # noqa: ARG001  # answers take no time
    """One call every minute, ten on a page."""
    minutes = [moment for n in range(600) if window.start <= (moment := DAWN + n * MINUTE) < window.end]
    return Page(len(minutes), calls_of([Record(f"{moment:%Y-%m-%d %H:%M}") for moment in minutes[:10]]))


def to_warsaw(calls: Sequence[HeldCall]) -> pa.RecordBatch:
    return to_batch(calls, "Europe/Warsaw")


pieces_of = partial(read_pieces, grain=Grain(Ends.BY_MINUTE), on_count=id)


def test_what_was_proven_before_an_error_is_delivered_before_it() -> None:
    asked: list[Window] = []

    def ask(window: Window, span: Span, stop: threading.Event) -> Page:
        asked.append(window)
        if len(asked) == 20:
            raise ApiError("the system is gone")
        return by_the_minute(window, span, stop)

    pieces = pieces_of(WHOLE_DAY, ask, to_warsaw, reading=Reading(page_rows=10), workers=lambda: 1)
    piece = next(pieces)
    assert (piece.window.start, piece.batch.num_rows) == (DAWN, 18 * 9)
    with pytest.raises(ApiError, match="the system is gone"):
        next(pieces)


def test_a_call_that_cannot_be_placed_stops_no_window_before_its_own() -> None:
    """The window with that call is proven early, while another worker still waits for the first window."""
    late = threading.Event()

    def ask(window: Window, span: Span, stop: threading.Event) -> Page:
        page = by_the_minute(window, span, stop)
        if window.start == DAWN and window != WHOLE_DAY:
            late.wait(60)
        elif window != WHOLE_DAY:
            return Page(1, calls_of([Record(src="1")]))
        return page

    def to_columns(calls: Sequence[HeldCall]) -> pa.RecordBatch:
        late.set()
        return to_warsaw(calls)

    reading = Reading(page_rows=10, window_rows=300)
    pieces = pieces_of(WHOLE_DAY, ask, to_columns, reading=reading, workers=lambda: 2)
    first = next(pieces)
    assert (first.window.start, first.undated) == (DAWN, [])
    undated = [call for piece in pieces for call in piece.undated]
    assert {call.day for call in undated} == {DAWN.date()}
    assert all("src" in call.call.line.decode() for call in undated)


def test_columns_are_built_in_the_thread_that_takes_them() -> None:
    """Workers never call a native library, because a program that ends while a thread is in one aborts."""
    builders = set()

    def to_columns(calls: Sequence[HeldCall]) -> pa.RecordBatch:
        builders.add(threading.current_thread())
        return to_warsaw(calls)

    reading = Reading(page_rows=10, batch_rows=50)
    pieces = list(pieces_of(WHOLE_DAY, by_the_minute, to_columns, reading=reading, workers=lambda: 3))
    assert sum(piece.batch.num_rows for piece in pieces) == 600
    assert builders == {threading.current_thread()}


def test_all_workers_begin_once_there_is_work_for_them() -> None:
    """They wait while the first answer shows how much there is. One that finds work wakes the next."""
    together, begun = threading.Barrier(4), count()

    def ask(window: Window, span: Span, stop: threading.Event) -> Page:
        if 0 < next(begun) <= 4:
            together.wait(60)
        return by_the_minute(window, span, stop)

    reading = Reading(page_rows=10, window_rows=50)
    pieces = list(pieces_of(WHOLE_DAY, ask, to_warsaw, reading=reading, workers=lambda: 4))
    assert sum(piece.batch.num_rows for piece in pieces) == 600

"""The bytes of a page to calls, and calls to a record batch of the one schema. Pure.

A page that is as documented is decoded straight into typed structs. Any other is read record by record (`rescue`).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import polars as pl
import pyarrow as pa
from msgspec import Meta, Raw, Struct

from thulium_frames.errors import ForeignAnswerError
from thulium_frames.records.call import HeldCall, Record, calls_of, lines_of
from thulium_frames.records.dates import are_canonical
from thulium_frames.records.oddities import Key, bare, decoded, to_key, under_numbers
from thulium_frames.records.refusal import UNDECODABLE, refusal
from thulium_frames.records.rescue import rescued_record, whole
from thulium_frames.schema import ROW_ORDER, SCHEMA


@dataclass(frozen=True)
class Page:
    """One answer. `count` is how many calls the query has in all; `calls` are those of this page."""

    count: int
    calls: Sequence[HeldCall]


_MOST_CALLS = 10**18 - 1
_Row = dict[str, Raw]


class _StrictPage(Struct):
    count: Annotated[int, Meta(ge=0, le=_MOST_CALLS)]
    result: list[Record]


class _LoosePage(Struct):
    count: Raw
    result: list[_Row] | dict[Key, _Row] | None = None
    errors: Any = None


_strict = msgspec.json.Decoder(_StrictPage)
_loose = msgspec.json.Decoder(_LoosePage, dec_hook=to_key)
_text = msgspec.json.Decoder(str)
_COUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def read_page(body: bytes, time_zone: str) -> Page:
    """Decode the body of one answer of a system in this time zone.

    No page is refused because of a field. Raises UnreadableAnswerError when the body is not JSON, and
    ForeignAnswerError when it is JSON of another shape. Their messages show nothing of the records.
    """
    try:
        page = _strict.decode(bare(body))
        if are_canonical([record.date or "" for record in page.result]):
            return Page(page.count, calls_of(page.result, is_canonical=True))
    except UNDECODABLE:
        pass
    return _read_tolerantly(body, ZoneInfo(time_zone))


def _read_tolerantly(body: bytes, zone: ZoneInfo) -> Page:
    try:
        page = decoded(body, _loose)
        rows = _rows(page)
        calls = calls_of([rescued_record(row, zone) for row in rows or ()])
        count = _count(bytes(page.count).decode(), is_empty=rows == [])
    except UNDECODABLE:
        raise refusal(body) from None
    if rows is None and (count or page.errors):
        raise refusal(body)
    return Page(count, calls)


def _rows(page: _LoosePage) -> list[_Row] | None:
    """The records of a page; None when it has no list of them. Raises msgspec.ValidationError for another object."""
    if not isinstance(page.result, dict):
        return page.result
    if (rows := under_numbers(page.result)) is None:
        raise msgspec.ValidationError("the result is an object, and its keys are not numbers")
    return rows


def _count(token: str, *, is_empty: bool) -> int:
    if token in ('""', "null") and is_empty:
        return 0
    text = _text.decode(token) if token[0] == '"' else token
    number = whole(text) if _COUNT.fullmatch(text) else None
    if number is None or not 0 <= number <= _MOST_CALLS:
        raise ForeignAnswerError("the answer's count is not a number of calls")
    return number


#: Columns that every batch has, because they place a call in time and in the order of rows.
ALWAYS_BUILT = frozenset(ROW_ORDER[:2])
_INSTANT = "date_utc"
_ID_EPOCH = r"(?:^|-)([0-9]{9,11})\.[0-9]+$"
_MINUTE = pl.duration(minutes=1)
_DAY = pl.duration(days=1)
#: How the lines of calls are read. Numbers are read as text, because a number may be `""`.
_IN_LINES: dict[str, pl.DataType] = {name: pl.String() for name in SCHEMA.names if name != _INSTANT} | {
    "rating": pl.Struct({"type": pl.String, "rate": pl.String}),
    "tags": pl.List(pl.String),
}


def to_batch(calls: Sequence[HeldCall], time_zone: str, columns: Collection[str] = SCHEMA.names) -> pa.RecordBatch:
    """The calls as a batch of the named columns and `ALWAYS_BUILT`, sorted by those of `schema.ROW_ORDER` among them.

    `time_zone` is the system's. A call whose `date` cannot be read has null there, so it sorts first.
    """
    schema = pa.schema([field for field in SCHEMA if field.name in columns or field.name in ALWAYS_BUILT])
    if not calls:  # made of nulls: any other way makes pyarrow import pandas where it is installed, which is slow
        return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)
    is_canonical = all(call.is_canonical for call in calls)
    in_lines = {name: kind for name, kind in _IN_LINES.items() if name in schema.names}
    built = {name: _column(name) for name in in_lines}
    if not is_canonical:
        in_lines[_INSTANT] = pl.Int64()
        built["date"] = _date(fraction="%.f")
    table = (
        pl.scan_ndjson(lines_of(calls), schema=in_lines)
        .with_columns(built.values())
        .with_columns([_date_utc(time_zone, is_canonical)] if _INSTANT in schema.names else [])
        .select(schema.names)
        .sort([name for name in ROW_ORDER if name in schema.names])
        .collect()
        .to_arrow()
    )
    # the cast of a reader does not import pyarrow.compute, which costs 20 MB and 50 ms
    table = pa.RecordBatchReader.from_batches(table.schema, table.to_batches()).cast(schema).read_all()
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], schema=schema)


def _column(name: str) -> pl.Expr:
    column = pl.col(name)
    if name == "date":
        return _date()
    if name == "tags":
        return column
    if name == "rating":
        parts = column.struct.with_fields(_given(pl.field("type")), _given(pl.field("rate")))
        return pl.when(pl.any_horizontal(parts.struct.unnest().is_not_null())).then(parts).alias(name)
    return _given(column).cast(pl.Int64) if SCHEMA.field(name).type == pa.int64() else _given(column)


def _given(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _date(fraction: str = "") -> pl.Expr:
    text = pl.col("date")
    in_seconds = pl.when(text.str.len_bytes() == 16).then(text + ":00").otherwise(text)
    return in_seconds.str.to_datetime(f"%Y-%m-%d %H:%M:%S{fraction}", time_unit="us")


def _date_utc(time_zone: str, is_canonical: bool) -> pl.Expr:
    """`date` as an instant: the one that was told, else the one that follows from the wall clock.

    Null where the latter leaves the years 1 to 9999, because Python knows no such moment.
    """
    derived = _instant_of_wall_clock(time_zone)
    if not is_canonical:
        in_calendar = pl.when(derived.dt.year().is_between(1, 9999)).then(derived)
        derived = pl.coalesce(pl.col(_INSTANT).cast(pl.Datetime("us", "UTC")), in_calendar)
    return derived.alias(_INSTANT)


def _instant_of_wall_clock(time_zone: str) -> pl.Expr:
    """In the repeated hour the id decides; in the missing hour the offset before it holds."""
    date = pl.col("date")
    earlier = _in_utc(date, time_zone, ambiguous="earliest")
    later = _in_utc(date, time_zone, ambiguous="latest")
    only_later_fits = (earlier + _MINUTE < id_epoch()) & (id_epoch() <= later + _MINUTE)
    in_gap = _in_utc(date - _DAY, time_zone, ambiguous="earliest") + _DAY
    return pl.when(only_later_fits).then(later).otherwise(earlier).fill_null(in_gap)


def id_epoch() -> pl.Expr:
    """The time that `connection_id` begins with: the clock of the exchange, in UTC. Null where the id has none."""
    return pl.from_epoch(pl.col("connection_id").str.extract(_ID_EPOCH).cast(pl.Int64)).dt.replace_time_zone("UTC")


def _in_utc(date: pl.Expr, time_zone: str, *, ambiguous: Literal["earliest", "latest"]) -> pl.Expr:
    zoned = date.dt.replace_time_zone(time_zone, ambiguous=ambiguous, non_existent="null")
    return zoned.dt.convert_time_zone("UTC")

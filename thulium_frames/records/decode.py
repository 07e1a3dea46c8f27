"""The bytes of a page to calls, and calls to a record batch of the one schema. Pure.

A page that is as documented is decoded straight into typed structs. Any other is read record by record (`rescue`).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import polars as pl
import pyarrow as pa
from msgspec import Meta, Raw, Struct

from thulium_frames.errors import ForeignAnswerError, UnreadableAnswerError
from thulium_frames.records.call import HeldCall, Record, calls_of, lines_of
from thulium_frames.records.rescue import are_dates, rescued_record
from thulium_frames.schema import ROW_ORDER, SCHEMA


@dataclass(frozen=True)
class Page:
    """One answer. `count` is how many calls the query has in all; `calls` are those of this page."""

    count: int
    calls: Sequence[HeldCall]


class _StrictPage(Struct):
    count: Annotated[int, Meta(ge=0)]
    result: list[Record]


class _LoosePage(Struct):
    count: Raw
    result: list[dict[str, Raw]]


_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_COUNT = re.compile(r'"?([0-9]{1,18})"?')
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_strict = msgspec.json.Decoder(_StrictPage)
_loose = msgspec.json.Decoder(_LoosePage)


def read_page(body: bytes) -> Page:
    """Decode the body of one answer.

    No page is refused because of a field. Raises UnreadableAnswerError when the body is not JSON, and
    ForeignAnswerError when it is JSON of another shape. Their messages show nothing of the records.
    """
    try:
        page = _strict.decode(body)
        if are_dates([record.date or "" for record in page.result]):
            return Page(page.count, calls_of(page.result))
    except _UNDECODABLE:
        pass
    return _read_tolerantly(body)


def _read_tolerantly(body: bytes) -> Page:
    try:
        page = _decode_loosely(body)
        calls = calls_of([rescued_record(row) for row in page.result])
    except _UNDECODABLE:
        raise _refusal(body) from None
    return Page(_count(bytes(page.count).decode(), calls), calls)


def _decode_loosely(body: bytes) -> _LoosePage:
    try:
        return _loose.decode(body)
    except msgspec.DecodeError:  # half a surrogate pair is valid JSON but no text: keep the escape as it is written
        return _loose.decode(_SURROGATES.sub(lambda found: b"\\" * bool(found["half"]) + found[0], body))


def _count(text: str, calls: Sequence[HeldCall]) -> int:
    if text in ('""', "null") and not calls:
        return 0
    if not (number := _COUNT.fullmatch(text)):
        raise ForeignAnswerError("the answer's count is not a number of calls")
    return int(number[1])


def _refusal(body: bytes) -> Exception:
    try:
        content = msgspec.json.decode(body)
    except _UNDECODABLE:
        return UnreadableAnswerError(f"the answer is not JSON but {_outline(body)}")
    if isinstance(content, dict) and {"count", "result"} <= set(content):
        shape = "an object whose count or rows are of another kind"
    elif isinstance(content, dict):
        names = [name if name.isidentifier() else "…" for name in sorted(content)[:5]]
        shape = f"an object with {', '.join(names) or 'nothing in it'}"
    else:
        shape = {list: "a list", str: "text", type(None): "null"}.get(type(content), "a single value")
    return ForeignAnswerError(f"the answer is not a page of calls (count, result) but {shape[:120]}")


def _outline(body: bytes) -> str:
    start = body.lstrip()[:1]
    if start == b"<":
        return f"an HTML page of {len(body)} bytes: a login page or a proxy may stand in between"
    if start in (b"{", b"["):
        return f"damaged or cut short, {len(body)} bytes"
    return f"{len(body)} bytes of something else" if body else "empty"


#: Columns that every batch has, because they place a call in time and in the order of rows.
ALWAYS_BUILT = frozenset(ROW_ORDER[:2])
_DERIVED = "date_utc"
_ID_EPOCH = r"(?:^|-)([0-9]{9,11})\.[0-9]+$"
_MINUTE = pl.duration(minutes=1)
_DAY = pl.duration(days=1)
#: How the lines of calls are read. Numbers are read as text, because a number may be `""`.
_IN_LINES = {name: pl.String() for name in SCHEMA.names if name != _DERIVED} | {
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
    in_lines = {name: kind for name, kind in _IN_LINES.items() if name in schema.names}
    table = (
        pl.scan_ndjson(lines_of(calls), schema=in_lines)
        .with_columns(_column(name) for name in in_lines)
        .with_columns([_date_utc(time_zone)] if _DERIVED in schema.names else [])
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


def _date() -> pl.Expr:
    text = pl.col("date")
    in_seconds = pl.when(text.str.len_bytes() == 16).then(text + ":00").otherwise(text)
    return in_seconds.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")


def _date_utc(time_zone: str) -> pl.Expr:
    """`date` as an instant. In the repeated hour the id decides; in the missing hour the offset before it holds."""
    date = pl.col("date")
    earlier = _in_utc(date, time_zone, ambiguous="earliest")
    later = _in_utc(date, time_zone, ambiguous="latest")
    only_later_fits = (earlier + _MINUTE < id_epoch()) & (id_epoch() <= later + _MINUTE)
    in_gap = _in_utc(date - _DAY, time_zone, ambiguous="earliest") + _DAY
    return pl.when(only_later_fits).then(later).otherwise(earlier).fill_null(in_gap).alias("date_utc")


def id_epoch() -> pl.Expr:
    """The time that `connection_id` begins with: the clock of the exchange, in UTC. Null where the id has none."""
    return pl.from_epoch(pl.col("connection_id").str.extract(_ID_EPOCH).cast(pl.Int64)).dt.replace_time_zone("UTC")


def _in_utc(date: pl.Expr, time_zone: str, *, ambiguous: Literal["earliest", "latest"]) -> pl.Expr:
    zoned = date.dt.replace_time_zone(time_zone, ambiguous=ambiguous, non_existent="null")
    return zoned.dt.convert_time_zone("UTC")

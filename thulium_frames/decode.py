"""Bytes of a page to rows, rows to a record batch of the one schema. Pure.

A page that is as documented is decoded straight into typed structs; any other is read record by record (`rescue`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import polars as pl
import pyarrow as pa
from msgspec import Meta, Raw, Struct

from thulium_frames.call import Call, Rating
from thulium_frames.errors import ForeignAnswerError, UnreadableAnswerError
from thulium_frames.rescue import rescued_call
from thulium_frames.schema import ROW_ORDER, SCHEMA


@dataclass(frozen=True)
class Page:
    """One answer: `count` is how many calls the query has in all, `calls` this page its rows."""

    count: int
    calls: Sequence[Call]


class _StrictPage(Struct):
    count: Annotated[int, Meta(ge=0)]
    result: list[Call]


class _LoosePage(Struct):
    count: int | str | None
    result: list[dict[str, Raw]]


_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_strict = msgspec.json.Decoder(_StrictPage)
_loose = msgspec.json.Decoder(_LoosePage)


def read_page(body: bytes) -> Page:
    """Decode the body of one answer.

    No page is refused for a field of a row. Raises UnreadableAnswerError when the body is not JSON and
    ForeignAnswerError when it is JSON of another shape; their messages show nothing of the records.
    """
    try:
        page = _strict.decode(body)
        return Page(page.count, page.result)
    except _UNDECODABLE:
        return _read_tolerantly(body)


def _read_tolerantly(body: bytes) -> Page:
    try:
        page = _loose.decode(body)
        calls = [rescued_call(row) for row in page.result]
    except _UNDECODABLE:
        raise _refusal(body) from None
    return Page(_count(page.count, calls), calls)


def _count(count: int | str | None, calls: Sequence[Call]) -> int:
    if count in ("", None) and not calls:
        return 0
    try:
        number = int(count)  # type: ignore[arg-type]  # None is refused below
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise ForeignAnswerError("the answer's count is not a number of calls")
    return number


def _refusal(body: bytes) -> Exception:
    try:
        content = msgspec.json.decode(body)
    except _UNDECODABLE:
        return UnreadableAnswerError(f"the answer is not JSON but {_outline(body)}")
    if isinstance(content, dict):
        shape = f"an object with {', '.join(sorted(content)[:5]) or 'nothing in it'}"
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


_FIELDS = (*Call.__struct_fields__, "rescued_data")
_row: Callable[[Call], tuple[Any, ...]] = attrgetter(*_FIELDS)
_TEXT_COLUMNS = [field.name for field in SCHEMA if field.type == pa.string()]
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-5][0-9])?$"
_ID_EPOCH = r"(?:^|-)([0-9]{9,11})\.[0-9]+$"
_MINUTE = pl.duration(minutes=1)
_DAY = pl.duration(days=1)


def to_batch(calls: Sequence[Call], time_zone: str) -> pa.RecordBatch:
    """The columns of the calls, sorted by `schema.ROW_ORDER`.

    `time_zone` is the system's. A call whose `date` is no date has null there, so it sorts first.
    """
    columns: Iterable[Sequence[Any]] = zip(*map(_row, calls), strict=True) if calls else [()] * len(_FIELDS)
    frame = pl.DataFrame([_series(name, values) for name, values in zip(_FIELDS, columns, strict=True)])
    frame = frame.with_columns(pl.col(_TEXT_COLUMNS).replace("", None), _date())
    if frame["date"].null_count():
        frame = frame.with_columns(_with_rescued_dates(calls, frame["date"]))
    frame = frame.with_columns(_date_utc(time_zone)).select(SCHEMA.names).sort(ROW_ORDER)
    table = frame.to_arrow().cast(SCHEMA)
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], schema=SCHEMA)


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    kind = SCHEMA.field(name).type
    if name == "rating":
        return _ratings([value if value.__class__ is Rating else _NO_RATING for value in values])
    if name == "tags":
        return pl.Series(name, [value if value != "" else None for value in values], pl.List(pl.String))
    if kind == pa.int64():
        return pl.Series(name, [value if value != "" else None for value in values], pl.Int64)
    return pl.Series(name, values, pl.String)


_NO_RATING = Rating()


def _ratings(ratings: Sequence[Rating]) -> pl.Series:
    parts = pl.DataFrame(
        {"type": [rating.type for rating in ratings], "rate": [rating.rate for rating in ratings]},
        schema={"type": pl.String, "rate": pl.String},
    ).with_columns(pl.all().replace("", None))
    given = pl.any_horizontal(pl.all().is_not_null())
    return parts.select(pl.when(given).then(pl.struct(pl.all())).alias("rating")).to_series()


def _date() -> pl.Expr:
    text = pl.col("date")
    in_seconds = pl.when(text.str.len_bytes() == 16).then(text + ":00").otherwise(text)
    is_date = text.str.contains(_DATE)
    return pl.when(is_date).then(in_seconds.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False))


def _with_rescued_dates(calls: Sequence[Call], dates: pl.Series) -> pl.Series:
    rescued = [
        msgspec.json.encode({"date": call.date}).decode() if date is None and call.date else call.rescued_data
        for call, date in zip(calls, dates, strict=True)
    ]
    return pl.Series("rescued_data", rescued, pl.String)


def _date_utc(time_zone: str) -> pl.Expr:
    """`date` as an instant: the id decides in the repeated hour, the offset before it holds in the missing one."""
    date = pl.col("date")
    earlier = _in_utc(date, time_zone, ambiguous="earliest")
    later = _in_utc(date, time_zone, ambiguous="latest")
    epoch = pl.from_epoch(pl.col("connection_id").str.extract(_ID_EPOCH).cast(pl.Int64)).dt.replace_time_zone("UTC")
    only_later_fits = (earlier + _MINUTE < epoch) & (epoch <= later + _MINUTE)
    in_gap = _in_utc(date - _DAY, time_zone, ambiguous="earliest") + _DAY
    return pl.when(only_later_fits).then(later).otherwise(earlier).fill_null(in_gap).alias("date_utc")


def _in_utc(date: pl.Expr, time_zone: str, *, ambiguous: Literal["earliest", "latest"]) -> pl.Expr:
    zoned = date.dt.replace_time_zone(time_zone, ambiguous=ambiguous, non_existent="null")
    return zoned.dt.convert_time_zone("UTC")

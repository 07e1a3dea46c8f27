"""Calls to a record batch of the one schema. Pure.

Arrow reads the lines of many calls at once, by the schema. It refuses any other kind of value and any unknown field;
such lines are then read again one by one.
"""

from collections.abc import Callable, Collection, Sequence
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from thulium_frames.records.again import read_again
from thulium_frames.records.call import HeldCall, calls_of
from thulium_frames.records.instants import instants
from thulium_frames.records.ranks import in_row_order
from thulium_frames.schema import ROW_ORDER, SCHEMA

#: Columns that every batch has, because they place a call in time and in the order of rows.
ALWAYS_BUILT = frozenset(ROW_ORDER[:2])
_RESCUED, _INSTANT = "rescued_data", "date_utc"
_SENT = [name for name in SCHEMA.names if name not in (_RESCUED, _INSTANT)]
#: What means "none" where JSON has no spaces. A quote inside a text is escaped, so these are found nowhere else.
_NONE = {b':""': b":null", b'rating":[]': b'rating":null'}
#: "" as a scalar. pa.scalar imports pandas where it is installed, which is slow.
_EMPTY = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes(8)), pa.py_buffer(b"")])[0]


def to_batch(calls: Sequence[HeldCall], time_zone: str, columns: Collection[str] = SCHEMA.names) -> pa.RecordBatch:
    """The calls as a batch of the named columns and `ALWAYS_BUILT`, sorted by those of `schema.ROW_ORDER` among them.

    `time_zone` is the system's. A call whose `date` cannot be read has null there, so it sorts first.
    """
    schema = pa.schema([field for field in SCHEMA if field.name in columns or field.name in ALWAYS_BUILT])
    if not calls:  # made of nulls: pa.array imports pandas where it is installed, which is slow
        return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)
    calls = sorted(calls, key=lambda call: not call.as_sent)
    read = _read(calls, schema.names)
    built = {
        name: _BUILT.get(name, _given)(column) for name, column in zip(read.schema.names, read.columns, strict=True)
    }
    if _INSTANT in schema.names:
        texts = [call.date for call in calls]
        derived = instants(built["date"], texts, built["connection_id"].to_pylist, ZoneInfo(time_zone))
        built[_INSTANT] = pc.coalesce(built[_INSTANT], derived) if _INSTANT in built else derived
    missing = {name: pa.nulls(len(calls), pa.string()) for name in [_RESCUED]}
    batch = pa.RecordBatch.from_arrays([(missing | built)[name] for name in schema.names], schema=schema)
    return in_row_order(batch)


def _read(calls: Sequence[HeldCall], names: Collection[str]) -> pa.RecordBatch:
    """The columns of these names, as far as there are values. Calls that are kept as they were sent come first."""
    sent = [call for call in calls if call.as_sent]
    tables = [_of_sent(sent, names)] if sent else []
    if len(sent) < len(calls):
        tables.append(_parsed(calls[len(sent) :], names))
    return pa.concat_tables(tables, promote_options="default").combine_chunks().to_batches()[0]


def _of_sent(calls: Sequence[HeldCall], names: Collection[str]) -> pa.Table:
    try:
        if _RESCUED not in names:
            return _parsed(calls, [name for name in names if name in _SENT])
        return _parsed(calls, _SENT, unexpected="error").select([name for name in names if name in _SENT])
    except pa.ArrowInvalid:
        return _parsed(calls_of([read_again(call.line) for call in calls]), names)


def _parsed(calls: Sequence[HeldCall], names: Collection[str], unexpected: str = "ignore") -> pa.Table:
    """The columns of these names. Raises pa.ArrowInvalid when a value is of another kind."""
    text = b"\n".join([call.line for call in calls])
    for none, null in _NONE.items():
        text = text.replace(none, null)
    fields = [(name, pa.int64() if name == _INSTANT else SCHEMA.field(name).type) for name in names]
    return pj.read_json(
        pa.BufferReader(text),
        pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
        pj.ParseOptions(explicit_schema=pa.schema(fields), unexpected_field_behavior=unexpected),
    )


def _given(column: pa.Array) -> pa.Array:
    """The column with null where a text is empty."""
    if column.type != pa.string():
        return column
    return pc.if_else(pc.equal(column, _EMPTY), pa.nulls(1, pa.string())[0], column)


def _rating(column: pa.Array) -> pa.Array:
    parts = [_given(part) for part in column.flatten()]
    is_none = pc.and_(*(pc.is_null(part) for part in parts))
    return pa.StructArray.from_arrays(parts, fields=list(column.type), mask=is_none)


def _tags(column: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(column.offsets, _given(column.values), type=column.type, mask=pc.is_null(column))


def _instant(column: pa.Array) -> pa.Array:
    return column.view(pa.timestamp("us", "UTC"))


_BUILT: dict[str, Callable[[pa.Array], pa.Array]] = {"rating": _rating, "tags": _tags, _INSTANT: _instant}

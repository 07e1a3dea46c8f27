"""The order of rows: by `schema.ROW_ORDER`, nulls first. Pure.

Arrow sorts no lists, so the columns from `tags` on decide only between rows that are equal in all columns before.
"""

from array import array
from collections.abc import Iterator
from functools import reduce
from itertools import takewhile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from thulium_frames.schema import ROW_ORDER


def in_row_order(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of the batch, sorted by those columns of `ROW_ORDER` that it has."""
    batch = batch.take(_ranks(batch))
    names = [name for name in ROW_ORDER if name in batch.schema.names]
    places = list(range(batch.num_rows))
    for start, end in _equals(batch):
        rows = batch.slice(start, end - start).select(names).to_pylist()
        keys = [_key(row) for row in rows]
        places[start:end] = sorted(places[start:end], key=lambda place: keys[place - start])  # used at once
    if places == list(range(batch.num_rows)):
        return batch
    data = pa.py_buffer(array("q", places))  # pa.array imports pandas where it is installed, which is slow
    return batch.take(pa.Array.from_buffers(pa.int64(), len(places), [None, data]))


def _ranks(batch: pa.RecordBatch) -> pa.Array:
    columns = list(_sortable(batch))
    names = [str(number) for number in range(len(columns))]
    by = [(name, "ascending", "at_start") for name in names]
    return pc.sort_indices(pa.RecordBatch.from_arrays(columns, names), sort_keys=by)


def _sortable(batch: pa.RecordBatch) -> Iterator[pa.Array]:
    """The columns before `tags`, in row order. A rating is null where both its parts are, so these take its place."""
    for name in takewhile(lambda name: name != "tags", ROW_ORDER):
        if name in batch.schema.names:
            column = batch.column(name)
            yield from column.flatten() if pa.types.is_struct(column.type) else [column]


def _equals(batch: pa.RecordBatch) -> Iterator[tuple[int, int]]:
    """Where rows stand that may be equal in the columns that Arrow has sorted by: from place to place."""
    rest = batch.num_rows - 1
    apart = reduce(pc.or_kleene, (pc.not_equal(column.slice(1), column.slice(0, rest)) for column in _sortable(batch)))
    if apart.true_count == rest:
        return
    start = 0
    for place, is_apart in enumerate([*apart.to_pylist(), True], start=1):
        if is_apart:
            if place - start > 1:
                yield start, place
            start = place


def _key(value: Any) -> tuple[object, ...]:
    """What sorts a value: nulls first, and the parts of a nested value one after the other.

    Polars sorts so, by which the order of a lake's rows is verified.
    """
    if isinstance(value, dict):
        return (True, *map(_key, value.values()))
    if isinstance(value, list):
        return (True, *map(_key, value))
    return (False,) if value is None else (True, value)

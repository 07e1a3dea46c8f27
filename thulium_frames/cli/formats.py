"""How calls are written in each format. Polars, which loads slowly, writes only text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from thulium_frames.lake import row_groups
from thulium_frames.schema import SCHEMA

if TYPE_CHECKING:
    import polars as pl

_Writer = Callable[[Path, Iterator[pa.Table], pa.Schema], None]


def write(path: Path, suffix: str, batches: Iterator[pa.RecordBatch], names: list[str]) -> int:
    """Write the batches, which have the columns `names`, in the format of the suffix. Returns the number of rows."""
    rows = 0

    def counted() -> Iterator[pa.Table]:
        nonlocal rows
        for table in row_groups(batches, schema):
            rows += table.num_rows
            yield table

    schema = pa.schema([SCHEMA.field(name) for name in names])
    _WRITERS[suffix](path, counted(), schema)
    return rows


def _write_parquet(path: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for table in tables:
            file.write_table(table)


def _write_arrow(path: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    with pa.ipc.new_file(path, schema) as file:
        for table in tables:
            file.write_table(table)


def _write_csv(path: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    """Nested columns become JSON text, because CSV has no nested values."""
    with path.open("wb") as file:
        _flat(pa.Table.from_batches([], schema)).write_csv(file)
        for table in tables:
            _flat(table).write_csv(file, include_header=False)


def _flat(table: pa.Table) -> pl.DataFrame:
    import polars as pl

    nested = [name for name in ("rating", "tags") if name in table.schema.names]
    wrapped = [(name, pl.struct(pl.col(name).alias("_")).struct.json_encode()) for name in nested]
    return pl.DataFrame(table).with_columns(
        pl.when(pl.col(name).is_not_null()).then(text.str.strip_prefix('{"_":').str.strip_suffix("}")).alias(name)
        for name, text in wrapped
    )


def _write_ndjson(path: Path, tables: Iterator[pa.Table], _schema: pa.Schema) -> None:
    import polars as pl

    with path.open("wb") as file:
        for table in tables:
            pl.DataFrame(table).write_ndjson(file)


_WRITERS: dict[str, _Writer] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".ndjson": _write_ndjson,
    ".arrow": _write_arrow,
}

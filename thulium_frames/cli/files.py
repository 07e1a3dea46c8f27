"""One file of calls, in the format of its suffix. The file appears only when it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from thulium_frames.cli.outputs import Output
from thulium_frames.errors import SettingsError
from thulium_frames.lake import row_groups
from thulium_frames.schema import SCHEMA

if TYPE_CHECKING:
    import polars as pl

Writer = Callable[[Path, Iterator[pa.Table], pa.Schema], None]


def writer_for(output: Output) -> Writer:
    """The writer for this suffix. Raises SettingsError when the suffix is unknown."""
    if (suffix := output.name.suffix.lower()) not in _WRITERS:
        names = ", ".join("FILE" + suffix for suffix in _WRITERS)
        link = "" if output.is_file else f", or link to it from such a name: ln -s {output} calls.csv"
        raise SettingsError(f"{output} has no known suffix: name it {names}{link}")
    return _WRITERS[suffix]


def write(output: Output, writer: Writer, batches: Iterator[pa.RecordBatch], names: list[str]) -> int:
    """Write the batches, which have the columns `names`, and return the number of rows.

    An older file stays until the new one is complete. Raises SettingsError when the file cannot be written.
    """
    rows = 0

    def counted() -> Iterator[pa.Table]:
        nonlocal rows
        for table in row_groups(batches, schema):
            rows += table.num_rows
            yield table

    schema = pa.schema([SCHEMA.field(name) for name in names])
    with output.writing() as path:
        writer(path, counted(), schema)
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
    first = next(tables, pa.Table.from_batches([], schema))
    with path.open("wb") as file:
        _flat(first).write_csv(file)
        for table in tables:
            _flat(table).write_csv(file, include_header=False)


def _flat(table: pa.Table) -> pl.DataFrame:
    import polars as pl  # loads slowly: the first calls are on their way by now

    nested = [name for name in ("rating", "tags") if name in table.schema.names]
    wrapped = [(name, pl.struct(pl.col(name).alias("_")).struct.json_encode()) for name in nested]
    return pl.DataFrame(table).with_columns(
        pl.when(pl.col(name).is_not_null()).then(text.str.strip_prefix('{"_":').str.strip_suffix("}")).alias(name)
        for name, text in wrapped
    )


def _write_ndjson(path: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    first = next(tables, pa.Table.from_batches([], schema))
    import polars as pl  # loads slowly: the first calls are on their way by now

    with path.open("wb") as file:
        for table in chain([first], tables):
            pl.DataFrame(table).write_ndjson(file)


_WRITERS: dict[str, Writer] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".ndjson": _write_ndjson,
    ".arrow": _write_arrow,
}

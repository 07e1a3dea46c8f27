"""How the damage of a day's file is found: every page, every row and every bit is checked."""

from datetime import date

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from thulium_frames.errors import LakeDamagedError
from thulium_frames.lake.dayfile import THREADS, is_sealed, misfit
from thulium_frames.lake.facts import judged
from thulium_frames.lake.listing import name_of
from thulium_frames.lake.storage import Storage
from thulium_frames.schema import ROW_ORDER, SCHEMA


def damage_of(lake: Storage, day: date) -> str | None:
    """What is wrong with a day's file; None when nothing is. Every page is read, with its checksum."""
    try:
        with judged(lake, pa.ArrowException):
            content = lake.read(name_of(day))
            with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
                damage = misfit(file, day, len(content)) or _misplaced(file, day)
    except (LakeDamagedError, pl.exceptions.PolarsError) as error:
        return str(error).splitlines()[0]
    return damage if damage or is_sealed(content) else "it is not, to the bit, what was written"


def _misplaced(file: pq.ParquetFile, day: date) -> str | None:
    last = pl.DataFrame(schema=pl.Schema(SCHEMA))
    for number in range(file.num_row_groups):
        group = file.read_row_group(number, use_threads=THREADS)
        frame = pl.concat([last, pl.DataFrame(pa.Table.from_arrays(group.columns, schema=SCHEMA))])
        if frame["date"].null_count() or (frame["date"].dt.date() != day).any():
            return "it holds rows of another day"
        if not frame.equals(frame.sort(ROW_ORDER)):
            return "its rows are out of order"
        last = frame.tail(1)
    return None

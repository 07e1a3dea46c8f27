"""One day's Parquet file: how it is written, what its footer says, and how its damage is found."""

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from thulium_frames.errors import LakeDamagedError
from thulium_frames.lake.days import DayFacts, SealedDay
from thulium_frames.lake.facts import FOOTER_KEY, facts_in, judged
from thulium_frames.lake.listing import CALL_DATE, name_of
from thulium_frames.lake.storage import Storage
from thulium_frames.schema import ROW_ORDER, SCHEMA, SCHEMA_VERSION

_CALL_DATE = pa.field(CALL_DATE, pa.date32(), metadata={"comment": "day of the call, from the name of its folder"})
#: The columns of a lake, in order: those of a call, and the day.
LAKE_SCHEMA = SCHEMA.append(_CALL_DATE)

_SEAL_KEY = "thulium_frames_seal"
_SEAL_MARK = b"sha256:"
_OPEN_SEAL = _SEAL_MARK + b"0" * 64
_EPOCH = date(1970, 1, 1)
_ROW_GROUP_ROWS = 100_000
THREADS = False  # a thread that met a damaged page may still run at exit, and abort the process
#: Columns whose values repeat within a day. For the others a dictionary is larger than the values.
_OF_FEW_VALUES = [
    *("dst", "disposition", "operator", "user", "user_login", "dst_user", "dst_user_login", "outbound_id"),
    *("outbound_result", "type", "rating.type", "rating.rate", "queue_id", "topic_id", "tags.list.element"),
    *("disconnected_by", "transferred_to"),
]
_SORTED_BY = [pq.SortingColumn(SCHEMA.get_field_index(name), nulls_first=True) for name in ROW_ORDER[:2]]


def seal_day(day: date, batches: Iterable[pa.RecordBatch], read_at: datetime) -> SealedDay:
    """Make the file of a day in memory. It takes a tenth of what its calls took as JSON.

    The batches must come in row order. They are taken one by one.
    """
    rows, file = 0, pa.BufferOutputStream()
    with pq.ParquetWriter(
        file,
        SCHEMA,
        compression="zstd",
        use_dictionary=_OF_FEW_VALUES,
        write_page_checksum=True,
        write_page_index=True,
        sorting_columns=_SORTED_BY,
        store_schema=False,  # Parquet's own types say the same in a tenth of the bytes
    ) as writer:
        for group in row_groups(batches, SCHEMA):
            writer.write_table(group)
            rows += group.num_rows
        facts = {"day": day.isoformat(), "rows": rows, "read_at": read_at.isoformat(), "schema": SCHEMA_VERSION}
        writer.add_key_value_metadata({FOOTER_KEY: json.dumps(facts), _SEAL_KEY: _OPEN_SEAL})
    content = _sealed(file.getvalue().to_pybytes())
    return SealedDay(DayFacts(day, rows, read_at, len(content)), content)


def _sealed(content: bytes) -> bytes:
    """The file with its digest in its footer, instead of the zeros that keep the place for it."""
    before, _, after = content.rpartition(_OPEN_SEAL)
    return before + _digest(content) + after


def _digest(content: bytes) -> bytes:
    return _SEAL_MARK + hashlib.sha256(content).hexdigest().encode()


def is_sealed(content: bytes) -> bool:
    """Whether these bytes are what was sealed, to the bit. Page checksums alone do not cover the footer.

    The seal comes after all rows and statistics, so the last text that looks like a seal is the seal.
    """
    at = content.rfind(_SEAL_MARK)
    end = at + len(_OPEN_SEAL)
    return at >= 0 and content[at:end] == _digest(content[:at] + _OPEN_SEAL + content[end:])


def row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The batches, joined to tables of a size that is good for a row group."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(part.num_rows for part in waiting) >= _ROW_GROUP_ROWS:
            yield pa.Table.from_batches(waiting, schema)
            waiting.clear()
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def read_day(lake: Storage, day: date) -> Iterator[pa.RecordBatch]:
    """A day of a lake, in batches of `LAKE_SCHEMA`.

    The file is opened once, and each page is checked before its rows are given out. Raises LakeDamagedError when the
    file cannot be read, or is another day's.
    """
    with (
        judged(lake, pa.ArrowException),
        lake.open(name_of(day)) as source,
        pq.ParquetFile(source, page_checksum_verification=True) as file,
    ):
        if damage := misfit(file, day, source.size()):
            raise LakeDamagedError(damage)
        for batch in file.iter_batches(use_threads=THREADS):
            days = pa.py_buffer(array("i", [(day - _EPOCH).days]) * batch.num_rows)
            call_date = pa.Array.from_buffers(pa.date32(), batch.num_rows, [None, days])
            yield pa.RecordBatch.from_arrays([*batch.columns, call_date], schema=LAKE_SCHEMA)


def misfit(file: pq.ParquetFile, day: date, size: int) -> str | None:
    """What its footer shows to be wrong with an open file of a day, of so many bytes; None when nothing is."""
    told = (file.metadata.metadata or {}).get(FOOTER_KEY.encode())
    if (facts := facts_in(told, file.metadata.num_rows, size)).day != day:
        return f"it is the file of {facts.day}"
    if not file.schema_arrow.equals(SCHEMA):
        return "its columns are not those of the schema"
    return None

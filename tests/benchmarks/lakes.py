"""What a lake holds and where it differs from the truth, whichever program wrote it."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.archive import FIRST_DAY, UNKNOWN, Archive
from thulium_frames import SCHEMA, Lake
from thulium_frames.lake.dayfile import seal_day
from thulium_frames.lake.listing import name_of
from thulium_frames.reading import Piece
from thulium_frames.windows import Window

#: The fields that identify a call of the invented centre.
_KEY: Final = ["connection_id", "src", "dst", "disposition", "dst_user_login", "filename"]
_NUMBERS: Final = ["duration", "billsec"]


class Findings(msgspec.Struct, frozen=True):
    """The number of rows in a lake, and how many true rows it lost, repeated, or holds with changed values."""

    rows: int
    bytes: int
    lost: int = 0
    repeated: int = 0
    changed: int = 0
    unknown_lost: int = 0


class _Quiet:
    """A source of days without calls."""

    def __init__(self, days: int) -> None:
        self.origin = {"system": "quiet", "time_zone": "Europe/Warsaw", "filters": {}}
        self.days = FIRST_DAY, FIRST_DAY + timedelta(days=days - 1)

    def pieces(self, window: Window, on_count: Callable[[int], object], **_: object) -> Generator[Piece]:
        on_count(0)
        yield Piece(window, pa.RecordBatch.from_pylist([], SCHEMA), 0, [])


def make_lake(folder: Path, days: int) -> None:
    """Write a lake of so many days without calls, most of them without the care that makes a day durable."""
    Lake(folder).update(_Quiet(1))
    for number in range(1, days):
        day = FIRST_DAY + timedelta(days=number)
        (folder / name_of(day)).parent.mkdir()
        (folder / name_of(day)).write_bytes(seal_day(day, [], datetime.now(UTC)).content)


def truth_of(archive: Archive) -> pl.DataFrame:
    """The rows that a perfect reader would get."""
    records = msgspec.json.decode(b"[%b]" % archive.slice(0, archive.rows), type=list[dict[str, object]])
    names = [*_KEY, *_NUMBERS, UNKNOWN[0]]
    rows = [[_text(record.get(name)) for name in names] for record in records]
    return _comparable(pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"))


def findings(folder: Path, truth: pl.DataFrame | None) -> Findings | None:
    """The contents of a folder, compared with the truth if there is one. None for a folder without day files."""
    files = [path for path in folder.rglob("*.parquet") if path.parent.name.startswith("call_date=")]
    files = files or list(folder.glob("*/connections/*.parquet"))
    if not files:
        return None
    size = sum(file.stat().st_size for file in files)
    if truth is None:
        return Findings(sum(pq.read_metadata(file).num_rows for file in files), size)
    frame = pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files], how="diagonal_relaxed")
    lake = _comparable(frame)
    lost, repeated = _difference(truth, lake, _KEY)
    return Findings(
        rows=lake.height,
        bytes=size,
        lost=lost,
        repeated=repeated,
        changed=_difference(truth, lake, [*_KEY, *_NUMBERS])[0] - lost,
        unknown_lost=max(0, truth[UNKNOWN[0]].count() - _unknown_in(frame)),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _comparable(frame: pl.DataFrame) -> pl.DataFrame:
    texts = pl.col(_KEY).cast(pl.String).fill_null("")
    return frame.with_columns(texts, pl.col(_NUMBERS).cast(pl.Int64, strict=False))


def _difference(truth: pl.DataFrame, lake: pl.DataFrame, key: list[str]) -> tuple[int, int]:
    """How many rows are missing, and how many are too many. Equal rows count separately."""
    both = (
        truth.group_by(key)
        .len("true")
        .join(lake.group_by(key).len("held"), on=key, how="full", coalesce=True, nulls_equal=True)
    )
    surplus = both.select(pl.col("held").fill_null(0).cast(pl.Int64) - pl.col("true").fill_null(0)).to_series()
    return -int(surplus.clip(upper_bound=0).sum()), int(surplus.clip(lower_bound=0).sum())


def _unknown_in(frame: pl.DataFrame) -> int:
    texts = frame.select(pl.selectors.string())
    return int(texts.select(pl.any_horizontal(pl.all().str.contains(UNKNOWN[1], literal=True)).sum()).item())

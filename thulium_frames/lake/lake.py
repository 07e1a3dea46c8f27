"""A lake of day files: what can be done with it, and what it says of itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thulium_frames.bounds import Bound, Bounds
from thulium_frames.errors import FilterError, LakeDamagedError, LakeError, ThuliumFramesError
from thulium_frames.lake.days import Clock, DayFacts
from thulium_frames.lake.facts import facts_of
from thulium_frames.lake.listing import CALL_DATE, days_in, name_of
from thulium_frames.lake.manifest import check_in, read_origin
from thulium_frames.lake.others import Others
from thulium_frames.lake.storage import storage_at
from thulium_frames.lake.update import LakeUpdate, Source, Update
from thulium_frames.schema import COLUMNS
from thulium_frames.windows import each_day

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


@dataclass(frozen=True)
class Status:
    """What a lake holds, by its manifest and its footers. Days are in order."""

    origin: dict[str, Any]
    days: list[DayFacts]
    missing: list[date]
    """Days between the first and the last that were never read."""
    unsettled: list[date]
    """Days that the next update reads again."""
    damaged: dict[date, str]
    """Days whose footer does not say the day, its rows and when they were read, with the reason. `verify` reads all."""

    @property
    def rows(self) -> int:
        return sum(day.rows for day in self.days)

    @property
    def bytes(self) -> int:
        return sum(day.bytes for day in self.days)


@dataclass(frozen=True)
class Verification:
    """What reading every page of a lake found."""

    days: int
    rows: int
    damaged: dict[date, str]
    """Days whose file differs from what was written, with the reason."""
    strangers: list[Path | str]
    """Parquet files that do not belong to the lake, but that readers of the folder would read with it."""

    @property
    def is_clean(self) -> bool:
        return not (self.damaged or self.strangers)


class Lake:
    """A folder of day files, `call_date=YYYY-MM-DD/connections.parquet`, with rows sorted as `schema.ROW_ORDER` says.

    A day may change until `settling` after its end, because calls are recorded when they end, and ratings and tags come
    later. The next update reads a day again that was read sooner. Methods raise LakeError when the folder cannot be
    read or written. Libraries that take Arrow's C stream take this object itself: `pl.DataFrame(lake)`,
    `pa.table(lake)`, `FROM lake` in DuckDB.
    """

    def __init__(self, path: str | os.PathLike[str], *, settling: timedelta = timedelta(hours=48)) -> None:
        self._storage = storage_at(path)
        self.settling = settling

    def __repr__(self) -> str:
        return f"Lake({str(self._storage)!r})"

    @property
    def path(self) -> Path:
        """The folder of a lake on this machine."""
        return self._storage.folder

    def update(
        self,
        calls: Source,
        refresh: bool = False,
        *,
        repair: bool = False,
        on_progress: Callable[[Update], object] = lambda _: None,
    ) -> Update:
        """Read the days of `calls` that are missing or not settled.

        With `repair`, the days that are there are verified first, and damaged ones are read again. With `refresh`, all
        days are read again. A day is put in place once it is whole. After an error or an interruption the days before
        it stay, and the next update continues. Without a first day, the update begins with the first day of the lake,
        or with the first call. Without a last day, it ends today. `on_progress` is called after every window that was
        read and every day that was written.

        Raises LakeLockedError while another process writes, LakeMismatchError when the lake holds something else,
        LakeDamagedError when a day that would stay cannot be read, FilterError when the first day is in the future, and
        whatever reading `calls` and `on_progress` raise.
        """
        (first, last), origin = calls.days, calls.origin
        clock = Clock(datetime.now(UTC), origin["time_zone"], self.settling)
        if first is not None and first > clock.today:
            raise FilterError(f"date_from {first} is in the future: today is {clock.today} in {clock.time_zone}")
        others = Others(calls, on_progress)
        with self._own_errors(others), self._storage.hold():
            check_in(self._storage, origin)
            update = LakeUpdate(
                self._storage, others, clock, refresh=refresh, repair=repair, on_progress=others.on_progress
            )
            update.read(first, last)
        return update.result

    def status(self) -> Status:
        """What the lake holds. Reads the footers alone."""
        with self._own_errors():
            origin, days = read_origin(self._storage), days_in(self._storage)
            facts: list[DayFacts] = []
            damaged: dict[date, str] = {}
            for day in days:
                try:
                    facts.append(facts_of(self._storage, day))
                except LakeDamagedError as error:
                    damaged[day] = str(error)
        now = datetime.now(UTC)
        return Status(
            origin=origin,
            days=facts,
            missing=sorted({*each_day(days[0], days[-1])} - {*days}) if days else [],
            unsettled=[fact.day for fact in facts if not fact.has_settled(origin["time_zone"], self.settling, now)],
            damaged=damaged,
        )

    def verify(self) -> Verification:
        """Read every page of every day file with its checksum, and check schema, day, order and row count."""
        from thulium_frames.lake.damage import damage_of  # Polars loads slowly

        with self._own_errors():
            read_origin(self._storage)
            days = days_in(self._storage)
            damaged = {day: damage for day in days if (damage := damage_of(self._storage, day)) is not None}
            rows = sum(facts_of(self._storage, day).rows for day in days if day not in damaged)
            parquet = {name for name in self._storage.list() if name.endswith(".parquet")}
            strangers = sorted(parquet - set(map(name_of, days)))
        return Verification(len(days), rows, damaged, [self._storage.address_of(name) for name in strangers])

    def scan(self, date_from: Bound | None = None, date_to: Bound | None = None) -> pl.LazyFrame:
        """The lake as a lazy frame, oldest day first. A filter on `call_date`, a Date, decides which files are opened.

        `date_from` and `date_to` are days, as dates or as text like `2024-07-04`, and both are included. When both are
        given, the folder is not listed, which saves time on slow disks with years of days. Days that were never read
        are not in the frame; `status()` names them. Raises FilterError for bounds that are not days or out of order.
        """
        import polars as pl  # loads slowly

        from thulium_frames.lake.dayfile import LAKE_SCHEMA

        files = [str(self._storage.address_of(name_of(day))) for day in self._days(date_from, date_to)]
        schema, above = pl.Schema(LAKE_SCHEMA), self._columns_above()
        if not files:
            return pl.LazyFrame(schema=schema)
        # With a given schema each file is opened once, so a day that is replaced meanwhile is read whole, old or new.
        return pl.scan_parquet(
            files,
            glob=False,
            schema=schema,
            hive_partitioning=True,
            hive_schema={"call_date": pl.Date} | dict.fromkeys(above, pl.String),
        ).drop(above)

    def batches(self, date_from: Bound | None = None, date_to: Bound | None = None) -> Iterator[pa.RecordBatch]:
        """Record batches of `LAKE_SCHEMA`, day by day, in flat memory. No file is opened before the first is asked for.

        Bounds are those of `scan`. Each page is read with its checksum; LakeDamagedError names a day that fails.
        """
        from thulium_frames.lake.dayfile import read_day  # Arrow loads slowly

        for day in self._days(date_from, date_to):
            try:
                yield from read_day(self._storage, day)
            except LakeDamagedError as error:
                raise LakeDamagedError(
                    f"{self._storage.address_of(name_of(day))} is damaged: {error}.\n"
                    "thulium-frames verify names all such days, and export --repair reads them again"
                ) from error

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        from pyarrow import RecordBatchReader

        from thulium_frames.lake.dayfile import LAKE_SCHEMA

        reader = RecordBatchReader.from_batches(LAKE_SCHEMA, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        from thulium_frames.lake.dayfile import LAKE_SCHEMA

        return LAKE_SCHEMA.__arrow_c_schema__()

    def _columns_above(self) -> set[str]:
        """Names in the path of the lake that readers of Hive-partitioned folders take for columns."""
        above = {part.partition("=")[0] for part in Path(str(self._storage)).parts if "=" in part}
        if hidden := above & {*COLUMNS, CALL_DATE}:
            raise LakeError(
                f"the lake {self._storage} cannot be scanned: a folder above it would stand for the column "
                f"{min(hidden)}.\nMove the lake, or rename that folder"
            )
        return above

    def _days(self, date_from: Bound | None, date_to: Bound | None) -> list[date]:
        first, last = Bounds(date_from, date_to).days
        with self._own_errors():
            read_origin(self._storage)
            return days_in(self._storage, first, last)

    @contextmanager
    def _own_errors(self, others: Others | None = None) -> Iterator[None]:
        """Turn errors of the storage into errors of the lake. Errors of others stay what they are."""
        try:
            yield
        except ThuliumFramesError:
            raise
        except OSError as error:
            if others and others.raised(error):
                raise
            raise self._storage.failure(error) from error


def scan_lake(
    path: str | os.PathLike[str], *, date_from: Bound | None = None, date_to: Bound | None = None
) -> pl.LazyFrame:
    """The lake at `path`, or days of it, as a lazy frame: `Lake(path).scan(date_from, date_to)`."""
    return Lake(path).scan(date_from, date_to)

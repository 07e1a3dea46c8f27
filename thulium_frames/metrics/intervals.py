"""The figures over time, by the wall clock."""

from math import gcd

import polars as pl
from polars import selectors as cs

from thulium_frames.metrics import figures
from thulium_frames.metrics.every import Every, interval_of
from thulium_frames.metrics.figures import Denominator
from thulium_frames.metrics.frames import Frame, like, read_once
from thulium_frames.metrics.groups import By, calls_for, group_columns

#: Every offset from UTC is a multiple of this.
_OFFSET_MINUTES = 15
#: Longer than any offset from UTC.
_MARGIN = pl.duration(days=1)
_IS_DATED = pl.col("date_utc").is_not_null()


def by_interval(
    frame: Frame,
    *,
    every: Every,
    by: By = (),
    denominator: Denominator | None = None,
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
    time_zone: str = "Europe/Warsaw",
) -> Frame:
    """The table of `summary` per interval of the wall clock, sorted by interval and then by group.

    `every` is a duration of Polars or a timedelta: `15m`, `30m`, `1h`, `1d`, `1w`, `1mo`, `1q`, `1y`, a multiple of
    these, or a sum such as `1h30m`; a whole number of minutes or of months, up to a century. Weeks start on Monday, and
    so does every interval of whole weeks (`7d`). Intervals that do not divide a day, a week or a year (`7h`, `3d`,
    `5mo`) follow each other since 1970.

    A call belongs to the interval in which its first leg started, as `date` shows it. (Genesys uses the interval in
    which the call ended.) Every interval from the frame's first call to its last has one row for every group in the
    frame. A row without calls has 0 for every count and null for every rate. Calls without a date are in rows whose
    interval is null.

    `interval_seconds` is the real length of the interval in `time_zone`, the time zone of `date`. In October the
    repeated hour is one row, twice as long. In March the skipped hour has no row. If a call is dated in the skipped
    hour nevertheless, its row has null as its length. So no call is lost or counted twice. To get a load per hour,
    divide by `interval_seconds`.
    """
    length = interval_of(every)
    grouped: list[str] = group_columns(by)
    keys: list[str] = ["interval", *grouped]
    told: list[pl.Expr] = figures.beside(keys, figures.whole_table(target_seconds, denominator, short_abandon_seconds))
    calls = calls_for(frame.lazy(), grouped, [*told, pl.col("date"), _IS_DATED])
    placed = calls.with_columns(pl.col("date").dt.truncate(length).alias("interval"))
    table = placed.group_by(keys).agg(*told, _IS_DATED.any().alias("_is_dated"))
    names = [*keys, "interval_seconds", *(figure.meta.output_name() for figure in told)]
    return like(frame, read_once(table, lambda rows: _on_grid(rows, grouped, length, time_zone).select(names)))


def _on_grid(table: pl.LazyFrame, grouped: list[str], length: str, time_zone: str) -> pl.LazyFrame:
    """The rows of the table, and rows of zeros for intervals without calls."""
    keys = ["interval", *grouped]
    grid = _lengths(table.filter("_is_dated"), length, time_zone)
    if grouped:
        grid = grid.join(table.select(grouped).unique(), how="cross")
    counts = cs.integer() - cs.by_name(*keys, "interval_seconds")
    return (
        grid.join(table, on=keys, how="full", coalesce=True, nulls_equal=True)
        .with_columns(counts.fill_null(0))
        .sort(keys)
    )


def _step_minutes(length: str) -> int:
    """Divides the interval and every offset from UTC. Days, weeks and months start at midnight."""
    is_of_minutes = length.endswith("m")
    return gcd(int(length.removesuffix("m")), _OFFSET_MINUTES) if is_of_minutes else _OFFSET_MINUTES


def _lengths(table: pl.LazyFrame, length: str, time_zone: str) -> pl.LazyFrame:
    """The intervals from the first call to the last, and the real length of each.

    Steps of at most a quarter of an hour in UTC are converted to the wall clock and counted per interval, so a change
    of the clocks needs no special case.
    """
    interval, minutes = pl.col("interval"), _step_minutes(length)
    span = table.select(
        interval.min().alias("_first"),
        interval.max().alias("_last"),
        (interval.min() - _MARGIN).dt.replace_time_zone("UTC").alias("_from"),
        (interval.max().dt.offset_by(length) + _MARGIN).dt.replace_time_zone("UTC").alias("_to"),
    )
    steps = pl.datetime_ranges("_from", "_to", f"{minutes}m", time_zone="UTC")
    return (
        span.drop_nulls()
        .select("_first", "_last", steps.alias("_step"))
        .explode("_step")
        .with_columns(interval=pl.col("_step").dt.convert_time_zone(time_zone).dt.replace_time_zone(None))
        .with_columns(interval.dt.truncate(length))
        .filter(interval.is_between("_first", "_last"))
        .group_by("interval")
        .agg((pl.len().cast(pl.Int64) * minutes * 60).alias("interval_seconds"))
    )

"""The figures over time, by the wall clock."""

from collections.abc import Sequence
from typing import Literal, get_args

import polars as pl
from polars import selectors as cs

from thulium_frames.metrics import figures
from thulium_frames.metrics.figures import Denominator
from thulium_frames.metrics.frames import Frame, like
from thulium_frames.metrics.legs import calls

Every = Literal["15m", "30m", "1h", "1d", "1w"]

#: All clocks of the world are set by multiples of it.
_STEP = "15m"
_STEP_SECONDS = 15 * 60
#: More than the longest interval and any offset from UTC.
_MARGIN = pl.duration(days=9)


def by_interval(
    frame: Frame,
    *,
    every: Every,
    by: Sequence[str] = (),
    denominator: Denominator | None = None,
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
    time_zone: str = "Europe/Warsaw",
) -> Frame:
    """The table of `summary` per interval of the wall clock, by interval and then group.

    A call belongs to the interval in which its first leg started, as `date` shows it; Genesys counts it where it ended.
    Weeks start on Monday. Every interval from the first call of the frame to its last has a row, for every group that
    the frame has; one without calls has counts of 0, and null for every rate. Calls without a date are in a row whose
    interval is null.

    `interval_seconds` is how long the interval really took in `time_zone`, which is that of `date`. In October the
    hour that comes twice is one row of both, twice as long; in March the hour that is skipped has no row, unless a call
    is dated in it, and then no length. So no call is lost or counted twice, and a load per hour is to be divided by
    `interval_seconds`.
    """
    if every not in get_args(Every):
        raise ValueError(f"every={every!r} is no interval: give one of {', '.join(get_args(Every))}")
    interval = pl.col("date").dt.truncate(every).alias("interval")
    placed = calls(frame.lazy()).with_columns(interval)
    keys = ["interval", *by]
    expressions = list(figures.whole_table(target_seconds, denominator, short_abandon_seconds))
    table = placed.group_by(keys).agg(*expressions)
    grid = _lengths(placed, every, time_zone)
    if by:
        grid = grid.join(placed.select(by).unique(), how="cross")
    names = [expression.meta.output_name() for expression in expressions]
    counts = cs.integer() - cs.by_name(*keys, "interval_seconds")
    return like(
        frame,
        grid.join(table, on=keys, how="full", coalesce=True, nulls_equal=True)
        .select(*keys, "interval_seconds", *names)
        .with_columns(counts.fill_null(0))
        .sort(keys),
    )


def _lengths(placed: pl.LazyFrame, every: Every, time_zone: str) -> pl.LazyFrame:
    """The intervals that there were from the first call to the last, and how long each took.

    Steps of a quarter of an hour in UTC are shown on the wall clock and counted there, so that a change of the clocks
    needs no case of its own.
    """
    instant = pl.col("date_utc")
    span = placed.filter(instant.is_not_null()).select(
        pl.col("interval").min().alias("_first"),
        pl.col("interval").max().alias("_last"),
        (instant.min().dt.truncate("1d") - _MARGIN).alias("_from"),
        (instant.max() + _MARGIN).alias("_to"),
    )
    steps = pl.datetime_ranges("_from", "_to", _STEP, time_zone="UTC")
    return (
        span.drop_nulls()
        .select("_first", "_last", steps.alias("_step"))
        .explode("_step")
        .with_columns(interval=pl.col("_step").dt.convert_time_zone(time_zone).dt.replace_time_zone(None))
        .with_columns(pl.col("interval").dt.truncate(every))
        .filter(pl.col("interval").is_between("_first", "_last"))
        .group_by("interval")
        .agg((pl.len().cast(pl.Int64) * _STEP_SECONDS).alias("interval_seconds"))
    )

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

#: Every offset from UTC is a multiple of this.
_STEP = "15m"
_STEP_SECONDS = 15 * 60
#: Longer than the longest interval plus any offset from UTC.
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
    """The table of `summary` per interval of the wall clock, sorted by interval and then by group.

    A call belongs to the interval in which its first leg started, as `date` shows it. (Genesys uses the interval in
    which the call ended.) Weeks start on Monday. Every interval from the frame's first call to its last has one row for
    every group in the frame. A row without calls has 0 for every count and null for every rate. Calls without a date
    are in rows whose interval is null.

    `interval_seconds` is the real length of the interval in `time_zone`, the time zone of `date`. In October the
    repeated hour is one row, twice as long. In March the skipped hour has no row. If a call is dated in the skipped
    hour nevertheless, its row has null as its length. So no call is lost or counted twice. To get a load per hour,
    divide by `interval_seconds`.
    """
    if every not in get_args(Every):
        raise ValueError(f"every={every!r} is not an interval: give one of {', '.join(get_args(Every))}")
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
    """The intervals from the first call to the last, and the real length of each.

    Quarters of an hour in UTC are converted to the wall clock and counted per interval, so a change of the clocks needs
    no special case.
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

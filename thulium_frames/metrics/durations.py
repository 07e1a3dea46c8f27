"""Which durations of a leg can be believed. An impossible duration counts as unknown in every figure."""

from typing import Final

import polars as pl

from thulium_frames.metrics.frames import Frame, like

#: No call lasts longer than a day: a channel that got stuck or a clock that was set makes such records.
LONGEST_SECONDS: Final = 24 * 60 * 60
#: Asterisk rounds `duration` and `billsec` on their own, so `billsec` may be a second longer (`initiatedseconds`).
_ROUNDING_SECONDS: Final = 1


def impossible_durations(frame: Frame) -> Frame:
    """One row: the number of `legs`, and how many of them have `impossible_durations`. Records are legs.

    They are impossible when `duration` or `billsec` is negative or longer than a day, or when `billsec` is more than a
    second longer than `duration`. It is not known which of the two is wrong, so both count as unknown in all figures.
    """
    counted = [pl.len().alias("legs"), is_impossible().sum().alias("impossible_durations")]
    return like(frame, frame.lazy().select(expression.cast(pl.Int64) for expression in counted))


def is_impossible() -> pl.Expr:
    """Whether the durations of a leg contradict each other or the length of a day. A missing one contradicts none."""
    duration, billsec = pl.col("duration"), pl.col("billsec")
    out_of_bounds = ~duration.is_between(0, LONGEST_SECONDS) | ~billsec.is_between(0, LONGEST_SECONDS)
    return (out_of_bounds | (billsec - duration > _ROUNDING_SECONDS)).fill_null(value=False)


def believed() -> list[pl.Expr]:
    """`duration` and `billsec`, null where they are impossible."""
    return [pl.when(~is_impossible()).then(name).alias(name) for name in ("duration", "billsec")]


def wait_of(seconds: pl.Expr) -> pl.Expr:
    """A wait of at least 0 seconds. It is unknown when longer than a day: the legs only share an id by chance."""
    return pl.when(seconds <= LONGEST_SECONDS).then(seconds.clip(lower_bound=0))

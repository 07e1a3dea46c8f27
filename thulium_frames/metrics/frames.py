"""Results that are lazy or eager like the given frame, plans that read it once, and durations such as "72h"."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import polars as pl
from polars.io.plugins import register_io_source

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([1-9][0-9]*)([mhdw])")


def like(frame: Frame, result: pl.LazyFrame) -> Frame:
    """The result, eager if `frame` is eager and lazy if it is lazy."""
    if isinstance(frame, pl.DataFrame):
        return result.collect()
    return result


def read_once(frame: pl.LazyFrame, plan: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.LazyFrame:
    """The result of a plan that uses its input more than once, such as for both sides of a join.

    Polars would read a frame as often as a plan uses it. A lake may change in between, and a system would have to send
    everything again.
    """
    schema = plan(pl.LazyFrame(schema=frame.collect_schema())).collect_schema()
    return frame.map_batches(lambda rows: plan(rows.lazy()).collect(), schema=schema)


def made_of(columns: list[str], make: Callable[[list[str]], pl.LazyFrame]) -> pl.LazyFrame:
    """A frame of these columns. Only those that a query needs of it are made."""

    def source(
        names: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        made = make(columns if names is None else names)
        made = made if predicate is None else made.filter(predicate)
        yield made.head(rows).collect() if rows is not None else made.collect()

    return register_io_source(source, schema=make(columns).collect_schema())


def elapsed(within: str | timedelta) -> timedelta:
    """The duration as elapsed time: a day is always 24 hours, also when the clocks change."""
    if isinstance(within, timedelta):
        return within
    match = _DURATION.fullmatch(within)
    if not match:
        raise ValueError(
            f"within={within!r} is not a duration: give a timedelta, or text like '90m', '72h', '7d', '2w'"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})

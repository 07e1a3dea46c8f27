"""What figures can be grouped by."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from thulium_frames.metrics.legs import calls_with, columns_of_calls

#: A column, or several: those of `calls()`, and those of the frame.
By = str | Sequence[str]

_OWN: Final = frozenset(columns_of_calls())


def group_columns(by: By) -> list[str]:
    """The names, each once. A text is one name, not a sequence of letters."""
    return [by] if isinstance(by, str) else list(dict.fromkeys(by))


def calls_by(frame: pl.LazyFrame, by: By) -> pl.LazyFrame:
    """The calls, with the columns of the group. Raises ValueError for a column that does not exist."""
    more = [name for name in group_columns(by) if name not in _OWN]
    if more:
        _check(more, frame.collect_schema().names())
    return calls_with(frame, more)


def _check(more: list[str], columns: list[str]) -> None:
    unknown = [name for name in more if name not in columns]
    if unknown:
        known = ", ".join([*sorted(_OWN), *sorted(set(columns) - _OWN)])
        raise ValueError(f"by={unknown!r} names no column of the calls: give one or more of {known}")

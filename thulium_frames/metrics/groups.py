"""What figures can be grouped by."""

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from thulium_frames.metrics.legs import calls_with, columns_of_calls

#: A column, or several: those of `calls()`, and those of the frame.
By = str | Sequence[str]

_OWN: Final = frozenset(columns_of_calls())


def group_columns(by: By) -> list[str]:
    """The names, each once. A text is one name, not a sequence of letters."""
    return [by] if isinstance(by, str) else list(dict.fromkeys(by))


def calls_for(frame: pl.LazyFrame, by: By, expressions: Iterable[pl.Expr]) -> pl.LazyFrame:
    """The columns of the calls that the expressions and the group need, in any order.

    Raises ValueError for a column that does not exist.
    """
    keys = group_columns(by)
    more = [name for name in keys if name not in _OWN]
    if more:
        _check(more, frame.collect_schema().names())
    return calls_with(frame, [*keys, *(name for expression in expressions for name in expression.meta.root_names())])


def _check(more: list[str], columns: list[str]) -> None:
    unknown = [name for name in more if name not in columns]
    if unknown:
        known = ", ".join([*sorted(_OWN), *sorted(set(columns) - _OWN)])
        raise ValueError(f"by={unknown!r} names no column of the calls: give one or more of {known}")

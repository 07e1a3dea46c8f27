"""A query as a Polars lazy frame: what a plan selects is asked for, and as little else as the API allows."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing
from math import ceil
from typing import Any, Protocol, Self

import polars as pl
from polars.io.plugins import register_io_source

from thulium_frames.endpoint import Filters
from thulium_frames.pushdown import PUSHED, narrowing_of, queries, unpushed
from thulium_frames.records import ALWAYS_BUILT
from thulium_frames.schema import ROW_ORDER, SCHEMA
from thulium_frames.windows import Window

#: Several queries that replace one are all held before they are sorted, so they may have this many rows together.
_HELD_ROWS = 100_000

_log = logging.getLogger("thulium_frames")


class Calls(Protocol):
    """A query on a system; `Connections` is one."""

    @property
    def filters(self) -> Filters: ...

    @property
    def limit(self) -> int | None: ...

    @property
    def window(self) -> Window: ...

    @property
    def page_rows(self) -> int: ...

    def head(self, rows: int) -> Self: ...

    def with_filters(self, filters: Filters) -> Self:
        """The same system, asked with other filters."""
        ...

    def counted(self, window: Window) -> int:
        """How many calls the system counts in a window. Sends one request."""
        ...

    def pieces(self, window: Window, *, columns: Collection[str]) -> Generator[Any]:
        """Pieces of the window in time order. Each one has a `batch`, with rows in `schema.ROW_ORDER`."""
        ...


def scan_of(calls: Calls) -> pl.LazyFrame:
    """A lazy frame of these calls. `Connections.scan` says what it does."""

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        names = SCHEMA.names if columns is None else columns
        for frame in _found(calls, names, predicate, rows):
            yield (frame if predicate is None else frame.filter(predicate)).select(names)

    return register_io_source(
        frames,
        schema=pl.Schema(SCHEMA),
        explain_name="THULIUM",
        explain_detail=f"{calls}; requests are narrowed by filters on {', '.join(PUSHED)}",
    )


def _found(
    calls: Calls, columns: Collection[str], predicate: pl.Expr | None, rows: int | None
) -> Iterator[pl.DataFrame]:
    """Frames in time order that hold at least the calls that the predicate selects."""
    narrowing = narrowing_of(predicate)
    has_limit = rows is not None or calls.limit is not None
    _tell_unpushed(predicate, has_limit)
    if has_limit:  # it applies before the filter
        first = calls if rows is None else calls.head(rows)
        yield from _read(first, first.window, columns)
    elif window := narrowing.window(calls.filters):
        filters, each = queries(calls.filters, narrowing)
        one, many = calls.with_filters(filters), [(calls.with_filters(each), is_it) for each, is_it in each]
        frame = of_each_value(many, one, window, columns)
        yield from _read(one, window, columns) if frame is None else [frame]


def _read(calls: Calls, window: Window, columns: Collection[str]) -> Iterator[pl.DataFrame]:
    with closing(calls.pieces(window, columns=columns)) as pieces:
        yield from (pl.DataFrame(piece.batch) for piece in pieces if piece.batch.num_rows)


def of_each_value(
    many: Sequence[tuple[Calls, pl.Expr]], one: Calls, window: Window, columns: Collection[str]
) -> pl.DataFrame | None:
    """The calls of many queries, if they take fewer requests than the one query that includes them all; else None.

    None also when their counts changed meanwhile: a call that moved from one value to another may be in neither.
    """
    pages = ceil(one.counted(window) / one.page_rows) if many else 0
    if pages <= 2 * len(many):
        return None
    counts = [query.counted(window) for query, _ in many]
    if sum(counts) > _HELD_ROWS or sum(2 + ceil(count / one.page_rows) for count in counts) >= pages:
        return None
    empty = pl.DataFrame(schema=pl.Schema(SCHEMA)).select(
        name for name in SCHEMA.names if name in {*columns, *ALWAYS_BUILT}
    )
    frames = [frame.filter(is_it) for query, is_it in many for frame in _read(query, window, columns)]
    if counts != [query.counted(window) for query, _ in many]:
        return None
    return pl.concat([empty, *frames]).sort([name for name in ROW_ORDER if name in empty.columns])


def _tell_unpushed(predicate: pl.Expr | None, has_limit: bool) -> None:
    """Say that more is read than is kept. Values of a filter may be telephone numbers, so none is told."""
    if predicate is None or not _log.isEnabledFor(logging.INFO):
        return
    columns = predicate.meta.root_names() if has_limit else unpushed(predicate)
    if columns:
        reason = "a row limit comes before it" if has_limit else "the API has no such filter"
        _log.info("the filter on %s narrows no request (%s): Polars applies it", ", ".join(columns), reason)

"""Which calls of an answer belong to a window. An answer may hold more at the edges than its window. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from thulium_frames.records import HeldCall
from thulium_frames.windows import Window

if TYPE_CHECKING:
    import pyarrow as pa


def minutes_of(calls: Sequence[HeldCall]) -> list[str]:
    """The minute of each call as text, "" for a call without a date."""
    return [(call.date or "")[:16] for call in calls]


def calls_before(moment: datetime, calls: Sequence[HeldCall]) -> list[HeldCall]:
    """The calls before a whole minute. Those without a date count among them."""
    return [call for call, minute in zip(calls, minutes_of(calls), strict=True) if minute < f"{moment:%Y-%m-%d %H:%M}"]


def rows_within(window: Window, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of the window; the batch is sorted by `date`, which is never null."""
    dates = batch.column("date")

    def place_of(moment: datetime) -> int:
        return bisect_left(range(batch.num_rows), moment, key=lambda row: dates[row].as_py())

    start = place_of(window.start)
    return batch.slice(start, place_of(window.end) - start)

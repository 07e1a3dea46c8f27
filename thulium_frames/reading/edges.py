"""Which calls of an answer belong to a window. An answer may hold more at the edges than its window. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import polars as pl
import pyarrow as pa

from thulium_frames.errors import ContractError
from thulium_frames.records import HeldCall
from thulium_frames.windows import DAY, Window, floor


def minutes_of(calls: Sequence[HeldCall]) -> list[str]:
    """The minute of each call as text, "" for a call without a date."""
    return [(call.date or "")[:16] for call in calls]


def calls_before(moment: datetime, calls: Sequence[HeldCall]) -> list[HeldCall]:
    """The calls before a whole minute. Those without a date count among them."""
    return [call for call, minute in zip(calls, minutes_of(calls), strict=True) if minute < f"{moment:%Y-%m-%d %H:%M}"]


def rows_within(window: Window, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of the window; the batch is sorted by `date`.

    Raises ContractError for a call without a date, and for one that is days away from the window.
    """
    dates = pl.DataFrame(batch.select(["date"])).to_series()
    if dates.has_nulls():
        raise ContractError(
            f"a call in the window {window} has no date that can be read: {_name(batch.slice(0, 1))}. "
            "It cannot be placed in a day; ask Thulium's support about this record"
        )
    if len(dates):
        days = Window(floor(window.start, DAY), floor(window.end, DAY) + DAY)  # some systems may read bounds by the day
        refuse_others(window, dates[0], dates[-1], days)
    before, upto = (int(dates.search_sorted(moment)) for moment in (window.start, window.end))
    return batch.slice(before, upto - before)


def refuse_others(asked: Window, first: datetime, last: datetime, tolerated: Window) -> None:
    """Raise ContractError when `first` or `last`, the dates of calls that came, lie outside what is tolerated."""
    for moment in (first, last):
        if not tolerated.start <= moment <= tolerated.end:
            raise ContractError(
                f"asked for calls of {asked}, the system answered one of {moment:%Y-%m-%d %H:%M}: "
                "it does not keep to the bounds it is asked for, so no set of calls can be proven"
            )


def _name(row: pa.RecordBatch) -> str:
    values = row.to_pylist()[0]
    date = msgspec.json.decode(values["rescued_data"] or "{}").get("date")
    return f"connection_id {values['connection_id']}, date {date!r}"

"""Callers who have to call again."""

from datetime import timedelta
from typing import Final

import polars as pl

from thulium_frames.metrics.customers import customer_calls
from thulium_frames.metrics.frames import Frame, elapsed, like
from thulium_frames.metrics.legs import LAST

_KEPT: Final = ("connection_id", "date", "date_utc", "queue_id", "agent", "handled")


def repeat_calls(frame: Frame, *, within: str | timedelta = "7d") -> Frame:
    """One row per INBOUND call of a known number, and the next call of that number; by `date_utc`, `connection_id`.

    `repeated` says whether the next INBOUND call came within `within` (elapsed time, start to start). If it did,
    `next_date` (wall clock) and `seconds` say when; otherwise both are null. `censored` marks calls that started less
    than `within` before the frame's last call: they may still be repeated. So a rate is

        repeat_calls(frame).filter(~pl.col("censored")).select(pl.col("repeated").mean())

    that is, repeated calls / uncensored calls. Numbers are `normalised`; withheld numbers and calls between colleagues
    are left out. Source: QueueMetrics (168 hours, anonymous skipped), Capturi (the last window is censored). What
    cannot be known: whether both calls had the same subject. One person with two numbers is two callers.
    """
    window = elapsed(within)
    inbound = customer_calls(frame.lazy(), ["type", *_KEPT, LAST]).filter(
        pl.col("type") == "INBOUND", pl.col("caller").is_not_null()
    )
    until_next = pl.col("date_utc").shift(-1).over("caller") - pl.col("date_utc")
    repeated = (until_next <= window).fill_null(value=False)
    return like(
        frame,
        inbound.sort("date_utc", "connection_id", maintain_order=True)
        .select(
            *("connection_id", "date", "date_utc", "caller", "queue_id", "agent", "handled"),
            repeated.alias("repeated"),
            pl.when(repeated).then(pl.col("date").shift(-1).over("caller")).alias("next_date"),
            pl.when(repeated).then(until_next.dt.total_seconds()).alias("seconds"),
            (pl.col("date_utc") > pl.col(LAST) - window).alias("censored"),
        )
        .sort("date_utc", "connection_id", maintain_order=True),
    )

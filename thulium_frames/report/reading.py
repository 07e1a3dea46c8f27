"""The calls of a lake that a report is about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from thulium_frames import metrics
from thulium_frames.errors import LakeDamagedError
from thulium_frames.lake import Lake, Status
from thulium_frames.report.discretion import filter_names, system_name

#: What the figures of a report need of the calls.
_NEEDED: Final = (
    *("connection_id", "date", "date_utc", "type", "src", "dst", "user_login", "agent", "queue_id", "handled"),
    *("answered_by_machine", "failed", "wait_seconds", "talk_seconds", "transfers", "disconnected_by"),
    *("rating_type", "rating_rate", "legs", "last_leg_utc"),
)
#: Texts that repeat, as numbers of these texts. A year takes a third less memory in this way.
_REPEATED: Final = (
    pl.col(
        *("type", "src", "dst", "disposition", "user", "user_login", "dst_user", "dst_user_login", "transferred_to"),
        "disconnected_by",
    ).cast(pl.Categorical),
    pl.col("rating").cast(pl.Struct({"type": pl.Categorical, "rate": pl.Categorical})),
)


@dataclass(frozen=True)
class Period:
    """The days of a report, and how complete they are. `first` and `last` are None in a lake without days."""

    system: str
    time_zone: str
    filters: Sequence[str]
    """Names of the lake's filters, without their values."""
    first: date | None
    last: date | None
    read: tuple[datetime, datetime] | None
    """The earliest and the latest moment at which a day was read, by the wall clock of `time_zone`."""
    missing: int
    """How many days of the period the lake does not have."""
    unsettled: int
    """How many days of the period the next export reads again."""


def read(lake: Lake, first: date | None = None, last: date | None = None) -> tuple[pl.DataFrame, Period]:
    """The table of `metrics.calls`, without columns that a report does not need, of the days from `first` to `last`.

    Both days are included. None means the lake's first or last day.

    Raises LakeDamagedError when one of these days cannot be read.
    """
    held = lake.status()
    period = _period(held, first, last)
    for day, damage in held.damaged.items():
        if _is_in(day, period):
            raise LakeDamagedError(
                f"{lake.path}: the day {day} is damaged: {damage}.\n"
                f"Read it again with thulium-frames export {lake.path} --repair"
            )
    legs = lake.scan().filter(pl.col("call_date").is_between(period.first, period.last))
    try:
        return metrics.calls(legs.with_columns(*_REPEATED)).select(_NEEDED).collect(), period
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise LakeDamagedError(
            f"{lake.path} cannot be read: {reason}.\nthulium-frames verify {lake.path} names each damaged day"
        ) from error


def _period(held: Status, first: date | None, last: date | None) -> Period:
    days = sorted([*(fact.day for fact in held.days), *held.damaged])
    known = [day for day in (first, last, *days[:1], *days[-1:]) if day is not None]
    first, last = first or min(known, default=None), last or max(known, default=None)
    zone = ZoneInfo(held.origin["time_zone"])
    system, filters = system_name(held.origin["system"]), filter_names(held.origin["filters"])
    bare = Period(system, zone.key, filters, first, last, None, 0, 0)
    read = [fact.read_at.astimezone(zone).replace(tzinfo=None) for fact in held.days if _is_in(fact.day, bare)]
    present = sum(_is_in(day, bare) for day in days)
    return replace(
        bare,
        read=(min(read), max(read)) if read else None,
        missing=(last - first).days + 1 - present if first and last else 0,
        unsettled=sum(_is_in(day, bare) for day in held.unsettled),
    )


def _is_in(day: date, period: Period) -> bool:
    return period.first is not None and period.last is not None and period.first <= day <= period.last

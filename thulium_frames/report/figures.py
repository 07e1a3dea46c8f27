"""The figures of a report as text, for the page and for the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from thulium_frames import metrics
from thulium_frames.metrics import Denominator
from thulium_frames.report.discretion import queue_name, scales
from thulium_frames.report.words import count, duration, percent, quotient

TARGET_SECONDS: Final = 20
SHORT_ABANDON_SECONDS: Final = 5
DENOMINATOR: Final[Denominator] = "less_short_abandons"
WITHIN: Final = "72h"

_OPTIONS: Final[dict[str, Any]] = {
    "denominator": DENOMINATOR,
    "target_seconds": TARGET_SECONDS,
    "short_abandon_seconds": SHORT_ABANDON_SECONDS,
}
_ENDS: Final = {
    "open": "nobody has talked to them yet",
    "called back": "an agent called them and they talked",
    "called again": "they called again and were answered",
    "anonymous": "they withheld their number, so nobody can call back",
}

Row = tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    name: str
    value: str
    of: str
    """What the value refers to: its unit and denominator."""


@dataclass(frozen=True)
class Figures:
    """All numbers of a report."""

    calls: int
    headline: list[Figure]
    repeats: Figure
    queues: list[Row]
    backlog: list[Row]
    ratings: dict[str, list[Row]]
    """Keyed by a text that names the type of rating and its response rate."""


def figures_of(calls: pl.DataFrame) -> Figures:
    """The figures of a frame with the columns of the schema, or of `metrics.calls`."""
    (row,) = metrics.summary(calls, **_OPTIONS).to_dicts()
    return Figures(row["calls"], _headline(row), _repeats(calls), _queues(calls), _backlog(calls), _ratings(calls))


def _headline(row: Mapping[str, Any]) -> list[Figure]:
    ratio = {name: quotient(row, name) for name in ("abandonment_rate", "service_level", "transfer_rate")}
    early = f"without {count(row['short_abandoned'])} given up within {SHORT_ABANDON_SECONDS} s"
    median, p90 = duration(row["median_speed_of_answer"]), duration(row["p90_speed_of_answer"])
    return [
        Figure("Offered calls", count(row["offered"]), "inbound calls that came to a queue"),
        Figure("Handled calls", count(row["handled"]), "offered calls that an agent answered"),
        Figure(
            "Abandonment rate",
            percent(row["abandonment_rate"]),
            f"{ratio['abandonment_rate']} handled and abandoned calls; {early}",
        ),
        Figure(
            "Service level",
            percent(row["service_level"]),
            f"answered within {TARGET_SECONDS} s: {ratio['service_level']} handled and abandoned calls; {early}",
        ),
        Figure(
            "Average speed of answer",
            duration(row["average_speed_of_answer"]),
            f"mean wait of handled calls; median {median}, 90\N{NO-BREAK SPACE}% within {p90}",
        ),
        Figure("Average talk", duration(row["average_talk"]), "per handled call, without after-call work"),
        Figure("Transfer rate", percent(row["transfer_rate"]), f"{ratio['transfer_rate']} handled calls"),
    ]


def _repeats(calls: pl.DataFrame) -> Figure:
    known = metrics.repeat_calls(calls).filter(~pl.col("censored"))["repeated"]
    rate = known.mean() if len(known) else None
    of = f"{count(int(known.sum()))} of {count(len(known))} inbound calls; the last 7 days cannot be known yet"
    return Figure("Repeat-call rate", percent(rate if isinstance(rate, float) else None), of)


def _queues(calls: pl.DataFrame) -> list[Row]:
    table = metrics.summary(calls, by=["queue_id"], **_OPTIONS).drop_nulls("queue_id")
    return [
        (
            *(queue_name(row["queue_id"]), count(row["offered"]), count(row["handled"]), count(row["abandoned"])),
            *(percent(row["abandonment_rate"]), percent(row["service_level"])),
            *(duration(row["average_speed_of_answer"]), duration(row["average_talk"])),
        )
        for row in table.sort("offered", "queue_id", descending=[True, False]).iter_rows(named=True)
    ]


def _backlog(calls: pl.DataFrame) -> list[Row]:
    missed = metrics.missed_calls(calls, within=WITHIN)
    states = missed.group_by("state", maintain_order=True).agg(
        pl.len(), pl.col("seconds").median(), pl.col("censored").sum()
    )
    return [
        (row["state"], count(row["len"]), _meaning(row["state"], row["censored"]), duration(row["seconds"]))
        for row in states.iter_rows(named=True)
    ]


def _meaning(state: str, censored: int) -> str:
    waiting = f"; {count(censored)} called in the last 72 hours" if censored else ""
    return f"{_ENDS[state]}{waiting}"


def _ratings(calls: pl.DataFrame) -> dict[str, list[Row]]:
    return {
        f"{scale.name}, given by {percent(scale.response)} of handled calls": [
            (rated.rate, count(rated.calls), percent(rated.share)) for rated in scale.rows
        ]
        for scale in scales(metrics.ratings(calls).to_dicts())
    }

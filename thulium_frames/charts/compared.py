"""Queues compared with each other."""

from typing import Final

import altair as alt
import polars as pl

from thulium_frames import metrics
from thulium_frames.charts.looks import (
    DENOMINATORS,
    OUTCOME_COLOURS,
    by_outcome,
    coloured,
    data,
    headed,
    number_of,
    percent,
    seconds_in_words,
)
from thulium_frames.metrics import Denominator

#: The axis is this many times as long as the longest bar, which leaves room for the number after the bar.
_ROOM: Final = 1.25
_LONGEST_ID: Final = 999_999
_SUMS = ["queue", "offered", "level", "abandonment"]


def queues(
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    denominator: Denominator,
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
) -> alt.LayerChart:
    """Queues, the busiest first, with their service level. To read: the longer the red part, the more callers gave up.

    The number after a bar is the service level: calls answered within `target_seconds`, as a share of `denominator`.
    """
    table = _queues(frame.lazy(), denominator, target_seconds, short_abandon_seconds)
    level = f"answered within {seconds_in_words(target_seconds)}"
    queue = alt.Y("queue:N", title=None, sort=table["queue"].to_list())
    tooltips = [
        alt.Tooltip("queue:N", title="queue"),
        number_of("offered", "offered calls"),
        alt.Tooltip("abandonment:N", title="abandonment rate"),
        alt.Tooltip("level:N", title=f"{level}, {DENOMINATORS[denominator]}"),
    ]
    return alt.LayerChart(
        layer=[_bars(table, queue, tooltips), _levels(table, queue, tooltips)],
        title=headed("Queues compared", f"% = {level}, {DENOMINATORS[denominator]}"),
        width=620,
        height=34 * max(len(table), 1),
    )


def _bars(table: pl.DataFrame, queue: alt.Y, tooltips: list[alt.Tooltip]) -> alt.Chart:
    axis = alt.Axis(tickMinStep=1, tickCount=6, labelOverlap=True)
    room = alt.Scale(domain=[0, _ROOM * max(table["offered"], default=1)], nice=False)
    parts = [alt.Tooltip("outcome:N", title="this part"), number_of("calls", "calls of this part")]
    chart: alt.Chart = (
        alt.Chart(data(by_outcome(table, _SUMS)))
        .mark_bar()
        .encode(
            queue,
            alt.X("calls:Q", title="offered calls", axis=axis, scale=room),
            coloured("outcome", OUTCOME_COLOURS),
            order="place:Q",
            tooltip=[*tooltips, *parts],
        )
    )
    return chart


def _levels(table: pl.DataFrame, queue: alt.Y, tooltips: list[alt.Tooltip]) -> alt.Chart:
    labels = alt.Chart(data(table.select(_SUMS))).mark_text(align="left", dx=5)
    chart: alt.Chart = labels.encode(queue, alt.X("offered:Q"), text="level:N", tooltip=tooltips)
    return chart


def _name() -> pl.Expr:
    """The id of a queue. Of an id that may be a telephone number, only the end."""
    text = pl.col("queue_id").cast(pl.String)
    end = pl.format("queue …{}", text.str.tail(3))
    return pl.when(pl.col("queue_id").abs() > _LONGEST_ID).then(end).otherwise(pl.format("queue {}", text))


def _queues(frame: pl.LazyFrame, denominator: Denominator, target: float, short: float) -> pl.DataFrame:
    """One summary row per queue, with the texts that the chart shows."""
    options = {"target_seconds": target, "short_abandon_seconds": short}
    table = metrics.summary(frame, by=["queue_id"], denominator=denominator, **options)
    return (
        table.drop_nulls("queue_id")
        .sort("offered", "queue_id", descending=[True, False])
        .with_columns(
            _name().alias("queue"),
            percent("service_level").alias("level"),
            percent("abandonment_rate").alias("abandonment"),
        )
        .collect()
    )

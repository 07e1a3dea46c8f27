"""Figures over time, by the wall clock."""

from datetime import timedelta
from typing import Final, Literal

import altair as alt
import polars as pl

from thulium_frames import metrics
from thulium_frames.charts.looks import (
    DENOMINATORS,
    GREEN,
    GREY,
    OUTCOME_COLOURS,
    SKY_BLUE,
    VERMILLION,
    by_outcome,
    coloured,
    data,
    headed,
    number_of,
    percent,
    seconds_in_words,
    wall_clock,
)
from thulium_frames.metrics import Denominator

#: The intervals of a chart over time.
Interval = Literal["15m", "30m", "1h", "1d", "1w", "1mo", "1q", "1y"]
_IN_WORDS: Final[dict[Interval, str]] = {
    "15m": "quarter of an hour",
    "30m": "half hour",
    "1h": "hour",
    "1d": "day",
    "1w": "week",
    "1mo": "month",
    "1q": "quarter",
    "1y": "year",
}
_STATE_COLOURS: Final = {"open": VERMILLION, "called back": SKY_BLUE, "called again": GREEN, "anonymous": GREY}
_LONG: Final[tuple[Interval, ...]] = ("1d", "1w", "1mo", "1q", "1y")
_KEYS = ["start", "end", "clock"]


def answered_and_missed(
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    denominator: Denominator,
    every: Interval = "1d",
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
) -> alt.LayerChart:
    """Offered calls over time and the service level. To read: where red grows and the line falls, callers wait in vain.

    The line, on the right axis, is the service level: calls answered within `target_seconds`, as a share of
    `denominator`. The line has gaps where there were no calls.
    """
    words = _words(every)
    table = metrics.by_interval(
        frame.lazy(),
        every=every,
        denominator=denominator,
        target_seconds=target_seconds,
        short_abandon_seconds=short_abandon_seconds,
    )
    shown = _placed(table, every).with_columns(percent("service_level").alias("level")).collect()
    within = f"answered within {seconds_in_words(target_seconds)}"
    chart: alt.LayerChart = alt.LayerChart(
        layer=[_outcomes(shown, every), _service_level(shown, every, f"service level, {within}")],
        title=headed(f"Calls answered and missed, by {words}", f"line: {within}, {DENOMINATORS[denominator]}"),
        width=620,
        height=260,
    ).resolve_scale(y="independent")
    return chart


def _words(every: Interval) -> str:
    if every not in _IN_WORDS:
        raise ValueError(f"every={every!r} is not an interval of a chart: give one of {', '.join(_IN_WORDS)}")
    return _IN_WORDS[every]


def _placed(table: pl.LazyFrame, every: Interval) -> pl.LazyFrame:
    """Adds the `start`, `end` and `middle` of each row's `interval`, and the start as text in `clock`."""
    start = pl.col("interval")
    end = start.dt.offset_by(every)
    clock = "%a %Y-%m-%d" if every in _LONG else "%a %Y-%m-%d %H:%M"
    return table.drop_nulls("interval").with_columns(
        start.alias("start"),
        end.alias("end"),
        (start + (end - start) / 2).alias("middle"),
        start.dt.strftime(clock).alias("clock"),
    )


def _outcomes(table: pl.DataFrame, every: Interval) -> alt.Chart:
    chart = alt.Chart(data(by_outcome(table, [*_KEYS, "level"])))
    told = [alt.Tooltip("outcome:N", title="calls that were"), number_of("calls", "calls")]
    level = alt.Tooltip("level:N", title="service level")
    return _stacked(chart, every, "calls", coloured("outcome", OUTCOME_COLOURS), [*told, level])


def _stacked(
    chart: alt.Chart, every: Interval, counted: str, colour: alt.Color, told: list[alt.Tooltip], of: str = ""
) -> alt.Chart:
    """Bars as wide as their interval, stacked in the order of `place`. The tooltip of a bar shows `told`."""
    interval = _IN_WORDS[every]
    bars: alt.Chart = chart.mark_bar(orient="vertical", binSpacing=1).encode(
        wall_clock("start", f"{interval}{of} (wall clock)", of_days=every in _LONG),
        alt.X2("end:T"),
        alt.Y(f"{counted}:Q", title=f"{counted} by {interval}", axis=alt.Axis(tickMinStep=1), stack="zero"),
        colour,
        order="place:Q",
        tooltip=[alt.Tooltip("clock:N", title=interval), *told],
    )
    return bars


def _service_level(table: pl.DataFrame, every: Interval, title: str) -> alt.LayerChart:
    """A black line with a white edge, which stands out from every bar on light and on dark pages."""
    axis = alt.Axis(orient="right", format="%", grid=False, titlePadding=8)
    base = alt.Chart(data(table.select(*_KEYS, "middle", "service_level", "level"))).encode(
        wall_clock("middle", "", of_days=every in _LONG),
        alt.Y("service_level:Q", title=title, axis=axis, scale=alt.Scale(domain=[0, 1])),
        tooltip=[alt.Tooltip("clock:N", title="from"), alt.Tooltip("level:N", title="service level")],
    )
    points = alt.OverlayMarkDef(color="black", stroke="white", strokeWidth=1, size=28)
    edge = base.mark_line(color="white", strokeWidth=4)
    return alt.LayerChart(layer=[edge, base.mark_line(color="black", strokeWidth=1.8, point=points)])


def missed_backlog(
    frame: pl.DataFrame | pl.LazyFrame, *, every: Interval = "1d", within: str | timedelta = "72h"
) -> alt.Chart:
    """Missed callers, by the time of their first try and their state. To read: red callers still wait for a call.

    The chart counts the rows of `metrics.missed_calls`. What happened after the end of the frame is not known, so its
    last days look worse than they are.
    """
    words = _words(every)
    table = data(_backlog(frame.lazy(), every, within))
    chart = alt.Chart(table, title=headed(f"Missed callers, by {words}"), width=620, height=240)
    told = [
        alt.Tooltip("state:N", title="callers"),
        number_of("callers", "how many"),
        number_of("censored", "still within the time to call back"),
    ]
    return _stacked(chart, every, "callers", coloured("state", _STATE_COLOURS), told, of=" of the first try")


def _backlog(frame: pl.LazyFrame, every: Interval, within: str | timedelta) -> pl.DataFrame:
    interval = pl.col("first_missed").dt.truncate(every).alias("interval")
    place = pl.col("state").replace_strict(list(_STATE_COLOURS), range(len(_STATE_COLOURS)), return_dtype=pl.Int8)
    counted = (
        metrics.missed_calls(frame, within=within)
        .group_by(interval, "state")
        .agg(pl.len().alias("callers"), pl.col("censored").sum())
    )
    placed = _placed(counted, every).with_columns(place.alias("place"))
    return placed.select(*_KEYS, "state", "place", "callers", "censored").sort("start", "place").collect()

"""How calls spread over the week, and how long callers wait."""

from typing import Final, Literal

import altair as alt
import polars as pl

from thulium_frames import metrics
from thulium_frames.charts.looks import OUTCOME_COLOURS, SHADES, by_outcome, coloured, data, headed, number_of

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: What can be counted by the hour: columns of a summary, and their titles.
Counted = Literal["calls", "offered", "handled", "abandoned"]
_COUNTED: Final[dict[Counted, str]] = {
    "calls": "All calls",
    "offered": "Offered calls",
    "handled": "Answered calls",
    "abandoned": "Abandoned calls",
}


def calls_by_hour(frame: pl.DataFrame | pl.LazyFrame, *, count: Counted = "offered") -> alt.Chart:
    """Heat map of calls by weekday and hour. To read: the stronger a field's colour, the more calls start in that hour.

    The colour is a mean: calls that started in this hour of this weekday / number of such weekdays from the frame's
    first call to its last. `count` is a column of `metrics.summary`.
    """
    title = headed(f"{_COUNTED[count]} an hour, by weekday")
    chart: alt.Chart = (
        alt.Chart(data(_by_hour(frame.lazy(), count)), title=title, width=620, height=26 * len(WEEKDAYS))
        .mark_rect()
        .encode(
            alt.X(
                "hour:O",
                title="hour of the day (wall clock)",
                scale=alt.Scale(domain=list(range(24))),
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            alt.Y("weekday:N", title=None, scale=alt.Scale(domain=list(WEEKDAYS))),
            alt.Color(
                "mean:Q",
                title="calls an hour",
                scale=alt.Scale(range=SHADES, domainMin=0),
                legend=alt.Legend(orient="top", gradientLength=160),
            ),
            tooltip=[
                alt.Tooltip("weekday:N", title="weekday"),
                alt.Tooltip("clock:N", title="hour"),
                alt.Tooltip("mean:Q", title="calls an hour", format=",.1f"),
                number_of("calls", "calls in all"),
                number_of("days", "days of this name"),
            ],
        )
    )
    return chart


def _by_hour(frame: pl.LazyFrame, count: Counted) -> pl.DataFrame:
    """For each hour of each weekday: its `calls`, the number of such weekdays as `days`, and their quotient `mean`."""
    start = pl.col("interval")
    hours = (
        metrics.by_interval(frame, every="1h")
        .drop_nulls("interval")
        .with_columns(
            start.dt.weekday().alias("day"),
            start.dt.hour().alias("hour"),
            start.dt.date().n_unique().over(start.dt.weekday()).alias("days"),
        )
    )
    of_day, next_hour = pl.col("day") - 1, pl.col("hour") + 1
    return (
        hours.group_by("day", "hour", "days")
        .agg(pl.col(count).sum().alias("calls"))
        .sort("day", "hour")
        .select(
            of_day.replace_strict(range(7), WEEKDAYS, return_dtype=pl.String).alias("weekday"),
            "hour",
            pl.format("{}:00-{}:00", "hour", next_hour).alias("clock"),
            *("calls", "days"),
            (pl.col("calls") / pl.col("days")).alias("mean"),
        )
        .collect()
    )


def waits(
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    bar_seconds: int = 10,
    longest_seconds: int = 180,
    short_abandon_seconds: float = 5,
) -> alt.Chart:
    """Distribution of waits, stacked by how they ended. To read: a bar's height says how many calls waited so long.

    Waits from `longest_seconds` on are in one bar at the end. Failed calls and unknown waits are left out.
    """
    colours = {name: colour for name, colour in OUTCOME_COLOURS.items() if name != "failed"}
    seconds = _waits(frame.lazy(), bar_seconds, longest_seconds, short_abandon_seconds)
    last = longest_seconds // bar_seconds * bar_seconds
    labels = f"datum.value > {last} ? '' : datum.value == {last} ? '{last}+' : datum.label"
    chart: alt.Chart = (
        alt.Chart(data(seconds), title=headed("How long callers waited"), width=620, height=240)
        .mark_bar(binSpacing=1)
        .encode(
            alt.X("from:Q", title="wait in seconds", axis=alt.Axis(labelExpr=labels, grid=False), bin="binned"),
            alt.X2("to:Q"),
            alt.Y("calls:Q", title="calls", axis=alt.Axis(tickMinStep=1)),
            coloured("outcome", colours),
            order="place:Q",
            tooltip=[
                alt.Tooltip("wait:N", title="wait"),
                alt.Tooltip("outcome:N", title="calls that were"),
                number_of("calls", "calls"),
            ],
        )
    )
    return chart


def _waits(frame: pl.LazyFrame, bar: int, longest: int, short_abandon_seconds: float) -> pl.DataFrame:
    start = (pl.col("wait_seconds").clip(upper_bound=longest) // bar * bar).alias("from")
    by_second = metrics.summary(frame, by=["wait_seconds"], short_abandon_seconds=short_abandon_seconds).collect()
    long = by_outcome(by_second.drop_nulls("wait_seconds"), ["wait_seconds"]).filter(pl.col("outcome") != "failed")
    is_last = pl.col("from") + bar > longest
    in_words = (
        pl.when(is_last)
        .then(pl.format("{} s or longer", "from"))
        .otherwise(pl.format("{} to {} s", "from", pl.col("from") + bar - 1))
    )
    return (
        long.group_by(start, "outcome", "place")
        .agg(pl.col("calls").sum())
        .filter(pl.col("calls") > 0)
        .with_columns((pl.col("from") + bar).alias("to"), in_words.alias("wait"))
        .sort("from", "place")
    )

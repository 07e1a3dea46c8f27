"""What the charts share: colours, legends, axes of time, and how counts become a chart's data."""

from collections.abc import Mapping
from typing import Final, Self

import altair as alt
import polars as pl
from polars import selectors as cs

from thulium_frames.metrics import Denominator

AnyChart = alt.Chart | alt.LayerChart

SKY_BLUE: Final = "#56B4E9"
VERMILLION: Final = "#D55E00"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
GREY: Final = "#999999"

#: From few to many. The first shade is almost transparent, to suit light and dark pages.
SHADES: Final = ["rgba(0, 114, 178, 0.06)", "rgba(0, 114, 178, 1)"]

#: The outcomes of an offered call: the column of a summary, and its name in a chart.
OUTCOMES: Final = {
    "handled": "answered",
    "abandoned": "abandoned",
    "short_abandoned": "abandoned early",
    "failed": "failed",
}
OUTCOME_COLOURS: Final = {"answered": SKY_BLUE, "abandoned": VERMILLION, "abandoned early": ORANGE, "failed": GREY}

DENOMINATORS: Final[Mapping[Denominator, str]] = {
    "handled": "of handled calls",
    "handled_and_abandoned": "of handled and all abandoned calls",
    "less_short_abandons": "of handled and abandoned calls, without early ones",
}


class _Counts(alt.InlineData):
    """Rows that Altair takes as they are. It would check each value and copy each row several times, which takes half a
    minute for a year of quarters of an hour.
    """

    _class_is_valid_at_instantiation = False

    def __deepcopy__(self, memo: object) -> Self:
        return self


def data(table: pl.DataFrame) -> alt.InlineData:
    """A table as the data of a chart. Times become milliseconds of the wall clock, taken as UTC.

    Altair's limit of 5,000 rows does not apply to inline data. It is meant for records, but these are counts.
    """
    return _Counts(values=table.with_columns(cs.temporal().cast(pl.Datetime("ms")).cast(pl.Int64)).to_dicts())


def by_outcome(table: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """One row per summary row and outcome: `outcome`, `calls`, and `place` in the stack."""
    counts = table.select(*keys, *OUTCOMES)
    long = counts.unpivot(on=list(OUTCOMES), index=keys, variable_name="outcome", value_name="calls")
    names, places = list(OUTCOMES), range(len(OUTCOMES))
    return long.with_columns(
        pl.col("outcome").replace_strict(names, places, return_dtype=pl.Int8).alias("place"),
        pl.col("outcome").replace_strict(OUTCOMES, return_dtype=pl.String),
    )


def headed(title: str, subtitle: str = "") -> alt.Title:
    return alt.Title(title, subtitle=subtitle or alt.Undefined, anchor="start", frame="group", offset=10)


def coloured(field: str, colours: Mapping[str, str], title: str | None = None) -> alt.Color:
    """Each value in its colour. The legend above the chart is narrow enough for a phone."""
    return alt.Color(
        f"{field}:N",
        title=title,
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(orient="top", columns=2, symbolType="square"),
    )


def wall_clock(field: str, title: str, *, of_days: bool = False) -> alt.X:
    """A time axis that shows the system's wall clock, not the clock of the machine that draws the chart."""
    labels = "%-d %b" if of_days else "%-d %b %H:%M"
    axis = alt.Axis(format=labels, labelOverlap=True, labelFlush=False, tickCount=8, grid=False)
    return alt.X(f"{field}:T", title=title, scale=alt.Scale(type="utc"), axis=axis)


def percent(value: str) -> pl.Expr:
    """A share as text; null becomes a dash."""
    share = (pl.col(value) * 100).round(1).cast(pl.String) + " %"
    return share.fill_null("–")


def number_of(figure: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{figure}:Q", title=title, format=",")


def seconds_in_words(seconds: float) -> str:
    return f"{seconds:g} s"

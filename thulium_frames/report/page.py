"""A report as one HTML page: text, styles, charts and the JavaScript that draws them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import jinja2
import polars as pl
import vl_convert
from markupsafe import Markup

from thulium_frames.report import words
from thulium_frames.report.figures import (
    DENOMINATOR,
    SHORT_ABANDON_SECONDS,
    TARGET_SECONDS,
    WITHIN,
    Figures,
)
from thulium_frames.report.reading import Period

if TYPE_CHECKING:
    from thulium_frames.charts import AnyChart

_QUEUE_COLUMNS: Final = (
    *("queue", "offered", "handled", "abandoned", "abandonment rate", "service level"),
    *("speed of answer", "average talk"),
)
Every = Literal["1h", "1d", "1w"]
_BY_HOUR_UPTO: Final = 3
_BY_DAY_UPTO: Final = 92


@dataclass(frozen=True)
class Drawn:
    """A chart on the page."""

    name: str
    title: str
    reading: str
    spec: dict[str, Any]


def page_of(calls: pl.DataFrame, figures: Figures, period: Period) -> str:
    """The whole page. If there are no calls, the page says so and has no charts."""
    return (
        _environment()
        .get_template("page.html")
        .render(
            period=period,
            figures=figures,
            queue_columns=_QUEUE_COLUMNS,
            charts={chart.name: chart for chart in _charts(calls, _every(period))} if figures.calls else {},
            javascript=_javascript() if figures.calls else "",
            target=TARGET_SECONDS,
            short=SHORT_ABANDON_SECONDS,
        )
    )


@lru_cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("thulium_frames.report", "template"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": words.count}
    environment.globals |= {"days": words.days}
    return environment


def _javascript() -> Markup:
    """Vega, Vega-Lite and Vega-Embed, escaped for use inside a script element."""
    code = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(code.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704 - the libraries' code


def _every(period: Period) -> Every:
    """An interval that is long enough for a phone to show the whole period."""
    if period.first is None or period.last is None:
        return "1d"
    days = (period.last - period.first).days + 1
    return "1h" if days <= _BY_HOUR_UPTO else "1d" if days <= _BY_DAY_UPTO else "1w"


def _charts(calls: pl.DataFrame, every: Every) -> list[Drawn]:
    from thulium_frames import charts  # Altair: only once the memory for reading a lake is free again

    short: dict[str, Any] = {"short_abandon_seconds": SHORT_ABANDON_SECONDS}
    level: dict[str, Any] = {"denominator": DENOMINATOR, "target_seconds": TARGET_SECONDS, **short}
    return [
        Drawn(
            "answered_and_missed",
            "Answered and missed",
            "Where red grows and the line (the service level, on the right axis) falls, callers waited in vain.",
            _spec(charts.answered_and_missed(calls, every=every, **level)),
        ),
        Drawn(
            "calls_by_hour",
            "The busy hours",
            "The stronger the colour, the more calls come to the queues in that hour of a weekday, on average.",
            _spec(charts.calls_by_hour(calls)),
        ),
        Drawn(
            "waits",
            "How long callers waited",
            "A bar's height says how many calls waited so long: the blue part was answered then, the red one gave up.",
            _spec(charts.waits(calls, **short)),
        ),
        Drawn(
            "queues",
            "Queues compared",
            f"The longer a bar, the busier the queue; the number behind it is its service level at {TARGET_SECONDS} s.",
            _spec(charts.queues(calls, **level)),
        ),
        Drawn(
            "missed_backlog",
            "Missed callers",
            "Red callers are those nobody has talked to since; time that was worked through shows none.",
            _spec(charts.missed_backlog(calls, every=every, within=WITHIN)),
        ),
    ]


def _spec(chart: "AnyChart") -> dict[str, Any]:
    """The chart, as wide as the page allows. The page supplies the title and the theme."""
    spec: dict[str, Any] = chart.to_dict()
    for name in ("title", "config"):
        spec.pop(name, None)
    return spec | {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}

"""How a system answers where the API's page does not say, found out with a few small requests. Shows no record."""

from collections import Counter
from dataclasses import dataclass

import msgspec
import polars as pl

from thulium_frames import metrics
from thulium_frames.connections import Connections, Thulium
from thulium_frames.reading import grain_shown, trial_of
from thulium_frames.records import Page, id_epoch, to_batch
from thulium_frames.windows import MINUTE

_PAGE_ROWS = 100
_NEAR_SECONDS = 120


@dataclass(frozen=True)
class Findings:
    """What the answers of a system show. None means that there are too few calls to tell."""

    calls: int
    """How many calls the API user may see, by the system's count."""
    page_rows: int
    """How many rows came when 100 were asked for."""
    order: str | None
    """The order of one page by `date`: oldest first, newest first, or neither."""
    same_order_twice: bool | None
    """Whether the same request gave the same rows in the same order again."""
    has_seconds: bool | None
    """Whether dates have seconds."""
    date_to: str | None
    """Whether a call in the minute that `date_to` names is included or excluded."""
    grain: str | None
    """minute or day: the smallest span that the system can be asked for."""
    time_zone: str
    time_zone_fits: bool | None
    """Whether most dates, read in `time_zone`, are within two minutes of the clock in `connection_id`."""
    rescued: dict[str, int]
    """Fields that are unknown or did not fit their column, with the number of rows."""
    impossible_durations: int
    """How many of the `page_rows` have a duration that is negative, longer than a day or contradicts the other."""
    sent_by: str
    """The HTTP library that sent the requests: httpx or pyreqwest."""


def examine(thulium: Thulium) -> Findings:
    """Ask a system a few small questions. Raises ApiError when it does not answer them."""
    everything = thulium.connections()
    page, again = _ask(everything), _ask(everything)
    frame = pl.DataFrame(to_batch(page.calls, thulium.time_zone))
    dates = pl.Series([call.date for call in page.calls], dtype=pl.String)
    return Findings(
        calls=page.count,
        page_rows=len(page.calls),
        order=_order(dates),
        same_order_twice=page.calls == again.calls if len(page.calls) > 1 and page.count == again.count else None,
        has_seconds=bool((dates.str.len_chars() > len("2024-07-01 12:34")).any()) if len(dates) else None,
        date_to=_date_to(thulium, frame),
        grain=_grain(everything, page),
        time_zone=thulium.time_zone,
        time_zone_fits=_time_zone_fits(frame),
        rescued=_rescued(frame),
        impossible_durations=metrics.impossible_durations(frame)["impossible_durations"].item(),
        sent_by=thulium.client.library,
    )


def _ask(calls: Connections, *, limit: int = _PAGE_ROWS) -> Page:
    return calls.page(calls.filters.bounds.start, calls.filters.last_minute, limit=limit)


def _order(dates: pl.Series) -> str | None:
    if dates.n_unique() < 2:
        return None
    if dates.is_sorted():
        return "oldest first"
    return "newest first" if dates.is_sorted(descending=True) else "neither"


def _date_to(thulium: Thulium, frame: pl.DataFrame) -> str | None:
    """Ask for the minute of one call: from that minute to that minute."""
    dates = frame["date"].drop_nulls()
    if dates.is_empty():
        return None
    in_a_minute = dates.filter(dates.dt.second() > 0)
    minute = (dates if in_a_minute.is_empty() else in_a_minute).to_list()[-1].replace(second=0, microsecond=0)
    page = _ask(thulium.connections(date_from=minute, date_to=minute), limit=1)
    return "included" if page.count else "excluded"


def _grain(everything: Connections, page: Page) -> str | None:
    """Ask for the minute of one call, and see whether calls of other minutes come."""
    if (trial := trial_of(page.calls)) is None:
        return None
    answer = everything.page(trial.start, trial.end, limit=_PAGE_ROWS)
    return "minute" if grain_shown(trial, answer.calls) == MINUTE else "day"


def _time_zone_fits(frame: pl.DataFrame) -> bool | None:
    told = zip(frame["date_utc"], map(id_epoch, frame["connection_id"]), strict=True)
    apart = [abs(instant.timestamp() - epoch) for instant, epoch in told if instant is not None and epoch is not None]
    return sum(seconds <= _NEAR_SECONDS for seconds in apart) > len(apart) / 2 if apart else None


def _rescued(frame: pl.DataFrame) -> dict[str, int]:
    names = Counter(name for text in frame["rescued_data"].drop_nulls() for name in msgspec.json.decode(text))
    return dict(sorted(names.items()))

"""Callers whom nobody answered, and what happened afterwards."""

from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from thulium_frames.metrics.customers import customer_calls
from thulium_frames.metrics.episodes import STATES, Call, Episode, episodes
from thulium_frames.metrics.frames import Frame, elapsed, like
from thulium_frames.metrics.legs import LAST

_MISSED: Final = pl.Schema(
    {
        "caller": pl.String(),
        "queue_id": pl.Int64(),
        "first_missed": pl.Datetime("us"),
        "last_missed": pl.Datetime("us"),
        "tries": pl.Int64(),
        "callback_tries": pl.Int64(),
        "answered_by_machine": pl.Boolean(),
        "state": pl.String(),
        "seconds": pl.Int64(),
        "censored": pl.Boolean(),
    }
)

_READ: Final = [name for name in Call._fields if name != "caller"]


def missed_calls(frame: Frame, *, within: str | timedelta = "72h") -> Frame:
    """The list to work through in the morning: one row per caller and episode, open first, longest waiting first.

    An episode starts with an INBOUND call that no agent answered, in a queue or not. It ends when an agent reaches the
    number by an ANSWERED OUTBOUND call ("called back"), when an agent handles a later call of the caller ("called
    again"), or when `within` (elapsed time) has passed since its start ("open"). Callers who withhold their number
    cannot be called back: each of their calls has a row "anonymous" at the end.

    | column | meaning; every count is of calls |
    |---|---|
    | `caller`, `queue_id` | the normalised number; the queue of the first try |
    | `first_missed`, `last_missed` | the system's wall clock |
    | `tries` | the caller's calls that no agent answered |
    | `callback_tries` | OUTBOUND calls to the number that nobody answered |
    | `answered_by_machine` | a voicemail or a menu answered one of the tries |
    | `state`, `seconds` | how the episode ended, and how long after the first try, start to start |
    | `censored` | open, and the frame ends before `within` has passed: an answer may still come |

    Calls between colleagues and calls without a date are left out. Source: TIM Plus (a window that the user sets),
    Hipcall (72 hours, for weekends), pbxtools (one entry per caller). What cannot be known: the subject of a call, so
    any answered call to the number counts; and whether a person or a machine answered it. If `date` has no seconds, a
    handled call in the same minute counts as later than the try.
    """
    window = elapsed(within)
    read = customer_calls(frame.lazy(), [*_READ, LAST])
    found = read.map_batches(lambda calls: _listed(calls, window), schema=_MISSED)
    state = pl.col("state").replace_strict(STATES, range(len(STATES)), return_dtype=pl.Int8)
    return like(frame, found.sort(state, "first_missed", *_MISSED))


def _listed(calls: pl.DataFrame, window: timedelta) -> pl.DataFrame:
    """The rows of the result. Missed calls sort before handled calls of the same moment."""
    calls = calls.with_columns(pl.col("date_utc", LAST).dt.replace_time_zone(None))  # Python is slow with time zones
    last = calls[LAST].first()
    ordered = calls.select(Call._fields).drop_nulls(["date", "date_utc"]).sort(Call._fields)
    found = episodes(map(Call._make, ordered.filter(_may_be_in_an_episode()).iter_rows()), window)
    return pl.DataFrame([_row(episode, last, window) for episode in found], schema=_MISSED, orient="row")


def _may_be_in_an_episode() -> pl.Expr:
    """Whether the call is a missed one, or one came before and no handled call since. It spares the slow loop most
    calls, which must be sorted by caller and then by time.
    """
    caller, handled = pl.col("caller"), pl.col("handled")
    is_missed = pl.col("type").eq_missing("INBOUND") & ~handled
    starts_anew = handled.shift(1, fill_value=True) | caller.ne_missing(caller.shift(1))
    misses = is_missed.cast(pl.Int64).cum_sum()
    return misses > pl.when(starts_anew).then(misses - is_missed.cast(pl.Int64)).forward_fill()


def _row(episode: Episode, last: Any, window: timedelta) -> tuple[str | int | datetime | bool | None, ...]:
    first = episode.first
    is_censored = episode.state == "open" and bool(last < first.date_utc + window)
    return (
        *(first.caller, first.queue_id, first.date, episode.last.date, episode.tries, episode.callback_tries),
        *(episode.answered_by_machine, episode.state, episode.seconds, is_censored),
    )

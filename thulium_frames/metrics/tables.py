"""The figures as tables: one row, or one row per group of calls.

In all of them a column `x` that is a quotient comes with `x_numerator` and `x_denominator`, and is null when the
denominator is 0. `by` names columns of `calls()`, such as `queue_id`, `agent` or `topic_id`; without it there is one
row, also for no calls at all. Rows are sorted by their group, null first. A given frame has the rows of the schema
(legs), every figure counts calls; the wall clock plays no part, waits are differences of `date_utc`.
"""

import warnings
from collections.abc import Iterable, Sequence

import polars as pl

from thulium_frames.metrics import figures
from thulium_frames.metrics.figures import Denominator
from thulium_frames.metrics.frames import Frame, like
from thulium_frames.metrics.legs import calls


def summary(
    frame: Frame,
    *,
    by: Sequence[str] = (),
    denominator: Denominator | None = None,
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
) -> Frame:
    """All figures of this module side by side, and how many `calls` and `legs` of any kind there are.

    The service level is in it when its denominator is named. `answered_by_machine` counts the offered calls that met
    only a voicemail or a menu; they are among the abandoned, too. `rating_response` is the share of handled calls with
    a rating of any type.
    """
    return _table(frame, by, figures.whole_table(target_seconds, denominator, short_abandon_seconds))


def offered(frame: Frame, *, by: Sequence[str] = ()) -> Frame:
    """Calls that came to a queue: distinct INBOUND calls of which a leg has a `queue_id`.

    Always handled + abandoned + short_abandoned + failed. What cannot be known: callers lost in a menu before any
    queue; Asterisk writes no row for some of them.
    """
    return _table(frame, by, figures.offered())


def handled(frame: Frame, *, by: Sequence[str] = ()) -> Frame:
    """Offered calls that an agent answered: a leg is ANSWERED and names an agent.

    ANSWERED alone may be a voicemail or a menu (Asterisk CDR specification).
    """
    return _table(frame, by, figures.outcomes(0, ("handled",)))


def abandoned(frame: Frame, *, by: Sequence[str] = (), short_abandon_seconds: float = 5) -> Frame:
    """Offered calls that no agent answered and that did not fail: `abandoned`, and `short_abandoned` apart.

    Short are those that ended before `short_abandon_seconds`, as in the Thulium panel's "abandoned before / after
    threshold"; the default is a custom of the trade. Calls that only a voicemail or a menu answered are in it. Failed
    (FAILED, CONGESTION) are not, after Google's CCAI data dictionary. What cannot be known: whether the caller gave up
    or was cut off.
    """
    return _table(frame, by, figures.outcomes(short_abandon_seconds, ("abandoned", "short_abandoned")))


def abandonment_rate(frame: Frame, *, by: Sequence[str] = (), short_abandon_seconds: float = 5) -> Frame:
    """abandoned / (handled + abandoned), without short abandons and failures on either side.

    Source: Google's CCAI data dictionary. Amazon Connect divides by all queued calls instead.
    """
    return _table(frame, by, figures.abandonment_rate(short_abandon_seconds))


def service_level(
    frame: Frame,
    *,
    denominator: Denominator,
    by: Sequence[str] = (),
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
) -> Frame:
    """Offered calls handled with a wait of at most `target_seconds`, as a share of the named denominator.

    | denominator | is |
    |---|---|
    | `handled` | handled |
    | `handled_and_abandoned` | handled + abandoned + short_abandoned |
    | `less_short_abandons` | handled + abandoned |

    Vendors differ here, so there is no default: XCALLY and NewVoiceMedia count abandons in, Genesys lets each system
    choose. No calls give null, not 100 %.
    """
    return _table(frame, by, figures.service_level(target_seconds, denominator, short_abandon_seconds))


def average_speed_of_answer(frame: Frame, *, by: Sequence[str] = ()) -> Frame:
    """Mean, median and 90th percentile (linear, as a spreadsheet's PERCENTILE) of handled calls' wait, in seconds.

    The wait runs from the start of the call until an agent answers: ring, queue, and a menu's time where the menu is a
    leg of its own. The numerator is the sum of waits, the denominator the handled calls whose wait is known.
    """
    return _table(frame, by, figures.speed_of_answer())


def average_talk(frame: Frame, *, by: Sequence[str] = ()) -> Frame:
    """Seconds of talk per handled call: sum of `billsec` over handled legs / handled calls. Hold is in it.

    It is no AHT: that needs after-call time, and occupancy needs logged-in time, and this endpoint has neither.
    """
    return _table(frame, by, figures.talk())


def avg_talk(frame: Frame, *, by: Sequence[str] = ()) -> Frame:
    """The former name of `average_talk`, with the former names of its columns. The next release is without it."""
    warnings.warn("metrics.avg_talk is now metrics.average_talk", DeprecationWarning, stacklevel=2)
    return _table(frame, by, [figure.name.map(_former_name) for figure in figures.talk()])


def _former_name(name: str) -> str:
    return name.replace("average_talk", "avg_talk")


def transfer_rate(frame: Frame, *, by: Sequence[str] = ()) -> Frame:
    """Handled calls with `transferred_to` on a leg / handled calls.

    A lower bound: older records lack the field, and an attended transfer may be a call of its own.
    """
    return _table(frame, by, figures.transfers())


def who_hung_up(frame: Frame, *, by: Sequence[str] = ()) -> Frame:
    """Handled calls that the agent, and that the customer ended / handled calls of which it is known.

    The last leg counts, so that a transfer is no hang-up. A record without `disconnected_by` is in no denominator.
    """
    return _table(frame, by, figures.who_hung_up())


def _table(frame: Frame, by: Sequence[str], expressions: Iterable[pl.Expr]) -> Frame:
    found = calls(frame.lazy())
    table = found.group_by(list(by)).agg(*expressions).sort(*by) if by else found.select(*expressions)
    return like(frame, table)

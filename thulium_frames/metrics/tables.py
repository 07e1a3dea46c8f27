"""The figures as tables: one row, or one row per group of calls.

In all tables, a column `x` that is a quotient comes with `x_numerator` and `x_denominator`. It is null when the
denominator is 0. `by` names one column or several: those of `calls()`, such as `queue_id` or `agent`, and any other
column of the frame, such as `operator` or `outbound_id`. Of a column that `calls()` does not have, a call's value
is the first one that is not null in its legs; of `rating`, it is the rating that counts. An id of 0 and an impossible
duration are null. Where a figure has the name of a group's column, it is called `…_count`, as in `handled_count`.

Without `by` there is one row, even if there are no calls. Rows are sorted by their group, null first. The given frame
has the rows of the schema (legs), but every figure counts calls. Waits are differences of `date_utc`; the wall clock
plays no part.
"""

import warnings
from collections.abc import Iterable

import polars as pl

from thulium_frames.metrics import figures
from thulium_frames.metrics.figures import Denominator
from thulium_frames.metrics.frames import Frame, like
from thulium_frames.metrics.groups import By, calls_for, group_columns


def summary(
    frame: Frame,
    *,
    by: By = (),
    denominator: Denominator | None = None,
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
) -> Frame:
    """All figures of this module side by side, and the number of `calls` and `legs` of any kind.

    The service level is included only when its denominator is named. `answered_by_machine` counts the offered calls
    that only a voicemail or a menu answered; they also count as abandoned. `rating_response` is the share of handled
    calls with a rating of any type.
    """
    return _table(frame, by, figures.whole_table(target_seconds, denominator, short_abandon_seconds))


def offered(frame: Frame, *, by: By = ()) -> Frame:
    """Calls that came to a queue: distinct INBOUND calls with at least one leg that has a `queue_id` other than 0.

    This is always handled + abandoned + short_abandoned + failed. What cannot be known: how many callers gave up in a
    menu before any queue, because Asterisk writes no row for some of them.
    """
    return _table(frame, by, figures.offered())


def handled(frame: Frame, *, by: By = ()) -> Frame:
    """Offered calls that an agent answered: a leg is ANSWERED and names an agent.

    ANSWERED without an agent may be a voicemail or a menu (Asterisk CDR specification).
    """
    return _table(frame, by, figures.outcomes(0, ("handled",)))


def abandoned(frame: Frame, *, by: By = (), short_abandon_seconds: float = 5) -> Frame:
    """Offered calls that no agent answered and that did not fail: `abandoned` and, separately, `short_abandoned`.

    A short abandon ended before `short_abandon_seconds`, as in the Thulium panel's "abandoned before / after
    threshold"; the default is customary in the trade. Calls that only a voicemail or a menu answered are included.
    Failed calls (FAILED, CONGESTION) are not, as in Google's CCAI data dictionary. What cannot be known: whether the
    caller gave up or was cut off. A call whose wait is unknown counts as `abandoned`, not as a short one.
    """
    return _table(frame, by, figures.outcomes(short_abandon_seconds, ("abandoned", "short_abandoned")))


def abandonment_rate(frame: Frame, *, by: By = (), short_abandon_seconds: float = 5) -> Frame:
    """abandoned / (handled + abandoned). Neither part includes short abandons or failed calls.

    Source: Google's CCAI data dictionary. Amazon Connect divides by all queued calls instead.
    """
    return _table(frame, by, figures.abandonment_rate(short_abandon_seconds))


def service_level(
    frame: Frame,
    *,
    denominator: Denominator,
    by: By = (),
    target_seconds: float = 20,
    short_abandon_seconds: float = 5,
) -> Frame:
    """Offered calls handled with a wait of at most `target_seconds`, as a share of the named denominator.

    | denominator | is |
    |---|---|
    | `handled` | handled |
    | `handled_and_abandoned` | handled + abandoned + short_abandoned |
    | `less_short_abandons` | handled + abandoned |

    Vendors differ here, so there is no default: XCALLY and NewVoiceMedia include abandoned calls, Genesys lets each
    system choose. Without any calls the service level is null, not 100 %. A handled call whose wait is unknown is in
    the denominator, but not in the numerator.
    """
    return _table(frame, by, figures.service_level(target_seconds, denominator, short_abandon_seconds))


def average_speed_of_answer(frame: Frame, *, by: By = ()) -> Frame:
    """Mean, median and 90th percentile of the wait of handled calls, in seconds.

    The percentile is linear, like a spreadsheet's PERCENTILE. The wait runs from the start of the call until an agent
    answers. It includes ringing, the queue, and a menu if the menu is a leg of its own. The numerator is the sum of
    waits, the denominator is the number of handled calls with a known wait.
    """
    return _table(frame, by, figures.speed_of_answer())


def average_talk(frame: Frame, *, by: By = ()) -> Frame:
    """Seconds of talk per handled call, including time on hold: sum of `billsec` over handled legs / handled calls
    whose talk is known.

    This is not AHT, which needs after-call time. Occupancy needs logged-in time. This endpoint has neither.
    """
    return _table(frame, by, figures.talk())


def avg_talk(frame: Frame, *, by: By = ()) -> Frame:
    """The former name of `average_talk`, with the former names of its columns. The next release removes it."""
    warnings.warn("metrics.avg_talk is now metrics.average_talk", DeprecationWarning, stacklevel=2)
    return _table(frame, by, [figure.name.map(_former_name) for figure in figures.talk()])


def _former_name(name: str) -> str:
    return name.replace("average_talk", "avg_talk")


def transfer_rate(frame: Frame, *, by: By = ()) -> Frame:
    """Handled calls with `transferred_to` on a leg / handled calls.

    This is a lower bound: older records lack the field, and an attended transfer may be a call of its own.
    """
    return _table(frame, by, figures.transfers())


def who_hung_up(frame: Frame, *, by: By = ()) -> Frame:
    """Handled calls that the agent ended, or that the customer ended / handled calls where this is known.

    The last leg counts, so a transfer is not a hang-up. A call without `disconnected_by` is in neither denominator.
    """
    return _table(frame, by, figures.who_hung_up())


def _table(frame: Frame, by: By, expressions: Iterable[pl.Expr]) -> Frame:
    keys = group_columns(by)
    told = figures.beside(keys, expressions)
    found = calls_for(frame.lazy(), keys, told)
    table = found.group_by(keys).agg(*told).sort(keys) if keys else found.select(*told)
    return like(frame, table)

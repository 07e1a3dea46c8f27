"""Makes calls of legs, which are the rows of the schema."""

from collections.abc import Iterable
from functools import partial
from typing import Final

import polars as pl

from thulium_frames.metrics.durations import believed, wait_of
from thulium_frames.metrics.frames import Frame, like, made_of, read_once
from thulium_frames.metrics.merging import OWN, of_leg, of_legs

#: Sorting by these columns puts the legs of one minute in the order in which they happened: the first leg of a
#: transfer has no calling user, and says where the call went.
_ORDER: Final = [
    *(
        "date_utc",
        "date",
        "connection_id",
        "user_login",
        "user",
        "transferred_to",
        "disposition",
        "duration",
        "billsec",
    ),
    *("dst_user_login", "dst_user", "type", "src", "dst", "queue_id", "topic_id", "customer_id"),
    *("disconnected_by", "rating", "tags"),
]
#: An id of 0 means none, as exchanges write it: it names no queue, no topic and no customer.
_IDS: Final = frozenset({"queue_id", "topic_id", "customer_id", "outbound_id", "ticket_id"})
_KEY: Final = ("date_utc", "connection_id")
#: The date of the frame's last leg, as a column that `calls_with` gives to every call.
LAST: Final = "_last"
_ADDED: Final = {"legs": pl.lit(1, pl.Int64), LAST: pl.col("date_utc").max()}


def calls(frame: Frame) -> Frame:
    """One row per call, sorted by `date_utc` and `connection_id`.

    A call is all legs with the same `connection_id`; a leg without an id is a call of its own. So the legs of a ring
    group, of a blind transfer, and on both sides of midnight make one call (Asterisk CDR specification: rows may share
    an id).

    | column | meaning |
    |---|---|
    | `date`, `date_utc`, `type`, `src`, `dst`, `user_login` | of the first leg; `date` is the system's wall clock |
    | `queue_id`, `topic_id`, `customer_id` | the first value in a leg that is neither null nor 0 |
    | `handled` | a leg is ANSWERED and names an agent: `dst_user(_login)`, for OUTBOUND `user(_login)` |
    | `agent` | who answered first (for OUTBOUND, who called): the login, or the name if the login is missing |
    | `answered_by_machine` | not handled, but a leg is ANSWERED: by a voicemail or a menu |
    | `failed` | every leg is FAILED or CONGESTION |
    | `wait_seconds` | from the start of the call until an agent answered; if not handled, until its last leg ended |
    | `talk_seconds` | sum of `billsec` over handled legs, including time on hold; 0 when not handled |
    | `transfers` | number of legs with `transferred_to` |
    | `disconnected_by` | the last value that is not null in a leg |
    | `rating_type`, `rating_rate` | of the last leg with a rating |
    | `tags` | the tags of all legs, sorted; null when `tags` is null in every leg |
    | `legs` | number of legs |
    | `last_leg_utc` | when the last leg began |

    `wait_seconds` and `talk_seconds` are null when a duration that they need is missing or impossible: negative, longer
    than a day, or `billsec` more than a second longer than `duration`.

    What cannot be known: a SIP attended transfer is another call with an id of its own. If `date` has no seconds and
    the agent answered on a later leg than the first, `wait_seconds` may be up to 59 seconds too long or too short. If a
    menu and the queue after it are one leg, the wait in Asterisk's records ends when the menu answers. If the first
    legs of a call are not in the frame, the call begins with its first leg in the frame.
    """
    return like(frame, made_of(columns_of_calls(), partial(_sorted, frame.lazy())))


def _sorted(frame: pl.LazyFrame, columns: list[str]) -> pl.LazyFrame:
    made = calls_with(frame, [*columns, *_KEY])
    return made.map_batches(_in_order).select(columns)


def _in_order(calls: pl.DataFrame) -> pl.DataFrame:
    """Sort an index and gather the calls by it. This takes half the memory of sorting the calls."""
    return calls[calls.select(_KEY).with_row_index().sort(_KEY, maintain_order=True)["index"]]


def columns_of_calls() -> list[str]:
    return list(OWN)


def _is_of_calls(frame: pl.LazyFrame) -> bool:
    """Whether `calls` made the frame: it has all columns that legs do not have."""
    return {*OWN}.difference(_ORDER) <= set(frame.collect_schema().names())


def calls_with(frame: pl.LazyFrame, columns: Iterable[str]) -> pl.LazyFrame:
    """These columns of the calls, in any order; calls without an id follow each other as in `calls`.

    A column is one of `columns_of_calls()`, LAST, or one of the legs. Of the latter, the first value that is not null
    counts; of `rating`, it is the rating that counts in `rating_type` and `rating_rate`.

    The frame is read once, and only what these columns need. Most calls have one leg: such a leg is the call, and only
    the legs of other calls are sorted and merged. A frame of calls stays as it is.
    """
    wanted = list(dict.fromkeys(columns))
    if _is_of_calls(frame):
        return frame.with_columns(pl.col("last_leg_utc").max().alias(LAST)).select(wanted)
    order = _order_for(wanted)
    needed = frame.select(list(dict.fromkeys([*order, "connection_id"])))
    return read_once(needed, lambda legs: _joined(legs, wanted, order))


def _joined(legs: pl.LazyFrame, wanted: list[str], order: list[str]) -> pl.LazyFrame:
    known = legs.with_columns(*_believable(order), _shares_its_id().alias("_shared"), **_ADDED)
    alone = known.filter(~pl.col("_shared")).select(of_leg(wanted))
    together = known.filter("_shared").sort(order, nulls_last=[name == "transferred_to" for name in order])
    joined = pl.concat([alone, _merged(together.select(of_leg(_parts(wanted))), wanted).select(wanted)])
    return joined.with_columns(wait_of(pl.col(name)).alias(name) for name in wanted if name == "wait_seconds")


def _believable(order: list[str]) -> list[pl.Expr]:
    ids = [pl.when(pl.col(name) != 0).then(name).alias(name) for name in order if name in _IDS]
    return [*ids, *(believed() if "billsec" in order else [])]


def _shares_its_id() -> pl.Expr:
    """Whether other legs have the leg's id. Legs without an id count as such, because they are sorted, too."""
    return pl.len().over("connection_id") > 1


def _merged(legs: pl.LazyFrame, wanted: list[str]) -> pl.LazyFrame:
    alone = pl.when(pl.col("connection_id").is_null()).then("_row").alias("_alone")
    numbered = legs.with_row_index("_row").group_by("connection_id", alone, maintain_order=True)
    return numbered.agg(of_legs(wanted))


def _order_for(wanted: list[str]) -> list[str]:
    """The order up to the last column that is used. Legs that are equal up to there are interchangeable."""
    order = [*_ORDER, *(name for name in wanted if name not in (*OWN, *_ORDER, *_ADDED))]
    used = {column for expression in of_leg(_parts(wanted)) for column in expression.meta.root_names()}
    return order[: max((order.index(name) for name in used if name in order), default=0) + 1]


def _parts(wanted: list[str]) -> list[str]:
    """The columns of each leg as a call that make these columns of a call of several legs."""
    roots = [name for expression in of_legs(wanted) for name in expression.meta.root_names()]
    return list(dict.fromkeys(["connection_id", *roots]))

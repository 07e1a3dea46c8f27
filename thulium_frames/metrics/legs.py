"""Makes calls of legs, which are the rows of the schema."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from thulium_frames.metrics.durations import believed, wait_of
from thulium_frames.metrics.frames import Frame, like

#: The columns that calls are made of. Sorting by them puts the legs of one minute in the order in which they happened:
#: the first leg of a transfer has no calling user, and says where the call went.
_LEG: Final = [
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
#: Dispositions of a call that the telephone network did not carry. Thulium does not list CONGESTION; Asterisk does.
_FAILURES: Final = ["FAILED", "CONGESTION"]


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

    `wait_seconds` and `talk_seconds` are null when a duration that they need is missing or impossible: negative, longer
    than a day, or `billsec` more than a second longer than `duration`.

    What cannot be known: a SIP attended transfer is another call with an id of its own. If `date` has no seconds and
    the agent answered on a later leg than the first, `wait_seconds` may be up to 59 seconds too long or too short. If a
    menu and the queue after it are one leg, the wait in Asterisk's records ends when the menu answers. If the first
    legs of a call are not in the frame, the call begins with its first leg in the frame.
    """
    return like(frame, calls_with(frame.lazy()))


def calls_with(frame: pl.LazyFrame, more: Sequence[str] = ()) -> pl.LazyFrame:
    """The table of `calls`, with `more` columns of the legs. A leg's first value that is not null counts.

    `rating` is the rating that counts in `rating_type` and `rating_rate`.
    """
    found = _legs(frame, [*_LEG, *(name for name in more if name not in _LEG)])
    grouped = found.group_by("connection_id", "_alone", maintain_order=True).agg(*_of_legs(), *map(_first, more))
    known = wait_of(pl.col("wait_seconds")).alias("wait_seconds")
    return grouped.drop("_alone").with_columns(known).sort("date_utc", "connection_id", maintain_order=True)


def columns_of_calls() -> list[str]:
    return ["connection_id", *(expression.meta.output_name() for expression in _of_legs())]


def _legs(frame: pl.LazyFrame, columns: list[str]) -> pl.LazyFrame:
    """The legs in the order in which they happened, without durations and ids that mean nothing."""
    ids = [pl.when(pl.col(name) != 0).then(name).alias(name) for name in columns if name in _IDS]
    return (
        frame.select(columns)
        .with_columns(*believed(), *ids)
        .sort(columns, nulls_last=[name == "transferred_to" for name in columns])
        .with_row_index("_row")
        .with_columns(
            pl.when(pl.col("connection_id").is_null()).then("_row").alias("_alone"),
            _agent().alias("_agent"),
            (pl.col("disposition").eq_missing("ANSWERED")).alias("_answered"),
        )
        .with_columns((pl.col("_answered") & pl.col("_agent").is_not_null()).alias("_handled"))
    )


def _first(name: str) -> pl.Expr:
    if name == "rating":
        return pl.col(name).filter(pl.col(name).struct.field("rate").is_not_null()).last()
    return pl.col(name).drop_nulls().first()


def _agent() -> pl.Expr:
    """The contact centre's user on a leg: the caller when it is OUTBOUND, otherwise the called user."""
    called, calling = pl.coalesce("dst_user_login", "dst_user"), pl.coalesce("user_login", "user")
    return pl.when(pl.col("type").eq_missing("OUTBOUND")).then(calling).otherwise(called)


def _of_legs() -> list[pl.Expr]:
    handled = pl.col("_handled")
    is_handled = handled.any()
    start = (pl.col("date_utc") - pl.col("date_utc").min()).dt.total_seconds().fill_null(0)
    answered = (start + pl.col("duration") - pl.col("billsec")).filter(handled).first()
    ended = pl.when(pl.col("duration").null_count() == 0).then((start + pl.col("duration")).max())
    return [
        *(pl.col(name).first() for name in ("date", "date_utc", "type", "src", "dst", "user_login")),
        *map(_first, ("queue_id", "topic_id", "customer_id")),
        is_handled.alias("handled"),
        pl.col("_agent").filter(handled).first().alias("agent"),
        (pl.col("_answered").any() & ~is_handled).alias("answered_by_machine"),
        pl.col("disposition").is_in(_FAILURES).fill_null(value=False).all().alias("failed"),
        pl.when(is_handled).then(answered).otherwise(ended).alias("wait_seconds"),
        _talk(pl.col("billsec").filter(handled)).alias("talk_seconds"),
        pl.col("transferred_to").count().cast(pl.Int64).alias("transfers"),
        pl.col("disconnected_by").drop_nulls().last(),
        *_rating(),
        _tags().alias("tags"),
        pl.len().cast(pl.Int64).alias("legs"),
    ]


def _talk(billed: pl.Expr) -> pl.Expr:
    return pl.when(billed.null_count() == 0).then(billed.sum())


def _rating() -> list[pl.Expr]:
    rate = pl.col("rating").struct.field("rate")
    return [
        pl.col("rating").struct.field(part).filter(rate.is_not_null()).last().alias(f"rating_{part}")
        for part in ("type", "rate")
    ]


def _tags() -> pl.Expr:
    told = pl.col("tags").is_not_null().any()
    return pl.when(told).then(pl.col("tags").explode().drop_nulls().unique().sort().implode())

"""What a call has of its legs: first each leg as a call of its own, then the legs of one call merged."""

from collections.abc import Iterable
from typing import Final

import polars as pl

#: Dispositions of a call that the telephone network did not carry. Thulium does not list CONGESTION; Asterisk does.
_FAILURES: Final = ["FAILED", "CONGESTION"]
_OF_FIRST_LEG: Final = ("date", "date_utc", "type", "src", "dst", "user_login")
_IDS: Final = ("queue_id", "topic_id", "customer_id")


#: Subtracting this removes nulls and repeated tags. It takes half the time of `drop_nulls` and `unique`.
_NO_TAG: Final = pl.lit([None], pl.List(pl.String))
#: A reversed column without any tags says that it has this type, but Polars takes it for one of nulls.
_TAGS: Final = pl.List(pl.String)


def of_leg(names: Iterable[str]) -> list[pl.Expr]:
    """These columns of a leg as a call of its own, from the columns of the leg and `legs`.

    A name is a column of `calls` or of the legs. `wait_seconds` may still be negative or too long.
    """
    known = _of_leg()
    return [known.get(name, pl.col(name)).alias(name) for name in names]


def of_legs(names: Iterable[str]) -> list[pl.Expr]:
    """These columns of a call of several legs, from those that `of_leg` gives of its legs in the order of time."""
    known = _of_legs()
    return [known.get(name, _first(name)).alias(name) for name in names if name != "connection_id"]


def _of_leg() -> dict[str, pl.Expr]:
    is_answered = pl.col("disposition").eq_missing("ANSWERED")
    is_handled = is_answered & _agent().is_not_null()
    until_answered = pl.col("duration") - pl.col("billsec")
    return {
        "connection_id": pl.col("connection_id"),
        **{name: pl.col(name) for name in (*_OF_FIRST_LEG, *_IDS)},
        "handled": is_handled,
        "agent": pl.when(is_handled).then(_agent()),
        "answered_by_machine": is_answered & ~is_handled,
        "failed": pl.col("disposition").is_in(_FAILURES).fill_null(value=False),
        "wait_seconds": pl.when(is_handled).then(until_answered).otherwise("duration"),
        "talk_seconds": pl.when(is_handled).then("billsec").otherwise(0),
        "transfers": pl.col("transferred_to").is_not_null().cast(pl.Int64),
        "disconnected_by": pl.col("disconnected_by"),
        **{f"rating_{part}": _rated(pl.col("rating").struct.field(part)) for part in ("type", "rate")},
        "tags": pl.col("tags").cast(_TAGS).list.set_difference(_NO_TAG).list.sort(),
        "legs": pl.col("legs"),
        "last_leg_utc": pl.col("date_utc"),
        "rating": _rated(pl.col("rating")),
    }


def _of_legs() -> dict[str, pl.Expr]:
    is_handled = pl.col("handled")
    handled = is_handled.any()
    start = (pl.col("date_utc") - pl.col("date_utc").min()).dt.total_seconds().fill_null(0)
    until = start + pl.col("wait_seconds")
    return {
        **{name: pl.col(name).first() for name in _OF_FIRST_LEG},
        **{name: _first(name) for name in _IDS},
        "handled": handled,
        "agent": _first("agent"),
        "answered_by_machine": pl.col("answered_by_machine").any() & ~handled,
        "failed": pl.col("failed").all(),
        "wait_seconds": pl.when(handled)
        .then(until.filter(is_handled).first())
        .otherwise(_if_all_known("wait_seconds", until.max())),
        "talk_seconds": _if_all_known("talk_seconds", pl.col("talk_seconds").sum()),
        "transfers": pl.col("transfers").sum(),
        "disconnected_by": _last("disconnected_by"),
        "rating_type": pl.col("rating_type").filter(pl.col("rating_rate").is_not_null()).last(),
        "rating_rate": _last("rating_rate"),
        "tags": _tags(),
        "legs": pl.col("legs").sum(),
        "last_leg_utc": pl.col("last_leg_utc").max(),
        "rating": _last("rating"),
    }


def _agent() -> pl.Expr:
    """The contact centre's user on a leg: the caller when it is OUTBOUND, otherwise the called user."""
    called, calling = pl.coalesce("dst_user_login", "dst_user"), pl.coalesce("user_login", "user")
    return pl.when(pl.col("type").eq_missing("OUTBOUND")).then(calling).otherwise(called)


def _rated(value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("rating").struct.field("rate").is_not_null()).then(value)


def _first(name: str) -> pl.Expr:
    return pl.col(name).drop_nulls().first()


def _last(name: str) -> pl.Expr:
    return pl.col(name).drop_nulls().last()


def _if_all_known(name: str, value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(name).null_count() == 0).then(value)


def _tags() -> pl.Expr:
    told = pl.col("tags").is_not_null().any()
    return pl.when(told).then(pl.col("tags").explode().drop_nulls().unique().sort().implode())


#: The columns of `calls`, in order.
OWN: Final = tuple(name for name in _of_leg() if name != "rating")

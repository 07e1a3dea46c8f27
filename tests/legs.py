"""Legs for tests. By default a leg is a short call to queue 34 that Anna answers; a test changes what it needs."""

from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from thulium_frames import SCHEMA

WARSAW = ZoneInfo("Europe/Warsaw")
ANNA, BOB = "a.nowak", "b.lis"

_EMPTY = pl.DataFrame(SCHEMA.empty_table())
_ids = count(1)


def leg(clock: str = "2024-10-23 10:00:00", *, fold: int = 0, **fields: Any) -> dict[str, Any]:
    """A handled INBOUND call of one leg: 10 seconds of wait, 20 of talk. `fold` 1 is October's second 02:00 hour."""
    date = datetime.fromisoformat(clock)
    row: dict[str, Any] = dict.fromkeys(SCHEMA.names) | {
        "date": date,
        "date_utc": date.replace(tzinfo=WARSAW, fold=fold).astimezone(UTC),
        "src": "48600100200",
        "dst": "48120000134",
        "disposition": "ANSWERED",
        "duration": 30,
        "billsec": 20,
        "connection_id": f"1729670400.{next(_ids)}",
        "type": "INBOUND",
        "queue_id": 34,
        "dst_user_login": ANNA,
    }
    return row | fields


def unanswered(clock: str = "2024-10-23 10:00:00", *, wait: int = 30, **fields: Any) -> dict[str, Any]:
    """An INBOUND leg that nobody answered."""
    given: dict[str, Any] = {"disposition": "NO ANSWER", "duration": wait, "billsec": 0, "dst_user_login": None}
    return leg(clock, **(given | fields))


def outbound(clock: str, *, to: str = "48600100200", **fields: Any) -> dict[str, Any]:
    """Anna calls a customer, who answers."""
    given: dict[str, Any] = {
        "type": "OUTBOUND",
        "src": "48120000100",
        "dst": to,
        "user_login": ANNA,
        "dst_user_login": None,
    }
    return leg(clock, **(given | {"queue_id": None} | fields))


def frame(*legs: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(legs), schema=_EMPTY.schema, orient="row")

"""The simulator's own rows in the schema, computed without the package's decoder."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from thulium_frames import SCHEMA
from thulium_frames.simulator import GeneratedCall

_ROWS = dict[str, Any]


def frame_of(calls: Iterable[GeneratedCall]) -> pl.DataFrame:
    """The rows in no particular order."""
    empty = pl.DataFrame(SCHEMA.empty_table())
    return pl.DataFrame([_row(call) for call in calls], schema=empty.schema, orient="row")


def in_any_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(frame.columns)


def _row(call: GeneratedCall) -> _ROWS:
    record: Mapping[str, Any] = call.row
    row = {name: _value(record.get(name)) for name in SCHEMA.names}
    text = record["date"]
    has_seconds = len(text) > len("2024-07-01 12:34")
    row["date"] = datetime.strptime(text, "%Y-%m-%d %H:%M:%S" if has_seconds else "%Y-%m-%d %H:%M")
    row["date_utc"] = call.started if has_seconds else call.started.replace(second=0)
    return row


def _value(value: Any) -> Any:
    return None if value == "" else value

"""A faulty simulator's rows in the schema, and its states during a reading, computed without the package's decoder."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

from tests.truth import in_any_order
from thulium_frames import SCHEMA
from thulium_frames.simulator import CallSource, Faults
from thulium_frames.simulator.dirt import soiled
from thulium_frames.simulator.drift import DriftingCalls
from thulium_frames.simulator.faults import NO_FAULTS

Row = Mapping[str, Any]
Calls = Counter[tuple[Any, ...]]

#: The fields that nobody edits after a call.
IDENTITY = ("date", "connection_id", "src", "dst", "disposition", "duration", "billsec")

_TYPES = {field.name: field.type for field in SCHEMA}
_WARSAW = ZoneInfo("Europe/Warsaw")
_MINUTE = timedelta(minutes=1)


def told(rows: Iterable[Row], faults: Faults) -> pl.DataFrame:
    """The rows as columns, in no particular order."""
    schema = pl.DataFrame(SCHEMA.empty_table()).schema
    return pl.DataFrame([_row(row, faults) for row in rows], schema=schema, orient="row")


def comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows, sorted, with the JSON of `rescued_data` in one spelling."""
    rescued = [text and _spelt(json.loads(text)) for text in frame["rescued_data"]]
    return in_any_order(frame.with_columns(pl.Series("rescued_data", rescued, pl.String)))


def identities(frame: pl.DataFrame) -> Calls:
    return Counter(frame.select(IDENTITY).rows())


def whole_rows(frame: pl.DataFrame) -> set[str]:
    return set(map(repr, comparable(frame).rows()))


def history(source: CallSource, faults: Faults, first: int, last: int) -> list[list[Row]]:
    """The system's rows when it answered request `first`, and after each later change up to request `last`."""
    calls = DriftingCalls(soiled(source, faults), events=faults.drift, until=faults.drift_until, seed=faults.seed)
    states: dict[int, list[Row]] = {}
    for request in range(1, last + 1):
        calls.advance(request)
        if request >= first and calls.version() not in states:
            states[calls.version()] = [record.row for day in calls.days() for record in calls.records(day)]
    return list(states.values())


def wrongs(result: pl.DataFrame, states: Sequence[Sequence[Row]], faults: Faults = NO_FAULTS) -> list[str]:
    """Calls that every state held but the result lacks, and calls in the result that are too many or never existed."""
    rows = {id(row): row for state in states for row in state}
    columns = told(rows.values(), faults)
    keys = dict(zip(rows, columns.select(IDENTITY).rows(), strict=True))
    held = [Counter(keys[id(row)] for row in state) for state in states]
    got = identities(result)
    every = set(got) | set(keys.values())
    missing = [f"missing {key}" for key in every if got[key] < min(state[key] for state in held)]
    surplus = [f"too many {key}" for key in every if got[key] > max(state[key] for state in held)]
    never = [f"never was {row}" for row in whole_rows(result) - whole_rows(columns)]
    return sorted(missing + surplus + never)


def _row(record: Row, faults: Faults) -> dict[str, Any]:
    sent = _as_text(record) if faults.numbers_as_text else record
    row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    misfits = {}
    for name, value in sent.items():
        if name not in _TYPES:
            misfits[name] = value
        elif value != "" and value is not None:
            row[name] = _value(name, value)
            if row[name] is None and value not in ([], {}):
                misfits[name] = value
    row["date"] = datetime.fromisoformat(str(record["date"]))
    row["date_utc"] = _instant(row["date"], str(record["connection_id"]))
    row["rescued_data"] = _spelt(misfits) if misfits else None
    return row


def _value(name: str, value: Any) -> Any:
    """The value in its column's type; None if it does not fit."""
    if _TYPES[name] == pa.int64():
        if isinstance(value, str):
            return int(value) if value.isdecimal() else None
        return int(value) if value == int(value) else None
    if name == "rating":
        return {part: str(value[part]) for part in ("type", "rate")} if value else None
    return value


def _instant(date: datetime, connection_id: str) -> datetime:
    earlier, later = (date.replace(tzinfo=_WARSAW, fold=fold).astimezone(UTC) for fold in (0, 1))
    epoch = datetime.fromtimestamp(int(connection_id.partition(".")[0]), UTC)
    return later if earlier + _MINUTE < epoch <= later + _MINUTE else earlier


def _as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_text(part) for part in value]
    return str(value) if type(value) in (int, float) else value


def _spelt(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)

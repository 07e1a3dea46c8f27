"""The one schema of every frame, batch and day file, and the order of its rows.

Meanings are those of Thulium's page on `GET connections`. `duration` and `billsec` mean what Asterisk, the exchange
underneath, defines. `""` is null everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    #: The columns, in order. `SCHEMA.field(name).metadata[b"comment"]` tells what each one means.
    SCHEMA: pa.Schema

#: Rises when the columns or their meaning change. A lake of another version is not written to.
SCHEMA_VERSION = 1

#: The columns, in order: the name, what is in it, and what it means.
COLUMNS = {
    "date": ("wall clock", "start of the call: the wall clock the API shows, without a zone"),
    "src": ("text", "source number"),
    "dst": ("text", "destination number"),
    "disposition": ("text", "ANSWERED, NO ANSWER, BUSY or FAILED; an exchange may add others"),
    "duration": ("number", "seconds from dialling to hang-up"),
    "billsec": ("number", "seconds from answer to hang-up, 0 when not answered"),
    "operator": ("text", "the trunk that carried the call"),
    "filename": ("text", "the recording's file name; it may contain a phone number"),
    "user": ("text", "full name of the calling user"),
    "user_login": ("text", "login of the calling user"),
    "dst_user": ("text", "full name of the called user"),
    "dst_user_login": ("text", "login of the called user"),
    "customer_id": ("number", "the customer in the CRM"),
    "outbound_id": ("number", "the outbound campaign"),
    "outbound_result": ("text", "result within the outbound campaign"),
    "connection_id": ("text", "id of the call, text and not a key: legs of one call may share it"),
    "type": ("text", "INBOUND or OUTBOUND"),
    "rating": ("rating", "the caller's rating"),
    "queue_id": ("number", "the queue"),
    "topic_id": ("number", "topic of the talk"),
    "ticket_id": ("number", "the ticket"),
    "tags": ("texts", "attached tags; null when the API said nothing of them"),
    "disconnected_by": ("text", "who hung up: Agent or Customer"),
    "transferred_to": ("text", "on a transfer: the agent's login or the number"),
    "date_utc": ("instant", "`date` as an instant, as precise as `date`"),
    "rescued_data": ("text", "JSON object of what is unknown or did not fit"),
}

#: Rows are sorted by these columns, nulls first, so equal data gives equal rows.
ROW_ORDER = ["date", "connection_id", *(name for name in COLUMNS if name not in ("date", "connection_id"))]


def __getattr__(name: str) -> object:
    """Makes `SCHEMA` at its first use, because Arrow loads slowly."""
    if name != "SCHEMA":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _schema()
    return globals()[name]


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {
        "text": pa.string(),
        "number": pa.int64(),
        "wall clock": pa.timestamp("us"),
        "instant": pa.timestamp("us", tz="UTC"),
        "rating": pa.struct([("type", pa.string()), ("rate", pa.string())]),
        "texts": pa.list_(pa.string()),
    }
    return pa.schema(
        [pa.field(name, kinds[kind], metadata={"comment": meaning}) for name, (kind, meaning) in COLUMNS.items()]
    )

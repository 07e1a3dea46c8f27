"""The one schema of every frame, batch and day file, and the order of its rows.

Meanings are those of Thulium's page on `GET connections`. `duration` and `billsec` mean what Asterisk, the exchange
underneath, defines. `""` is null everywhere.
"""

import pyarrow as pa

#: Rises when the columns or their meaning change. A lake of another version is not written to.
SCHEMA_VERSION = 1


def _field(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"comment": meaning})


#: The columns, in order. `SCHEMA.field(name).metadata[b"comment"]` tells what each one means.
SCHEMA = pa.schema(
    [
        _field("date", pa.timestamp("us"), "start of the call: the wall clock the API shows, without a zone"),
        _field("src", pa.string(), "source number"),
        _field("dst", pa.string(), "destination number"),
        _field("disposition", pa.string(), "ANSWERED, NO ANSWER, BUSY or FAILED; an exchange may add others"),
        _field("duration", pa.int64(), "seconds from dialling to hang-up"),
        _field("billsec", pa.int64(), "seconds from answer to hang-up, 0 when not answered"),
        _field("operator", pa.string(), "the trunk that carried the call"),
        _field("filename", pa.string(), "the recording's file name; it may contain a phone number"),
        _field("user", pa.string(), "full name of the calling user"),
        _field("user_login", pa.string(), "login of the calling user"),
        _field("dst_user", pa.string(), "full name of the called user"),
        _field("dst_user_login", pa.string(), "login of the called user"),
        _field("customer_id", pa.int64(), "the customer in the CRM"),
        _field("outbound_id", pa.int64(), "the outbound campaign"),
        _field("outbound_result", pa.string(), "result within the outbound campaign"),
        _field("connection_id", pa.string(), "id of the call, text and not a key: legs of one call may share it"),
        _field("type", pa.string(), "INBOUND or OUTBOUND"),
        _field("rating", pa.struct([("type", pa.string()), ("rate", pa.string())]), "the caller's rating"),
        _field("queue_id", pa.int64(), "the queue"),
        _field("topic_id", pa.int64(), "topic of the talk"),
        _field("ticket_id", pa.int64(), "the ticket"),
        _field(
            "tags",
            pa.list_(pa.string()),
            "attached tags; null when the API said nothing of them",
        ),
        _field("disconnected_by", pa.string(), "who hung up: Agent or Customer"),
        _field("transferred_to", pa.string(), "on a transfer: the agent's login or the number"),
        _field("date_utc", pa.timestamp("us", tz="UTC"), "`date` as an instant, as precise as `date`"),
        _field(
            "rescued_data",
            pa.string(),
            "JSON object of what is unknown or did not fit",
        ),
    ]
)

#: Rows are sorted by these columns, nulls first, so equal data gives equal rows.
ROW_ORDER = ["date", "connection_id", *(name for name in SCHEMA.names if name not in ("date", "connection_id"))]

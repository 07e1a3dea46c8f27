"""One call record: as the page has it, and as it is kept until the columns are built."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_SHOWN_CHARACTERS = 60

# `""` stays `""` here; it becomes null when the columns are built.
Number = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)] | Literal[""] | None
Nothing = Annotated[list[str], Meta(max_length=0)] | Literal[""] | None


class Rating(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    type: str | None = None
    rate: str | None = None


class Record(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One call record as the API documents it, its fields in the order of the schema."""

    date: str | None = None
    src: str | None = None
    dst: str | None = None
    disposition: str | None = None
    duration: Number = None
    billsec: Number = None
    operator: str | None = None
    filename: str | None = None
    user: str | None = None
    user_login: str | None = None
    dst_user: str | None = None
    dst_user_login: str | None = None
    customer_id: Number = None
    outbound_id: Number = None
    outbound_result: str | None = None
    connection_id: str | None = None
    type: str | None = None
    rating: Rating | Nothing = None
    queue_id: Number = None
    topic_id: Number = None
    ticket_id: Number = None
    tags: list[Annotated[str, Meta(min_length=1)]] | Literal[""] | None = None
    disconnected_by: str | None = None
    transferred_to: str | None = None


class RescuedRecord(Record, omit_defaults=True):
    """A record that the tolerant path has read."""

    tags: list[str | None] | None = None  # type: ignore[assignment]  # an empty tag is null
    date_utc: int | None = None
    """Microseconds since 1970, where the record tells the instant."""
    rescued_data: str | None = None


class HeldCall(Struct, frozen=True, gc=False):
    """What is kept of a call until its columns are built: text, which is smaller than the values."""

    date: str | None
    """The system's wall clock, `YYYY-MM-DD HH:MM[:SS[.ffffff]]`: as text, it sorts by the minute."""
    line: bytes
    """The record as JSON: as it was sent, or with the documented kinds alone."""
    as_sent: bool = False
    """True where the line is the very text of the answer: whole JSON, of whatever kinds. Its date is canonical."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RescuedRecord)


def calls_of(records: Sequence[Record]) -> list[HeldCall]:
    """Keep these records. A rating or tags that mean "none" are left out."""
    for record in records:
        if record.rating.__class__ is not Rating:
            record.rating = None
        if record.tags == "":
            record.tags = None
    lines = _encoder.encode_lines(records).split(b"\n")[:-1]
    return [HeldCall(record.date, line) for record, line in zip(records, lines, strict=True)]


def described(call: HeldCall) -> str:
    """The id and the raw date of a call whose date cannot be read, to find it by."""
    record = _decoder.decode(call.line)
    sent = msgspec.json.decode(record.rescued_data or "{}").get("date")
    return f"connection_id {record.connection_id}, date {str(sent)[:_SHOWN_CHARACTERS]!r}"

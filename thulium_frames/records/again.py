"""Records that were kept as they were sent, read one by one."""

from collections.abc import Callable
from datetime import UTC, tzinfo
from hashlib import blake2b
from operator import attrgetter

import msgspec
from msgspec import Raw

from thulium_frames.records.call import HeldCall, Record, RescuedRecord
from thulium_frames.records.rescue import rescued_record

_documented = msgspec.json.Decoder(Record)
_as_read = msgspec.json.Decoder(RescuedRecord)
_values = msgspec.json.Decoder(dict[str, Raw])
_encoder = msgspec.json.Encoder()


def read_again(line: bytes, zone: tzinfo = UTC) -> Record:
    """A record as the API documents it; where it is not so, it is read value by value.

    `zone` is that of the system's wall clock; a canonical date needs none. Raises msgspec.DecodeError for anything but
    a JSON object.
    """
    try:
        return _documented.decode(line)
    except msgspec.ValidationError:
        return rescued_record(_values.decode(line), zone)


_facts: Callable[[Record], tuple[object, ...]] = attrgetter(
    *("date", "connection_id", "src", "dst", "type", "disposition", "duration", "billsec"),
    *("user_login", "dst_user_login", "queue_id"),
)


def identity(call: HeldCall) -> bytes:
    """A digest of the facts of a call that nobody edits afterwards: without ratings, tags and links to the CRM."""
    record = read_again(call.line) if call.as_sent else _as_read.decode(call.line)
    # a record that was read value by value has no ""
    facts = [None if fact == "" else fact for fact in _facts(record)]
    return blake2b(_encoder.encode([*facts, getattr(record, "date_utc", None)]), digest_size=16).digest()

"""One call record as it is held between the page and the columns."""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# `""` stays as it came until the columns are built, where it becomes null in one go.
Number = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)] | Literal[""] | None
Nothing = Annotated[list[str], Meta(max_length=0)] | Literal[""] | None


class Rating(Struct, forbid_unknown_fields=True, gc=False):
    type: str | None = None
    rate: str | None = None


class Call(Struct, forbid_unknown_fields=True, gc=False):
    """One call record; the fields are the API's, in the order of the schema."""

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

    rescued_data: ClassVar[str | None] = None


class RescuedCall(Call):
    """A call read by the tolerant path."""

    rescued_data: str | None = None  # type: ignore[misc]  # a field here, a constant on the fast path


Identity = tuple[object, ...]
_facts: Callable[[Call], Identity] = attrgetter(
    *("date", "connection_id", "src", "dst", "type", "disposition", "duration", "billsec"),
    *("user_login", "dst_user_login", "queue_id"),
)


def identity(call: Call) -> Identity:
    """The facts of a call that nobody edits afterwards, as ratings, tags and CRM links are: they tell rows apart."""
    return tuple(None if fact == "" else fact for fact in _facts(call))  # the tolerant path reads "" as nothing

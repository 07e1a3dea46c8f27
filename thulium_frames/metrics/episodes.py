"""What happened after a missed call: one pass over the calls with each customer, in time order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

#: The ways in which an episode can end. People work through them in this order.
STATES: Final = ("open", "called back", "called again", "anonymous")


class Call(NamedTuple):
    """A call with a customer; `caller` is None when the number was withheld."""

    caller: str | None
    date_utc: datetime
    handled: bool
    type: str
    queue_id: int | None
    date: datetime
    answered_by_machine: bool


@dataclass(slots=True)
class Episode:
    """A missed call and the customer's further calls, until they talked or the time ran out."""

    first: Call
    last: Call
    state: str = "open"
    tries: int = 1
    callback_tries: int = 0
    answered_by_machine: bool = False
    seconds: int | None = None

    def add(self, call: Call) -> None:
        """Count a further call, from either side, in which they did not talk."""
        if call.type == "OUTBOUND":
            self.callback_tries += 1
        else:
            self.tries += 1
            self.last = call
            self.answered_by_machine |= call.answered_by_machine

    def end(self, call: Call) -> None:
        """End the episode with the call in which they talked."""
        self.state = "called back" if call.type == "OUTBOUND" else "called again"
        self.seconds = int((call.date_utc - self.first.date_utc).total_seconds())


def episodes(calls: Iterable[Call], within: timedelta) -> Iterator[Episode]:
    """The episodes of all callers. The calls must be sorted by caller and then by time."""
    for caller, own in groupby(calls, key=lambda call: call.caller):
        if caller is None:
            yield from (_started(call, "anonymous") for call in own if _is_missed(call))
        else:
            yield from _of_one_caller(own, within)


def _of_one_caller(calls: Iterable[Call], within: timedelta) -> Iterator[Episode]:
    episode: Episode | None = None
    for call in calls:
        if episode and call.date_utc - episode.first.date_utc > within:
            yield episode
            episode = None
        if episode and call.handled:
            episode.end(call)
            yield episode
            episode = None
        elif episode:
            episode.add(call)
        elif _is_missed(call):
            episode = _started(call)
    if episode:
        yield episode


def _started(call: Call, state: str = "open") -> Episode:
    return Episode(call, call, state, answered_by_machine=call.answered_by_machine)


def _is_missed(call: Call) -> bool:
    return call.type == "INBOUND" and not call.handled

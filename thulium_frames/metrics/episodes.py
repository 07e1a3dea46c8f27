"""What became of calls in vain: a walk along the calls with one customer, in time order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

#: In the order in which they are worked through.
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
    """From a first call in vain to its end."""

    first: Call
    last: Call
    state: str = "open"
    tries: int = 1
    callback_tries: int = 0
    answered_by_machine: bool = False
    seconds: int | None = None

    def add(self, call: Call) -> None:
        """A further call in vain, from either side."""
        if call.type == "OUTBOUND":
            self.callback_tries += 1
        else:
            self.tries += 1
            self.last = call
            self.answered_by_machine |= call.answered_by_machine

    def end(self, call: Call) -> None:
        """The call in which they talked."""
        self.state = "called back" if call.type == "OUTBOUND" else "called again"
        self.seconds = int((call.date_utc - self.first.date_utc).total_seconds())


def episodes(calls: Iterable[Call], within: timedelta) -> Iterator[Episode]:
    """The episodes of all callers; the calls are sorted by caller, and each caller's by time."""
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

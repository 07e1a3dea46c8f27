"""How one call becomes rows: who answers, how long it takes, what the record says. Dates and ids are added later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from thulium_frames.simulator.cast import (
    CALLBACK_TAG,
    OUTBOUND_FOLDER,
    OUTBOUND_LINE,
    TAGS,
    TRUNKS,
    Agent,
    Campaign,
    Customer,
    Queue,
)

Row = dict[str, object]
_T = TypeVar("_T")

#: Every field of a record, in the API's order, with the value that stands for "nothing".
BLANK: Final[Mapping[str, object]] = {
    **{"date": "", "src": "", "dst": "", "disposition": "", "duration": 0, "billsec": 0, "operator": TRUNKS[0]},
    **{"filename": "", "user": "", "user_login": "", "dst_user": "", "dst_user_login": ""},
    **{"customer_id": "", "outbound_id": "", "outbound_result": "", "connection_id": "", "type": ""},
    **{"rating": "", "queue_id": "", "topic_id": "", "ticket_id": "", "tags": []},
    **{"disconnected_by": "", "transferred_to": ""},
}

_FACES = ("happy", "happy", "happy", "neutral", "sad")
_STARS = ("5", "5", "4", "4", "3", "2", "1")

#: Chances per call. They are invented to look realistic, and come from no real centre.
_REFUSED = 0.006
_VOICEMAIL = 0.02
_TRANSFER = 0.06
_RATED = 0.22
_TOPIC = 0.85
_TICKET = 0.12
_SPARE_TRUNK = 0.07
_REACHED, _NOT_REACHED, _BUSY = 0.62, 0.86, 0.96


@dataclass(slots=True)
class Leg:
    """One unfinished row, with its start in seconds since midnight and the folder of its recording."""

    start: int
    row: Row
    folder: str


#: One call: its legs in time order. A transferred call has several legs.
Call = list[Leg]


def duration(leg: Leg) -> int:
    """Seconds from dialling to hang-up."""
    return int(str(leg.row["duration"]))


def was_talked(call: Call) -> bool:
    """Whether the caller reached a person."""
    return call[0].row["dst_user_login"] != ""


class Shift:
    """The agents at work on one day, and the random choices in their calls.

    Agents are drawn at random, not scheduled, so two talks of one agent may overlap.
    """

    def __init__(self, rng: Random, roster: Mapping[int, Sequence[Agent]]) -> None:
        self._rng = rng
        self._roster = roster
        self._random = rng.random

    def inbound(self, start: int, queue: Queue, caller: Customer, *, crowd: float) -> Call:
        """A call to a queue: refused, abandoned, left as a voicemail, or answered and perhaps transferred."""
        row = {
            **BLANK,
            **{"src": caller.number, "dst": queue.line, "customer_id": caller.customer_id, "type": "INBOUND"},
            **{"queue_id": queue.id, "operator": self._trunk(), "tags": []},
        }
        chance = self._random()
        abandons = queue.abandons * (0.4 + 0.6 * crowd)
        if chance < _REFUSED:
            row.update(disposition=self._one_of(("BUSY", "FAILED")), duration=self._between(0, 4))
        elif chance < _REFUSED + abandons:
            row.update(disposition="NO ANSWER", duration=3 + self._about(queue.wait * 1.6), disconnected_by="Customer")
        elif chance < _REFUSED + abandons + _VOICEMAIL:
            row.update(disposition="ANSWERED", disconnected_by="Customer")
            self._lasts(row, wait=20 + self._about(queue.wait * 2), talk=self._between(6, 75))
        else:
            return self._answered(Leg(start, row, queue.folder), queue, crowd)
        return [Leg(start, row, queue.folder)]

    def callback(self, start: int, queue: Queue, customer: Customer) -> Call:
        """An agent of the queue calls back a customer whose call was missed."""
        leg = self._outbound(start, self._one_of(self._roster[queue.id]), customer, talk=queue.talk)
        leg.row.update(queue_id=queue.id, tags=[CALLBACK_TAG])
        leg.folder = queue.folder
        return [leg]

    def campaign(self, start: int, campaign: Campaign, agent: Agent, customer: Customer) -> Call:
        """A call of an outbound campaign, with the result that the agent noted."""
        leg = self._outbound(start, agent, customer, talk=95.0)
        reached = leg.row["disposition"] == "ANSWERED"
        result = self._one_of(campaign.results[1:]) if reached else campaign.results[0]
        leg.row.update(outbound_id=campaign.id, outbound_result=result)
        leg.folder = campaign.folder
        return [leg]

    def plain(self, start: int, agent: Agent, customer: Customer) -> Call:
        """A call that an agent makes by hand."""
        leg = self._outbound(start, agent, customer, talk=120.0)
        leg.row["tags"] = self._tags()
        return [leg]

    def _answered(self, leg: Leg, queue: Queue, crowd: float) -> Call:
        agent = self._one_of(self._roster[queue.id])
        self._talk(leg.row, agent, queue, wait=2 + self._about(queue.wait * (0.5 + 0.5 * crowd)))
        others = [other for other in self._roster[queue.id] if other is not agent]
        if crowd and others and self._random() < _TRANSFER:
            return [leg, self._transfer(leg, agent, self._one_of(others), queue)]
        return [leg]

    def _transfer(self, first: Leg, agent: Agent, other: Agent, queue: Queue) -> Leg:
        second = Leg(first.start + duration(first), {**first.row, "tags": []}, first.folder)
        first.row.update(rating="", ticket_id="", disconnected_by="Agent", transferred_to=other.login)
        second.row.update(rating="", ticket_id="", user=agent.name, user_login=agent.login)
        self._talk(second.row, other, queue, wait=1 + self._about(6.0))
        return second

    def _talk(self, row: Row, agent: Agent, queue: Queue, *, wait: int) -> None:
        row.update(disposition="ANSWERED", dst_user=agent.name, dst_user_login=agent.login, tags=self._tags())
        row["disconnected_by"] = "Customer" if self._random() < 0.7 else "Agent"
        self._lasts(row, wait=wait, talk=self._length(queue.talk))
        if self._random() < _TOPIC:
            row["topic_id"] = self._one_of(queue.topics).id
        if self._random() < _TICKET:
            row["ticket_id"] = self._between(200_000, 999_999)
        if self._random() < _RATED:
            row["rating"] = self._rating()

    def _outbound(self, start: int, agent: Agent, customer: Customer, *, talk: float) -> Leg:
        row = {
            **BLANK,
            **{"src": OUTBOUND_LINE, "dst": customer.number, "customer_id": customer.customer_id, "type": "OUTBOUND"},
            **{"user": agent.name, "user_login": agent.login, "operator": self._trunk(), "tags": []},
        }
        chance = self._random()
        if chance < _REACHED:
            row.update(disposition="ANSWERED", disconnected_by="Agent" if self._random() < 0.5 else "Customer")
            self._lasts(row, wait=self._between(4, 25), talk=self._length(talk))
        elif chance < _NOT_REACHED:
            row.update(disposition="NO ANSWER", duration=self._between(20, 45), disconnected_by="Agent")
        elif chance < _BUSY:
            row.update(disposition="BUSY", duration=self._between(2, 8))
        else:
            row.update(disposition="FAILED", duration=self._between(0, 3))
        return Leg(start, row, OUTBOUND_FOLDER)

    def _lasts(self, row: Row, *, wait: int, talk: int) -> None:
        row.update(duration=wait + talk, billsec=talk)

    def _trunk(self) -> str:
        return TRUNKS[self._random() < _SPARE_TRUNK]

    def _tags(self) -> list[str]:
        chance = self._random()
        if chance < 0.55:
            return []
        count = 1 if chance < 0.85 else 2 if chance < 0.96 else 3
        return self._rng.sample(TAGS, count)

    def _rating(self) -> dict[str, str]:
        if self._random() < 0.6:
            return {"type": "face", "rate": self._one_of(_FACES)}
        return {"type": "stars", "rate": self._one_of(_STARS)}

    def _about(self, mean: float) -> int:
        return int(self._rng.expovariate(1 / mean))

    def _length(self, median: float) -> int:
        return 1 + int(median * self._rng.lognormvariate(0.0, 0.75))

    def _between(self, low: int, high: int) -> int:
        return low + int(self._random() * (high - low + 1))

    def _one_of(self, choices: Sequence[_T]) -> _T:
        return choices[int(self._random() * len(choices))]

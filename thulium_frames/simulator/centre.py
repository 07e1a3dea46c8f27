"""A generated contact centre. Each day can be generated alone and is always the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Literal, NamedTuple

from thulium_frames.simulator import rhythm
from thulium_frames.simulator.cast import (
    AGENTS,
    CAMPAIGNS,
    NIGHT_QUEUE,
    QUEUES,
    Customer,
    Queue,
    customer,
)
from thulium_frames.simulator.legs import Call, Leg, Shift, duration, was_talked

#: Shares of `calls_per_day`. Measurements show that with redials, transfers and call-backs the mean working day then
#: has `calls_per_day` rows. From a thousand calls a day on, the night queue has a call in every hour of every day.
_INBOUND, _NIGHT, _CAMPAIGN, _PLAIN = 0.65, 0.05, 0.135, 0.06
_DAY_TO_DAY = 0.05
_CUSTOMERS_PER_CALL = 12
_WITHHELD = 0.03
_REDIALS, _MOST_TRIES = 0.4, 3
_CALLED_BACK = 0.7
_ON_DUTY = 0.75

#: A day's inbound calls are generated in two parts, because the next morning needs the second part only: a customer
#: missed more than three hours before closing is called back on the same day.
_Part = Literal["office", "evening"]
_EVENING_SECONDS = 3 * 3600


@dataclass(frozen=True)
class GeneratedCall:
    """One row: the instant of its start, to the second, and the record as the API would show it."""

    started: datetime
    row: dict[str, object]


@dataclass(frozen=True)
class Centre:
    """An invented contact centre in Warsaw.

    `calls_per_day` is the mean number of rows a day from Monday to Friday. With `seconds`, `date` includes seconds.
    """

    seed: int = 1
    calls_per_day: int = 1000
    seconds: bool = False

    def calls(self, day: date) -> list[GeneratedCall]:
        """All rows dated on that day in Warsaw, sorted by start and then by `connection_id`.

        They depend on the centre and the day only: no other day has to be generated first.
        """
        office, evening = _inbound(self, day, "office"), _inbound(self, day, "evening")
        callbacks = _callbacks(self, day, [*office.missed, *evening.missed])
        calls = [*office.calls, *evening.calls, *callbacks, *_campaigns(self, day), *_plain(self, day)]
        calls.sort(key=lambda call: call[0].start)
        midnight = rhythm.midnight(day)
        rows = [row for number, call in enumerate(calls, 1) for row in self._numbered(call, number, midnight)]
        rows.sort(key=lambda row: (row.started, str(row.row["connection_id"])))
        return rows

    def _numbered(self, call: Call, number: int, midnight: int) -> Iterator[GeneratedCall]:
        connection_id = f"{midnight + call[0].start}.{number}"
        for leg in call:
            yield _dated(leg, midnight, connection_id, number, seconds=self.seconds)


class _Missed(NamedTuple):
    """A customer to call back, at the earliest `due` seconds after midnight."""

    due: int
    queue: Queue
    customer: Customer


class _Inbound(NamedTuple):
    calls: Sequence[Call]
    missed: Sequence[_Missed]


def _rng(centre: Centre, day: date, purpose: str) -> Random:
    return Random(f"{centre.seed}/{day}/{purpose}")  # noqa: S311 - invented calls must be repeatable, not secret


def _shift(centre: Centre, day: date, rng: Random) -> Shift:
    duty = _rng(centre, day, "roster")
    crews = {queue.id: queue.crew for queue in (*QUEUES, NIGHT_QUEUE)}
    return Shift(rng, {key: duty.sample(crew, max(2, round(len(crew) * _ON_DUTY))) for key, crew in crews.items()})


def _customer(centre: Centre, rng: Random) -> Customer:
    """Draws a customer: a few customers call often, most call rarely."""
    pool = max(50, centre.calls_per_day * _CUSTOMERS_PER_CALL)
    return customer(centre.seed, int(pool * rng.random() ** 1.7))


def _caller(centre: Centre, rng: Random) -> Customer:
    return Customer("", "") if rng.random() < _WITHHELD else _customer(centre, rng)


def _inbound(centre: Centre, day: date, part: _Part) -> _Inbound:
    """One part of the day's inbound calls, and the customers to call back."""
    rng = _rng(centre, day, part)
    shift = _shift(centre, day, rng)
    calls: list[Call] = []
    missed: list[_Missed] = []
    end = rhythm.length(day)
    for moment, queue in _arrivals(centre, day, part):
        caller = _caller(centre, rng)
        tries = [call for call in _tries(shift, rng, day, moment, queue, caller) if call[0].start < end]
        calls += tries
        if caller.number and not was_talked(tries[-1]) and rng.random() < _CALLED_BACK:
            missed.append(_Missed(tries[-1][0].start + rng.randint(300, 5400), queue, caller))
    return _Inbound(calls, missed)


def _arrivals(centre: Centre, day: date, part: _Part) -> list[tuple[int, Queue]]:
    if rhythm.is_holiday(day):
        return []
    rng = _rng(centre, day, "arrivals")
    mean = centre.calls_per_day * _INBOUND * rhythm.load(day) * rng.gauss(1.0, _DAY_TO_DAY)
    moments = rhythm.office_moments(rng, day, rhythm.how_many(rng, mean))
    queues = rng.choices(QUEUES, weights=[queue.load for queue in QUEUES], k=len(moments))
    night = rhythm.even_moments(rng, day, round(centre.calls_per_day * _NIGHT))
    arrivals = [*zip(moments, queues, strict=True), *((moment, NIGHT_QUEUE) for moment in night)]
    evening = _closing(day) - _EVENING_SECONDS
    return [arrival for arrival in arrivals if (arrival[0] >= evening) == (part == "evening")]


def _closing(day: date) -> int:
    """Closing time in seconds after midnight. It is 0 on a closed day, so that the whole day counts as evening."""
    hours = rhythm.office_hours(day)
    return hours[1] if hours else 0


def _tries(shift: Shift, rng: Random, day: date, start: int, queue: Queue, caller: Customer) -> Iterator[Call]:
    """The call, and the redials of an impatient caller."""
    for _ in range(_MOST_TRIES):
        crowd = rhythm.crowd(day, start) if queue is not NIGHT_QUEUE else 0.0
        call = shift.inbound(start, queue, caller, crowd=crowd)
        yield call
        if was_talked(call) or rng.random() >= _REDIALS:
            return
        start += duration(call[0]) + rng.randint(15, 400)


def _callbacks(centre: Centre, day: date, missed_today: Sequence[_Missed]) -> Iterator[Call]:
    """Call-backs until closing to customers missed today, and in the morning to those left over from yesterday."""
    hours = rhythm.office_hours(day)
    if hours is None:
        return
    opens, closes = hours
    rng = _rng(centre, day, "callbacks")
    shift = _shift(centre, day, rng)
    today = [missed for missed in missed_today if missed.due < closes]
    for missed in (*_left_over(centre, day - timedelta(days=1)), *today):
        start = missed.due if missed.due >= opens else opens + rng.randint(0, 5400)
        yield shift.callback(start, missed.queue, missed.customer)


def _left_over(centre: Centre, day: date) -> list[_Missed]:
    """Customers whom nobody could call back on that day; they are due from the next midnight on."""
    closing = _closing(day)
    late = [missed for missed in _inbound(centre, day, "evening").missed if missed.due >= closing]
    return [missed._replace(due=0) for missed in late]


def _outbound_moments(centre: Centre, day: date, rng: Random, share: float) -> list[int]:
    weekday_load = rhythm.load(day) if day.weekday() < 5 else 0.0
    return rhythm.office_moments(rng, day, rhythm.how_many(rng, centre.calls_per_day * share * weekday_load))


def _campaigns(centre: Centre, day: date) -> Iterator[Call]:
    rng = _rng(centre, day, "campaigns")
    shift = _shift(centre, day, rng)
    for moment in _outbound_moments(centre, day, rng, _CAMPAIGN):
        yield shift.campaign(moment, rng.choice(CAMPAIGNS), rng.choice(AGENTS), _customer(centre, rng))


def _plain(centre: Centre, day: date) -> Iterator[Call]:
    rng = _rng(centre, day, "plain")
    shift = _shift(centre, day, rng)
    for moment in _outbound_moments(centre, day, rng, _PLAIN):
        yield shift.plain(moment, rng.choice(AGENTS), _customer(centre, rng))


def _dated(leg: Leg, midnight: int, connection_id: str, number: int, *, seconds: bool) -> GeneratedCall:
    epoch = midnight + leg.start
    clock = datetime.fromtimestamp(epoch, rhythm.WARSAW).isoformat(" ")[:19]
    leg.row.update(date=clock if seconds else clock[:16], connection_id=connection_id)
    if leg.row["disposition"] == "ANSWERED":
        leg.row["filename"] = _recording(leg, clock, number)
    return GeneratedCall(datetime.fromtimestamp(epoch, UTC), leg.row)


def _recording(leg: Leg, clock: str, number: int) -> str:
    """A file name of queue, day, wall clock, customer's number and call's number, as in the vendor's sample."""
    day, time = clock.split(" ")
    customer_number = leg.row["src" if leg.row["type"] == "INBOUND" else "dst"] or "anonim"
    return f"{leg.folder}/{day}/{day}_{time.replace(':', '')}_{customer_number}.{number}.wav"

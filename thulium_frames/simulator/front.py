"""The faults between a client and the API: those of networks, of proxies and of servers under load."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thulium_frames.simulator import replies
from thulium_frames.simulator.drift import DriftingCalls
from thulium_frames.simulator.fate import SILENT, Fate, RateLimit, fate_of
from thulium_frames.simulator.faults import Faults
from thulium_frames.simulator.wire import Wire, wire_of

_API: Final = "/api"
_CONTENT_LENGTH: Final = b"content-length"


class SimulatedThulium:
    """The simulated system: an ASGI application that knows the truth, and counts requests and faults."""

    def __init__(self, api: ASGIApp, calls: DriftingCalls, faults: Faults) -> None:
        self._api = api
        self._calls = calls
        self._faults = faults
        self._capacity = asyncio.Semaphore(faults.capacity) if faults.capacity else nullcontext()
        self._limit = RateLimit(faults.rate_limit, faults.rate_window)
        #: The number of requests that have come to the API, including those without an answer.
        self.requests = 0
        #: The number of requests that each fault has hit, by the name of its field. Faults of rows are not counted.
        self.dealt: Counter[str] = Counter()

    def truth(self, first_day: date = date.min, last_day: date = date.max) -> list[dict[str, object]]:
        """The rows of these days, both included, as they are now, oldest first. A perfect reader would get these."""
        days = (day for day in self._calls.days() if first_day <= day <= last_day)
        return [dict(record.row) for day in days for record in self._calls.records(day)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_API):
            await self._api(scope, receive, send)
            return
        wire = wire_of(scope) if self._faults.need_a_wire else None
        self.requests += 1
        self._calls.advance(self.requests)
        wait = self._limit.wait()
        fate = fate_of(self.requests, self._faults, is_too_many=wait > 0)
        self.dealt.update(fate.names)
        async with self._capacity:
            await _pause(self._faults.latency, receive)
        if fate.instead in SILENT and wire:
            await self._fall_silent(fate, wire, receive)
        elif fate.names:
            told = _told(self._instead(fate, wait)) if fate.instead else await _asked(self._api, scope, receive)
            await self._deliver(_spoilt(told, fate), fate, wire, receive, send)
        else:
            await self._api(scope, receive, send)

    async def _fall_silent(self, fate: Fate, wire: Wire, receive: Receive) -> None:
        if fate.instead == "restart_at":
            wire.restart(self._faults.restart_seconds)
        else:
            wire.reset()
        await _departure(receive)

    def _instead(self, fate: Fate, wait: int) -> Response:
        match fate.instead:
            case "rate_limit":
                return replies.too_many(wait, self._faults.retry_after)
            case "unauthorized_from":
                return replies.unauthorized()
            case "forbidden":
                return replies.forbidden()
            case "server_errors":
                return replies.server_error(fate.rng)
            case "redirects":
                return replies.redirect(self._faults.redirect_to)
            case _:
                return replies.unexpected_page()

    async def _deliver(self, told: "_Answer", fate: Fate, wire: Wire | None, receive: Receive, send: Send) -> None:
        middle = len(told.body) // 2
        await send({"type": "http.response.start", "status": told.status, "headers": told.headers})
        await send({"type": "http.response.body", "body": told.body[:middle], "more_body": True})
        if "stalls" in fate.then:
            await _pause(self._faults.stall_seconds, receive)
        if "resets_middle" in fate.then and wire:
            wire.reset()
            await _departure(receive)
            return
        await send({"type": "http.response.body", "body": told.body[middle:]})
        if "closes_after" in fate.then and wire:
            wire.close()


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def with_body(self, body: bytes) -> "_Answer":
        kept = [(name, value) for name, value in self.headers if name.lower() != _CONTENT_LENGTH]
        return replace(self, headers=[*kept, (_CONTENT_LENGTH, b"%d" % len(body))], body=body)


def _told(response: Response) -> _Answer:
    return _Answer(response.status_code, response.raw_headers, bytes(response.body))


async def _asked(api: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    """The true answer, collected here and not sent to the client."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await api(scope, receive, keep)
    start, *parts = messages
    return _Answer(start["status"], start["headers"], b"".join(part.get("body", b"") for part in parts))


def _spoilt(told: _Answer, fate: Fate) -> _Answer:
    if "truncated" in fate.then and told.body:
        told = told.with_body(told.body[: fate.rng.randrange(len(told.body))])
    if "bit_flips" in fate.then and told.body:
        told = told.with_body(_flipped(told.body, fate.rng))
    return told


def _flipped(body: bytes, rng: Random) -> bytes:
    flipped = bytearray(body)
    place, bit = divmod(rng.randrange(8 * len(body)), 8)
    flipped[place] ^= 1 << bit
    return bytes(flipped)


async def _pause(seconds: float, receive: Receive) -> None:
    """Waits for that many seconds, or until the client leaves."""
    if seconds:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _departure(receive)


async def _departure(receive: Receive) -> None:
    """Returns when the connection has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""The system that all peers read. It runs in its own process and does little more than cut pages out of bytes.

It shares no code with the measured programs. `/stats` returns the number of API requests; `/reset` also sets it to 0.
"""

import argparse
import asyncio
import math
from collections import deque
from contextlib import nullcontext
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final, Protocol
from urllib.parse import parse_qsl

from granian.constants import Interfaces
from granian.rsgi import Scope
from granian.server.embed import Server

from tests.benchmarks.archive import Archive, load

_MOST: Final = 100
_JSON: Final = [("content-type", "application/json")]
_WINDOW: Final = 1.0


class Reply(Protocol):
    """The object that granian passes for sending the answer."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class RateLimit:
    """Lets `limit` requests pass in any second. A limit of 0 lets all pass."""

    def __init__(self, limit: int) -> None:
        self._passed: deque[float] = deque(maxlen=limit)
        self._limit = limit

    def wait(self) -> int:
        """0 if a request may pass now, else the number of whole seconds until one may."""
        now = monotonic()
        if self._limit and len(self._passed) == self._limit and (rest := self._passed[0] + _WINDOW - now) > 0:
            return math.ceil(rest)
        self._passed.append(now)
        return 0


class Application:
    """Answers `GET connections` from an archive. When `unstable`, equal dates come in a new order each time."""

    def __init__(self, archive: Archive, *, latency: float, limit: int, capacity: int, unstable: bool) -> None:
        self._archive = archive
        self._latency = latency
        self._capacity = asyncio.Semaphore(capacity) if capacity else nullcontext()
        self._limit = RateLimit(limit)
        self._ties = Random(1) if unstable else None
        self._requests = 0

    async def __call__(self, scope: Scope, protocol: Reply) -> None:
        if scope.path == "/api/connections":
            self._requests += 1
            if self._latency:
                async with self._capacity:
                    await asyncio.sleep(self._latency)
            if wait := self._limit.wait():
                protocol.response_bytes(429, [*_JSON, ("retry-after", str(wait))], b'{"errors":[]}')
            else:
                protocol.response_bytes(200, _JSON, self._page(dict(parse_qsl(scope.query_string))))
            return
        protocol.response_bytes(200, _JSON, b'{"requests":%d}' % self._requests)
        if scope.path == "/reset":
            self._requests = 0

    def _page(self, asked: dict[str, str]) -> bytes:
        first, end = self._archive.find(asked.get("date_from", ""), asked.get("date_to", ""))
        start = min(first + int(asked.get("offset", 0)), end)
        stop = min(start + min(int(asked.get("limit", _MOST)), _MOST), end)
        records = self._archive.slice(start, stop) if self._ties is None else self._shuffled(self._ties, start, stop)
        return b'{"count":%d,"result":[%b]}' % (end - first, records)

    def _shuffled(self, ties: Random, start: int, stop: int) -> bytes:
        if start == stop:
            return b""
        moments = list(self._archive.moments(start, stop))
        numbers = [number for moment in moments for number in ties.sample(moment, len(moment))]
        skipped = start - moments[0].start
        page = numbers[skipped : skipped + stop - start]
        return b",".join(self._archive.slice(number, number + 1) for number in page)


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("port", "rows", "limit", "capacity"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--unstable", action="store_true")
    for name in ("chain", "key"):
        parser.add_argument(f"--{name}", type=Path)
    given = parser.parse_args()
    application = Application(
        load(given.folder, given.rows),
        latency=given.latency,
        limit=given.limit,
        capacity=given.capacity,
        unstable=given.unstable,
    )
    server = Server(
        application,
        port=given.port,
        interface=Interfaces.RSGI,
        log_enabled=False,
        ssl_cert=given.chain,
        ssl_key=given.key,
    )
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()

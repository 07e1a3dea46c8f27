"""The HTTP face of the simulator: `GET /api/connections` behind Basic authentication."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from random import Random
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from thulium_frames.simulator import replies
from thulium_frames.simulator.dirt import soiled
from thulium_frames.simulator.drift import DriftingCalls
from thulium_frames.simulator.faults import LOGIN_PATH, NO_FAULTS, Faults
from thulium_frames.simulator.front import SimulatedThulium
from thulium_frames.simulator.query import EARLIEST, BadQueryError, DateRules, Query, read_query
from thulium_frames.simulator.selection import Archive
from thulium_frames.simulator.sources import CallSource, Record

_COMPRESSED_FROM_BYTES: Final = 1000


def create_app(
    source: CallSource,
    *,
    user: str = "demo",
    password: str = "demo",  # noqa: S107 - the simulator's own password is not a secret
    max_limit: int = 100,
    compress: bool = False,
    faults: Faults = NO_FAULTS,
) -> SimulatedThulium:
    """An ASGI application that answers `GET /api/connections` as Thulium's page documents it, but with these `faults`.

    Rows are ordered by `date` alone; rows with equal dates keep the source's order. With `compress`, a client that
    accepts gzip gets gzip.
    """
    rows = soiled(source, faults)
    calls = DriftingCalls(rows, events=faults.drift, until=faults.drift_until, seed=faults.seed)
    endpoint = _Connections(calls, _credentials(user, password), max_limit, faults)
    gzip = [Middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM_BYTES)] if compress else []
    routes = [
        Route("/api/connections", endpoint.get, methods=["GET"]),
        Route(LOGIN_PATH, _login, methods=["GET"]),
    ]
    api = Starlette(routes=routes, middleware=gzip, exception_handlers={HTTPException: _refused})
    api.router.redirect_slashes = False
    return SimulatedThulium(api, calls, faults)


class _Connections:
    def __init__(self, calls: CallSource, credentials: bytes, max_limit: int, faults: Faults) -> None:
        ties = Random(faults.seed) if faults.shuffle_ties else None  # noqa: S311 - must be repeatable, not secret
        self._archive = Archive(calls, order="newest" if faults.newest_first else "oldest", ties=ties)
        self._credentials = credentials
        self._max_limit = max_limit
        self._dates = _date_rules(calls, faults)
        self._faults = faults

    async def get(self, request: Request) -> Response:
        if not self._is_known(request.headers.get("Authorization", "")):
            return replies.unauthorized()
        faults = self._faults
        try:
            query = read_query(request.query_params, max_limit=self._max_limit, dates=self._dates)
        except BadQueryError as error:
            return replies.refusal(400, error.problems)
        count, records = self._archive.answer(query)
        return replies.answer(200, _body(count, records[: faults.page_cap or None], query, faults))

    def _is_known(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and secrets.compare_digest(given, self._credentials)


def _date_rules(calls: CallSource, faults: Faults) -> DateRules:
    days = calls.days()
    is_limited = bool(faults.recent_days and days)
    return DateRules(
        date_to_means=faults.date_to_means,
        date_from_by_day=faults.date_from_by_day or faults.bounds_by_day,
        date_to_by_day=faults.bounds_by_day,
        since=datetime.combine(days[-1] - timedelta(faults.recent_days - 1), time.min) if is_limited else EARLIEST,
    )


def _credentials(user: str, password: str) -> bytes:
    """The text that Basic authentication carries, in UTF-8. The password begins after the first colon (RFC 7617)."""
    if ":" in user:
        raise ValueError("a user name must not contain a colon, because the password begins there: choose another name")
    return f"{user}:{password}".encode()


def _body(count: int, records: Sequence[Record], query: Query, faults: Faults) -> bytes:
    tags, topics = query.include_tags, query.include_topics
    rows = [record.json(tags=tags, topics=topics, numbers_as_text=faults.numbers_as_text) for record in records]
    quote = b'"' if faults.count_as_text else b""
    return b'{"count":%b%d%b,"result":[%b]}' % (quote, count, quote, b",".join(rows))


async def _login(_request: Request) -> Response:
    return replies.login_page()


async def _refused(_request: Request, error: Exception) -> Response:
    """Puts Starlette's own refusals (unknown path, unknown method) into the API's envelope."""
    if not isinstance(error, HTTPException):
        raise error
    return replies.refusal(error.status_code, [error.detail], error.headers)

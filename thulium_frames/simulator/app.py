"""The HTTP face of the simulator: `GET /api/connections` behind Basic authentication."""

import base64
import binascii
import secrets
import uuid
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from thulium_frames.simulator.query import BadQueryError, read_query
from thulium_frames.simulator.selection import Archive, Order
from thulium_frames.simulator.sources import CallSource, Record

#: The realm that a browser would show.
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Thulium", charset="UTF-8"'}
_COMPRESSED_FROM_BYTES: Final = 1000


def create_app(
    source: CallSource,
    *,
    user: str = "demo",
    password: str = "demo",  # noqa: S107 - a simulator's own, not a secret
    max_limit: int = 100,
    order: Order = "oldest",
    shuffle_ties: bool = False,
    seed: int = 0,
    compress: bool = False,
) -> Starlette:
    """An ASGI application that answers `GET /api/connections` as Thulium's page says.

    Rows are ordered by `date` alone. Those with equal dates keep the source's order, or with `shuffle_ties` stand in a
    new random order, drawn from `seed`, on every request. With `compress` a client that accepts gzip gets it.
    """
    ties = Random(seed) if shuffle_ties else None  # noqa: S311 - to be repeatable, not secret
    endpoint = _Connections(Archive(source, order=order, ties=ties), _credentials(user, password), max_limit)
    gzip = [Middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM_BYTES)] if compress else []
    app = Starlette(
        routes=[Route("/api/connections", endpoint.get, methods=["GET"])],
        middleware=gzip,
        exception_handlers={HTTPException: _refused},
    )
    app.router.redirect_slashes = False
    return app


class _Connections:
    def __init__(self, archive: Archive, credentials: bytes, max_limit: int) -> None:
        self._archive = archive
        self._credentials = credentials
        self._max_limit = max_limit

    async def get(self, request: Request) -> Response:
        if not self._is_known(request.headers.get("Authorization", "")):
            return _errors(401, ["Authentication is required"], _CHALLENGE)
        try:
            query = read_query(request.query_params, max_limit=self._max_limit)
        except BadQueryError as error:
            return _errors(400, error.problems)
        count, records = self._archive.answer(query)
        body = _body(count, records, tags=query.include_tags, topics=query.include_topics)
        return _answer(200, body, uuid.uuid4().hex)

    def _is_known(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and secrets.compare_digest(given, self._credentials)


def _credentials(user: str, password: str) -> bytes:
    """What Basic authentication carries: UTF-8, and all after the first colon is the password (RFC 7617)."""
    if ":" in user:
        raise ValueError("a user name with a colon cannot be told from its password: choose another name")
    return f"{user}:{password}".encode()


def _body(count: int, records: Sequence[Record], *, tags: bool, topics: bool) -> bytes:
    rows = b",".join([record.json(tags=tags, topics=topics) for record in records])
    return b'{"count":%d,"result":[%b]}' % (count, rows)


async def _refused(_request: Request, error: Exception) -> Response:
    """Starlette's own refusals, an unknown path or method, in the API's envelope."""
    if not isinstance(error, HTTPException):
        raise error
    return _errors(error.status_code, [error.detail], error.headers)


def _errors(status: int, messages: Sequence[str], headers: Mapping[str, str] | None = None) -> Response:
    request_id = uuid.uuid4().hex
    problems = [{"message": message, "code": status} for message in messages]
    return _answer(status, msgspec.json.encode({"request_id": request_id, "errors": problems}), request_id, headers)


def _answer(status: int, body: bytes, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, {**(headers or {}), "X-Request-Id": request_id}, "application/json")

"""The answers that are not a page of calls: refusals in the API's envelope, and pages of HTML."""

import time
import uuid
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from random import Random
from typing import Final

import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from thulium_frames.simulator.faults import RetryAfter

#: The realm that a browser would show.
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Thulium", charset="UTF-8"'}
_SERVER_ERRORS: Final = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


def answer(status: int, body: bytes, headers: Mapping[str, str] | None = None, *, request_id: str = "") -> Response:
    """An answer with a JSON body. It gets a new request id unless one is given."""
    identified = {**(headers or {}), "X-Request-Id": request_id or uuid.uuid4().hex}
    return Response(body, status, identified, "application/json")


def refusal(status: int, messages: Sequence[str], headers: Mapping[str, str] | None = None) -> Response:
    """A refusal, in the API's envelope for errors."""
    request_id = uuid.uuid4().hex
    problems = [{"message": message, "code": status} for message in messages]
    body = msgspec.json.encode({"request_id": request_id, "errors": problems})
    return answer(status, body, headers, request_id=request_id)


def unauthorized() -> Response:
    """401: the credentials are missing or wrong."""
    return refusal(401, ["Authentication is required"], _CHALLENGE)


def forbidden() -> Response:
    """403: the API user may not call this method."""
    return refusal(403, ["The API user may not call this method"])


def too_many(wait: int, style: RetryAfter) -> Response:
    """429: the client must wait for that many seconds."""
    after = str(wait) if style == "seconds" else formatdate(int(time.time()) + 1 + wait, usegmt=True)
    return refusal(429, ["Too many requests"], {"Retry-After": after})


def server_error(rng: Random) -> Response:
    """A random 500, 502, 503 or 504, in the API's envelope or as the HTML page of a proxy."""
    status, reason = rng.choice(list(_SERVER_ERRORS.items()))
    if rng.random() < 0.5:
        return refusal(status, [reason])
    return page(f"{status} {reason}", "nginx", status=status)


def redirect(url: str) -> Response:
    """302: the client must ask at that address."""
    return RedirectResponse(url, 302)


def login_page() -> Response:
    """The page that the panel shows to users who are not logged in."""
    return page("Thulium", '<form method="post"><input name="login"><input name="password" type="password"></form>')


def unexpected_page() -> Response:
    """An HTML page with status 200. A proxy or the panel may send one instead of the API's answer."""
    return page("Przerwa techniczna", "Wracamy za chwilę.")


def page(title: str, text: str, *, status: int = 200) -> Response:
    """An HTML page for people."""
    head = f'<!DOCTYPE html>\n<html lang="pl"><head><meta charset="utf-8"><title>{title}</title></head>'
    return HTMLResponse(f"{head}\n<body><h1>{title}</h1>{text}</body></html>\n", status)

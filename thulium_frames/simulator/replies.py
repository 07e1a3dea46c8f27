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
    """A body of JSON, under an id of its own unless one is given."""
    identified = {**(headers or {}), "X-Request-Id": request_id or uuid.uuid4().hex}
    return Response(body, status, identified, "application/json")


def refusal(status: int, messages: Sequence[str], headers: Mapping[str, str] | None = None) -> Response:
    """The API's envelope for what it does not do."""
    request_id = uuid.uuid4().hex
    problems = [{"message": message, "code": status} for message in messages]
    body = msgspec.json.encode({"request_id": request_id, "errors": problems})
    return answer(status, body, headers, request_id=request_id)


def unauthorized() -> Response:
    """No credentials, or wrong ones."""
    return refusal(401, ["Authentication is required"], _CHALLENGE)


def forbidden() -> Response:
    """The API user's list of methods lacks this one."""
    return refusal(403, ["The API user may not call this method"])


def too_many(wait: int, style: RetryAfter) -> Response:
    """The client is to wait for that many seconds."""
    after = str(wait) if style == "seconds" else formatdate(int(time.time()) + 1 + wait, usegmt=True)
    return refusal(429, ["Too many requests"], {"Retry-After": after})


def server_error(rng: Random) -> Response:
    """One of the errors of a server or of the proxy before it, in the form of either."""
    status, reason = rng.choice(list(_SERVER_ERRORS.items()))
    if rng.random() < 0.5:
        return refusal(status, [reason])
    return page(f"{status} {reason}", "nginx", status=status)


def redirect(url: str) -> Response:
    """The answer stands elsewhere."""
    return RedirectResponse(url, 302)


def login_page() -> Response:
    """What the panel shows to whom it does not know."""
    return page("Thulium", '<form method="post"><input name="login"><input name="password" type="password"></form>')


def unexpected_page() -> Response:
    """What a proxy or a panel may say instead of the API, with the status of success."""
    return page("Przerwa techniczna", "Wracamy za chwilę.")


def page(title: str, text: str, *, status: int = 200) -> Response:
    """A page for people."""
    head = f'<!DOCTYPE html>\n<html lang="pl"><head><meta charset="utf-8"><title>{title}</title></head>'
    return HTMLResponse(f"{head}\n<body><h1>{title}</h1>{text}</body></html>\n", status)

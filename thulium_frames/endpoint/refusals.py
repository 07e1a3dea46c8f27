"""What an answer other than a page says, and which error it becomes.

No message shows the password or a filter, or holds a character that would steer a terminal.
"""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from thulium_frames.endpoint.exchange import Answer
from thulium_frames.endpoint.settings import Secret
from thulium_frames.endpoint.showing import shown
from thulium_frames.errors import ApiError, AuthenticationError, RequestRejectedError

_MAY_PASS = (408, 425, 429)
_STAYS = (501, 505)  # the method or the version of HTTP is not supported
_SLOW_DOWN = (429, 503)
_MOST_ENVELOPE_BYTES = 2**20
_API_USERS = "Administration, Users, API users in the Thulium panel"

_KINDS: dict[int, tuple[type[ApiError], str]] = {
    401: (AuthenticationError, f"Check --user and the password; Thulium wants an API user ({_API_USERS})"),
    403: (AuthenticationError, f"Allow this API user the method GET connections ({_API_USERS})"),
    404: (RequestRejectedError, "There is no API at this address: check --url"),
}


def may_pass(answer: Answer) -> bool:
    """Whether the same request may succeed later."""
    return answer.status in _MAY_PASS or (answer.status >= 500 and answer.status not in _STAYS)


def asks_to_slow_down(answer: Answer) -> bool:
    return answer.status in _SLOW_DOWN or retry_after(answer) is not None


def retry_after(answer: Answer) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as a date by the server's own clock. None without one."""
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        now = parsedate_to_datetime(answer.headers["Date"]) if "Date" in answer.headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def error_of(answer: Answer, password: Secret) -> ApiError:
    """The error that the status and the body of an answer tell."""
    is_refusal = answer.status < 500 and not may_pass(answer)
    kind, advice = _KINDS.get(answer.status, (RequestRejectedError if is_refusal else ApiError, ""))
    message = messages(answer, password)
    what = f"the system answered {answer.status} {answer.reason}".rstrip() + (f": {message}" if message else "")
    return _worded(kind, what, advice, answer, password)


def error_in_disguise(answer: Answer, password: Secret) -> ApiError | None:
    """The error that a body tells although the status is 200; None when it tells none."""
    message = messages(answer, password)
    return _worded(ApiError, f"the system answered an error: {message}", "", answer, password) if message else None


def messages(answer: Answer, password: Secret) -> str:
    """What Thulium's error envelope says, "" without one."""
    errors = _envelope(answer).get("errors")
    if not isinstance(errors, list):
        return ""
    texts = [f"{error.get('message')} (code {error.get('code')})" for error in errors if isinstance(error, dict)]
    return shown("; ".join(texts), password)[:300]


def _worded(kind: type[ApiError], what: str, advice: str, answer: Answer, password: Secret) -> ApiError:
    request_id = shown(str(_envelope(answer).get("request_id") or answer.headers.get("X-Request-Id") or ""), password)
    what += f" (request id {request_id})" if request_id else ""
    what += f". {advice}" if advice else ""
    return kind(shown(what, password), status=answer.status, request_id=request_id or None)


def _envelope(answer: Answer) -> dict[str, object]:
    """Thulium's error envelope, empty when the body is something else."""
    if len(answer.body) > _MOST_ENVELOPE_BYTES:  # what it becomes in memory is many times as large
        return {}
    try:
        content = json.loads(answer.body, strict=False)  # takes raw control characters and halves of surrogates
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) and "errors" in content else {}

"""What a request says, and what it brings back, whichever library sends it."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from thulium_frames.endpoint.bodies import ACCEPTED, body_of
from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.endpoint.settings import Settings
from thulium_frames.errors import UnreadableAnswerError

MAX_CONNECT_SECONDS = 10.0
#: Connections that nothing was sent over for so long are closed: something on the way may have forgotten them.
IDLE_SECONDS = 5.0
READ_HEADERS = ("Content-Encoding", "Date", "Location", "Retry-After", "X-Request-Id")


class HandOverError(Exception):
    """This library cannot go on with the request, and the system did not answer it. The other library may."""


@dataclass(frozen=True)
class Answer:
    """What came back: an HTTP status with its words, the headers that are read here, and the whole body."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return _is_success(self.status)


def headers_of(settings: Settings) -> dict[str, str]:
    """The headers of every request. One of them tells the password, so keep them where no repr shows them."""
    credentials = f"{settings.user}:{settings.password.reveal()}".encode()
    return {
        "Accept": "application/json",
        "Accept-Encoding": ACCEPTED,
        "Authorization": f"Basic {b64encode(credentials).decode()}",
        "User-Agent": f"thulium-frames/{version('thulium-frames')}",
    }


def read_answer(
    status: int, reason: str, headers: Mapping[str, str], chunks: Iterable[bytes], check: Callable[[], object]
) -> Answer:
    """Read the body of an answer in `chunks`, as `body_of` does.

    Raises TryAgainError where that does. A damaged body of an error is left out instead: its status says enough.
    """
    try:
        body = body_of(chunks, headers.get("Content-Encoding", ""), check)
    except TryAgainError as failure:
        if _is_success(status) or not isinstance(failure.error, UnreadableAnswerError):
            raise
        body = b""
    return Answer(status, reason, headers, body)


def _is_success(status: int) -> bool:
    return 200 <= status < 300

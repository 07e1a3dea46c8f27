"""GET requests to one system: their connections, redirects and number. Two libraries can send them."""

import logging
import threading
import weakref
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import quote, urlencode

from thulium_frames.endpoint.deadline import Deadline
from thulium_frames.endpoint.exchange import Answer, HandOverError
from thulium_frames.endpoint.loading import load_for_good
from thulium_frames.endpoint.proxies import Proxy, proxies_of
from thulium_frames.endpoint.redirects import is_redirect, next_address, page_of, refuse_other_page
from thulium_frames.endpoint.settings import Settings, proxy_variables
from thulium_frames.endpoint.showing import shown
from thulium_frames.endpoint.trust import Trust
from thulium_frames.errors import RequestRejectedError

Parameters = Sequence[tuple[str, str]]

_MAX_REDIRECTS = 3

_log = logging.getLogger("thulium_frames")


def best_library() -> str:
    """The faster library where it is installed."""
    return "pyreqwest" if find_spec("pyreqwest") else "httpx"


class Sender(Protocol):
    """An HTTP library with its connections to one system."""

    def send(self, address: str) -> Answer:
        """Send one GET, and return its answer whatever its status. It takes at most what the deadline leaves."""

    def close(self) -> None:
        """Close all connections."""


class _Lent:
    """A sender, and how many requests use it."""

    def __init__(self, sender: Sender, owner: object) -> None:
        self.sender = sender
        self.users = 0
        self.close = weakref.finalize(owner, sender.close)  # for callers who forget to close it
        self.close.atexit = False


class Transport:
    """GET requests to one address, over kept connections that several threads share."""

    def __init__(self, settings: Settings, path: str, *, connections: int, library: str | None = None) -> None:
        self.requests = 0
        """Requests sent so far, redirects counted."""
        self.era = 0
        """How often it was closed."""
        self.library = library or best_library()
        """The HTTP library that sends the requests: httpx or pyreqwest. Which one is certain after the first request:
        where pyreqwest cannot keep a promise, it is httpx from then on."""
        self._settings = settings
        self._path = path
        self._connections = connections
        self._deadline = Deadline()
        self._trust = Trust()
        self._lock = threading.Lock()
        self._kept: _Lent | None = None

    def get(self, parameters: Parameters, seconds: float, era: int) -> Answer:
        """Send one request and return its answer, whatever its status. It takes at most `seconds` as a whole.

        `era` is that in which the read began. Where it has passed, connections were closed since, and this request
        keeps none. Raises TryAgainError for a failure that may pass, ApiError for one that will not, and SettingsError
        when no connection can be set up.
        """
        self._deadline.begin(seconds)
        query = urlencode(parameters, quote_via=quote)
        try:
            return self._get(query, era)
        except HandOverError as error:
            _log.debug("pyreqwest cannot go on: %s", error)
            return self._get(query, era)

    def _get(self, query: str, era: int) -> Answer:
        lent = self._lend(era)
        try:
            return self._follow(lent.sender, query)
        except HandOverError:
            self._hand_over(lent)
            raise
        finally:
            self._take_back(lent)

    def close(self) -> None:
        """Close the kept connections as soon as no request uses them. Reads that begin later open new ones."""
        with self._lock:
            self.era += 1
            lent, self._kept = self._kept, None
            is_idle = lent is not None and not lent.users
        if lent is not None and is_idle:
            lent.close()

    def _lend(self, era: int) -> _Lent:
        with self._lock:
            kept = self._kept if era == self.era else None
            lent = kept or _Lent(self._open(), self)
            if era == self.era:
                self._kept = lent
            lent.users += 1
            return lent

    def _take_back(self, lent: _Lent) -> None:
        with self._lock:
            lent.users -= 1
            is_done = lent is not self._kept and not lent.users
        if is_done:
            lent.close()

    def _hand_over(self, lent: _Lent) -> None:
        """Let httpx send the requests that begin from now on."""
        with self._lock:
            self.library = "httpx"
            if self._kept is lent:
                self._kept = None

    def _open(self) -> Sender:
        settings = self._settings
        variables = {} if settings.is_loopback else proxy_variables()  # no proxy stands between this machine and itself
        proxies = proxies_of(settings.url, variables)
        sender = self._fast_sender(proxies) if self.library == "pyreqwest" else None
        self.library = "pyreqwest" if sender else "httpx"
        _log.debug("requests are sent by %s", self.library)
        return sender or self._sender(proxies)

    def _fast_sender(self, proxies: Mapping[str, Proxy]) -> Sender | None:
        """A sender by pyreqwest; None where it cannot keep every promise."""
        load_for_good("pyreqwest.client")
        from thulium_frames.endpoint.by_pyreqwest import PyreqwestSender, can_send

        if not can_send(self._settings, proxies):
            return None
        try:
            return PyreqwestSender(self._settings, self._trust, self._deadline, connections=self._connections)
        except HandOverError:
            return None

    def _sender(self, proxies: Mapping[str, Proxy]) -> Sender:
        from thulium_frames.endpoint.by_httpx import HttpxSender

        return HttpxSender(self._settings, proxies, self._trust, self._deadline, connections=self._connections)

    def _follow(self, sender: Sender, query: str) -> Answer:
        """Send the request, and follow redirects that are safe to follow."""
        address = asked = f"{self._settings.url}{self._path}?{query}"
        for _ in range(_MAX_REDIRECTS):
            answer = self._send(sender, address)
            if not is_redirect(answer):
                refuse_other_page(asked, address, answer)
                return answer
            address = next_address(address, answer.headers["Location"], query)
            _log.info("the system redirects to %s", shown(page_of(address), self._settings.password))
        raise RequestRejectedError("the system redirects in a circle: check --url")

    def _send(self, sender: Sender, address: str) -> Answer:
        with self._lock:
            self.requests += 1
        try:
            return sender.send(address)
        except HandOverError:
            with self._lock:
                self.requests -= 1
            raise

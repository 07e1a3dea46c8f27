"""Requests by pyreqwest, which works in Rust: a third of the CPU that httpx needs. The extra `fast` installs it.

It keeps every promise that httpx keeps. Where it cannot, httpx does the work: see `can_send`, and HandOverError.
"""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from queue import Empty, SimpleQueue

from pyreqwest.client import SyncClient, SyncClientBuilder
from pyreqwest.exceptions import BuilderError, DetailedPyreqwestError, PyreqwestError, RequestTimeoutError
from pyreqwest.response import SyncResponse

from thulium_frames.endpoint.deadline import Deadline
from thulium_frames.endpoint.exchange import (
    IDLE_SECONDS,
    MAX_CONNECT_SECONDS,
    READ_HEADERS,
    Answer,
    HandOverError,
    headers_of,
    read_answer,
)
from thulium_frames.endpoint.proxies import Proxy
from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.endpoint.settings import Settings, certificate_places
from thulium_frames.endpoint.trust import Trust
from thulium_frames.errors import ApiError, RequestRejectedError

#: Once Polars is loaded, no Ctrl-C ends a wait, so the thread that waits for an answer wakes up this often to hear it.
_SECONDS_DEAF = 0.2
#: The library takes no endless limit.
_MOST_SECONDS = 1e6
#: How the library's words begin when the two sides cannot agree on TLS, or when it does not trust a certificate.
_NO_TLS = ("invalid peer certificate", "received fatal alert", "peer is incompatible")
#: The library works in a thread of its own, which a fork of the process lacks: there every request would hang.
_PROCESS = os.getpid()
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def can_send(settings: Settings, proxies: Mapping[str, Proxy]) -> bool:
    """Whether the library keeps all promises with these settings, in this process.

    It does not tell a proxy that refuses from one that fails. Where SSL_CERT_FILE is to name all authorities, it also
    trusts those of SSL_CERT_DIR, and on other platforms than Linux those of the operating system.
    """
    if proxies or os.getpid() != _PROCESS:
        return False
    if not settings.is_https:
        return True
    file, folder = certificate_places()
    return not folder and (not file or sys.platform == "linux")


class PyreqwestSender:
    """Sends requests to one system over kept connections that several threads share.

    Raises HandOverError when the library finds no certificate that it could trust.
    """

    def __init__(self, settings: Settings, trust: Trust, deadline: Deadline, *, connections: int) -> None:
        self._scheme = "https" if settings.is_https else "http"
        self._deadline = deadline
        self._client = _client(settings, trust, connections)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(self, address: str) -> Answer:
        """Send one GET, and return its answer whatever its status. It takes at most what the deadline leaves.

        Raises TryAgainError for a failure that may pass, ApiError for one that will not, and HandOverError when the
        system and this library cannot agree on TLS, or when this is a fork of the process that loaded the library.
        """
        if os.getpid() != _PROCESS:
            raise HandOverError("the process was forked")
        if threading.current_thread() is threading.main_thread():
            return self._send_aside(address)
        return self._send(address)

    def _send_aside(self, address: str) -> Answer:
        """Send from a thread of its own. Signals come to the main thread, and none would end a wait in the library."""
        outcomes: SimpleQueue[Answer | BaseException] = SimpleQueue()
        take_over_deadline = self._deadline.for_another_thread()

        def work() -> None:
            take_over_deadline()
            try:
                outcomes.put(self._send(address))
            except BaseException as error:  # any error is raised again in the thread that waits
                outcomes.put(error)

        threading.Thread(target=work, daemon=True).start()
        outcome: Answer | BaseException | None = None
        while outcome is None:
            with suppress(Empty):
                outcome = outcomes.get(timeout=_SECONDS_DEAF)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _send(self, address: str) -> Answer:
        try:
            return self._exchange(address)
        except (RequestTimeoutError, TimeoutError) as error:
            _make_harmless(error)
            raise TryAgainError(ApiError(self._too_late())) from error
        except BuilderError as error:
            raise RequestRejectedError(f"the request cannot be sent: {_make_harmless(error)}") from error
        except PyreqwestError as error:
            words = _make_harmless(error)
            if words.startswith(_NO_TLS):
                raise HandOverError(words) from error
            raise TryAgainError(ApiError(f"the connection failed: {words}")) from error

    def _exchange(self, address: str) -> Answer:
        if not address.startswith(f"{self._scheme}:"):
            raise HandOverError("a redirect leads to https, and the certificates to trust were not looked at")
        if (left := self._deadline.left) <= 0:
            raise TimeoutError
        timeout = timedelta(seconds=min(left, _MOST_SECONDS))
        with self._client.get(address).timeout(timeout).build_streamed() as response:
            status = response.status
            chunks = _chunks(response)
            return read_answer(status, _PHRASES.get(status, ""), _headers(response), chunks, self._deadline.check)

    def _too_late(self) -> str:
        if not self._deadline.is_over:
            return f"no connection within {MAX_CONNECT_SECONDS:g} s"
        return f"no answer within {round(self._deadline.seconds, 3):g} s"


def _client(settings: Settings, trust: Trust, connections: int) -> SyncClient:
    builder = (
        SyncClientBuilder()
        .default_headers(headers_of(settings))
        .connect_timeout(timedelta(seconds=MAX_CONNECT_SECONDS))
        .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
        .max_connections(connections)
        .pool_max_idle_per_host(connections)
        .no_proxy()  # those of the settings are looked at before, and the library reads their variables otherwise
        .follow_redirects(False)
        .gzip(False)  # bodies are unpacked where their size is bounded
        .deflate(False)
        .zstd(False)
        .brotli(False)
    )
    if settings.is_https and (authorities := trust.more_authorities):
        builder = builder.add_root_certificate_pem(authorities)
    try:
        return builder.build()
    except BuilderError as error:  # it wants certificates even where none is needed
        raise HandOverError(_make_harmless(error)) from error


def _headers(response: SyncResponse) -> dict[str, str]:
    """The headers that anybody here reads. What is no text counts as missing."""
    headers = {}
    for name in READ_HEADERS:
        with suppress(ValueError):
            if values := response.get_header_all(name):
                headers[name] = ", ".join(values)
    return headers


def _chunks(response: SyncResponse) -> Iterator[bytes]:
    reader = response.body_reader
    while (chunk := reader.read_chunk()) is not None:
        yield chunk.to_bytes()


def _make_harmless(error: Exception) -> str:
    """The most exact words of an error. Its other words hold the query of a URL, and are taken out for tracebacks."""
    causes = (error.details.get("causes") or []) if isinstance(error, DetailedPyreqwestError) else []
    words = causes[-1]["message"] if len(causes) > 1 else str(error.args[0] if error.args else type(error).__name__)
    error.args = (words,)
    return words

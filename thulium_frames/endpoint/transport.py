"""The HTTP library: its connections, its limits, and its errors, which all become errors of this package here."""

import logging
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from ssl import SSLCertVerificationError
from urllib.parse import quote, urlencode

import httpx

from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.endpoint.settings import Settings
from thulium_frames.errors import ApiError, RequestRejectedError, SettingsError, UnreadableAnswerError

Parameters = Sequence[tuple[str, str]]

_MAX_REDIRECTS = 3
_MAX_CONNECT_SECONDS = 10.0

_CANNOT_BE_SENT = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    UnicodeError,  # a host name that has no spelling in DNS
)


class _WithoutFilters(logging.Filter):
    """Takes the query out of the URLs that httpx logs at INFO, since a filter may be a phone number."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_bare(arg) for arg in record.args)
        return True


def _bare(value: object) -> object:
    return value.copy_with(query=None) if isinstance(value, httpx.URL) else value


logging.getLogger("httpx").addFilter(_WithoutFilters())


@dataclass(frozen=True)
class Answer:
    """What came back: an HTTP status with its words, the headers (their names in any case), and the whole body."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """GET requests to one address, over kept connections that several threads share."""

    def __init__(self, settings: Settings, path: str, *, connections: int, timeout: float) -> None:
        self.requests = 0
        """Requests sent so far, redirects counted."""
        self._settings = settings
        self._path = path
        self._connections = connections
        self._timeout = timeout
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None
        self._busy = 0
        self._is_closing = False

    def get(self, parameters: Parameters) -> Answer:
        """Send one request and return its answer, whatever its status.

        Raises TryAgainError for a failure that may pass, ApiError for one that will not, and SettingsError when no
        connection can be set up.
        """
        with self._lock:
            http = self._http = self._http or self._open()
            self._busy += 1
        try:
            response = self._follow(http, parameters)
        finally:
            with self._lock:
                self._busy -= 1
            self._close_when_idle()
        return Answer(response.status_code, response.reason_phrase, response.headers, response.content)

    def close(self) -> None:
        """Close the kept connections as soon as no request uses them. A later request opens new ones."""
        with self._lock:
            self._is_closing = True
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        with self._lock:
            if not self._is_closing or self._busy:
                return
            self._is_closing = False
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _open(self) -> httpx.Client:
        settings = self._settings
        try:
            http = httpx.Client(
                auth=httpx.BasicAuth(settings.user.encode(), settings.password.reveal().encode()),
                headers={"Accept": "application/json", "User-Agent": f"thulium-frames/{version('thulium-frames')}"},
                limits=httpx.Limits(max_connections=self._connections, max_keepalive_connections=self._connections),
                timeout=httpx.Timeout(self._timeout, connect=min(self._timeout, _MAX_CONNECT_SECONDS)),
                trust_env=not settings.is_loopback,  # no proxy stands between this machine and itself
                verify=httpx.create_ssl_context(),
            )
        except (OSError, ValueError, ImportError) as error:
            raise SettingsError(
                f"no connection can be set up: {error}. Look at SSL_CERT_FILE, SSL_CERT_DIR and the proxy variables"
            ) from error
        weakref.finalize(self, http.close).atexit = False  # for callers who forget to close it
        return http

    @cached_property
    def _url(self) -> httpx.URL:
        return httpx.URL(self._settings.url + self._path)

    def _follow(self, http: httpx.Client, parameters: Parameters) -> httpx.Response:
        """Send the request, and follow redirects that are safe to follow."""
        try:
            asked = self._url.copy_with(query=urlencode(parameters, quote_via=quote).encode())
            request = http.build_request("GET", asked)
            for _ in range(_MAX_REDIRECTS):
                with self._lock:
                    self.requests += 1
                response = http.send(request)
                if response.next_request is None:
                    _refuse_other_page(asked, request.url, response)
                    return response
                _refuse_stranger(request.url, response.next_request.url)
                request = response.next_request
                if not request.url.query:
                    request.url = request.url.copy_with(query=asked.query)
        except httpx.TimeoutException as error:
            raise TryAgainError(ApiError(f"no answer in time ({type(error).__name__})")) from error
        except httpx.DecodingError as error:
            raise TryAgainError(UnreadableAnswerError("the answer's compression is damaged")) from error
        except _CANNOT_BE_SENT as error:
            raise RequestRejectedError(f"the request cannot be sent: {error}") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            _refuse_certificate(error)
            raise TryAgainError(ApiError(f"the connection failed: {error or type(error).__name__}")) from error
        raise RequestRejectedError("the system redirects in a circle: check --url")


def _refuse_stranger(asked: httpx.URL, target: httpx.URL) -> None:
    """Follow a redirect only within the host, or to https on it, because the password goes along."""
    same = (asked.scheme, asked.host, asked.port) == (target.scheme, target.host, target.port)
    upgrade = (asked.scheme, target.scheme, target.port) == ("http", "https", None) and asked.host == target.host
    if not (same or upgrade):
        raise RequestRejectedError(
            f"the system redirects to {target.scheme}://{target.netloc.decode()}. This is not followed, "
            "because the password would go along. If it is the right address, give it as --url"
        )


def _refuse_other_page(asked: httpx.URL, answered: httpx.URL, response: httpx.Response) -> None:
    """Refuse the answer of a redirect that dropped the query. It is a login page, or answers another question."""
    if response.is_success and answered.query != asked.query:
        raise TryAgainError(
            UnreadableAnswerError(
                f"the system redirects to another page, {answered.path}: a login page may stand in between"
            )
        )


def _refuse_certificate(error: BaseException) -> None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SSLCertVerificationError):
            raise ApiError(
                f"the certificate is not trusted: {cause.verify_message}. For a private CA set SSL_CERT_FILE"
            ) from error
        cause = cause.__cause__ or cause.__context__

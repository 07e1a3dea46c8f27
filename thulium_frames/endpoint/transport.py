"""The HTTP library: its connections, and its errors, which all become errors of this package here."""

import logging
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from ssl import SSLCertVerificationError, SSLContext
from typing import cast
from urllib.parse import quote, urlencode

import httpx

from thulium_frames.endpoint.bodies import ACCEPTED, body_of
from thulium_frames.endpoint.limits import Deadline, TimedBackend
from thulium_frames.endpoint.proxies import Proxy, proxies_of
from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.endpoint.settings import Settings, proxy_variables
from thulium_frames.endpoint.showing import printable
from thulium_frames.endpoint.trust import Trust
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


class _Harmless(logging.Filter):
    """Changes what httpx logs at INFO: no query of a URL, since a filter may be a phone number; no odd characters."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_harmless(arg) for arg in record.args)
        return True


def _harmless(value: object) -> object:
    if isinstance(value, httpx.URL):
        return value.copy_with(query=None)
    return printable(value) if isinstance(value, str) else value


logging.getLogger("httpx").addFilter(_Harmless())


@dataclass(frozen=True)
class Answer:
    """What came back: an HTTP status with its words, the headers (their names in any case), and the whole body."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class _Lent:
    """A client of the HTTP library with its connections, and how many requests use it."""

    def __init__(self, http: httpx.Client, owner: object) -> None:
        self.http = http
        self.users = 0
        self.close = weakref.finalize(owner, http.close)  # for callers who forget to close it
        self.close.atexit = False


class Transport:
    """GET requests to one address, over kept connections that several threads share."""

    def __init__(self, settings: Settings, path: str, *, connections: int) -> None:
        self.requests = 0
        """Requests sent so far, redirects counted."""
        self.era = 0
        """How often it was closed."""
        self._settings = settings
        self._path = path
        self._limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
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
        lent = self._lend(era)
        try:
            return self._follow(lent.http, parameters)
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

    def _open(self) -> httpx.Client:
        settings = self._settings
        variables = {} if settings.is_loopback else proxy_variables()  # no proxy stands between this machine and itself
        proxies = proxies_of(settings.url, variables)
        if settings.url.startswith("https:"):
            _ = self._trust.context  # tells early what is wrong with it
        return httpx.Client(
            auth=httpx.BasicAuth(settings.user.encode(), settings.password.reveal().encode()),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": ACCEPTED,
                "User-Agent": f"thulium-frames/{version('thulium-frames')}",
            },
            trust_env=False,
            transport=self._pool(),
            mounts={f"{scheme}://": self._pool_through(proxy) for scheme, proxy in proxies.items()},
        )

    def _pool(self, proxy: httpx.Proxy | None = None) -> httpx.HTTPTransport:
        pool = httpx.HTTPTransport(verify=self._context, limits=self._limits, proxy=proxy, trust_env=False)
        # httpx has no argument for it, and without it nothing bounds a whole try
        pool._pool._network_backend = TimedBackend(self._deadline)
        return pool

    def _pool_through(self, proxy: Proxy) -> httpx.HTTPTransport:
        try:
            is_secure = proxy.url.lower().startswith("https:")
            return self._pool(httpx.Proxy(proxy.url, ssl_context=self._context if is_secure else None))
        except ImportError:
            raise SettingsError(f"{proxy.variable} names a SOCKS proxy: pip install 'httpx[socks]'") from None
        except (ValueError, httpx.InvalidURL):  # its text may hold a password
            raise SettingsError(f"{proxy.variable} cannot be used: it is not the URL of a proxy") from None

    @property
    def _context(self) -> SSLContext:
        return cast(SSLContext, self._trust)

    @cached_property
    def _url(self) -> httpx.URL:
        return httpx.URL(self._settings.url + self._path)

    def _follow(self, http: httpx.Client, parameters: Parameters) -> Answer:
        """Send the request, and follow redirects that are safe to follow."""
        try:
            asked = self._url.copy_with(query=urlencode(parameters, quote_via=quote).encode())
            seconds = self._deadline.seconds
            timeout = httpx.Timeout(seconds, connect=min(seconds, _MAX_CONNECT_SECONDS))
            request = http.build_request("GET", asked, timeout=timeout)
            for _ in range(_MAX_REDIRECTS):
                answer, following = self._send(http, request)
                if following is None:
                    _refuse_other_page(asked, request.url, answer)
                    return answer
                _refuse_stranger(request.url, following.url)
                request = following
                if not request.url.query:
                    request.url = request.url.copy_with(query=asked.query)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise TryAgainError(ApiError(self._too_late(error))) from error
        except _CANNOT_BE_SENT as error:
            raise RequestRejectedError(f"the request cannot be sent: {error}") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            _refuse_certificate(error)
            if isinstance(error, httpx.ProxyError):
                _refuse_proxy(error)
            raise TryAgainError(ApiError(f"the connection failed: {error or type(error).__name__}")) from error
        raise RequestRejectedError("the system redirects in a circle: check --url")

    def _send(self, http: httpx.Client, request: httpx.Request) -> tuple[Answer, httpx.Request | None]:
        """The answer to one request, and the request to send next where it redirects."""
        with self._lock:
            self.requests += 1
        response = http.send(request, stream=True)
        try:
            body = self._body(response)
        finally:
            response.close()
        answer = Answer(response.status_code, response.reason_phrase, response.headers, body)
        return answer, response.next_request

    def _body(self, response: httpx.Response) -> bytes:
        try:
            return body_of(response.iter_raw(), response.headers.get("Content-Encoding", ""), self._deadline.check)
        except TryAgainError as failure:
            if response.is_success or not isinstance(failure.error, UnreadableAnswerError):
                raise
            return b""  # the status says enough

    def _too_late(self, error: Exception) -> str:
        if isinstance(error, httpx.ConnectTimeout) and not self._deadline.is_over:
            return f"no connection within {_MAX_CONNECT_SECONDS:g} s"
        return f"no answer within {round(self._deadline.seconds, 3):g} s"


def _refuse_stranger(asked: httpx.URL, target: httpx.URL) -> None:
    """Follow a redirect only within the host, or to https on it, because the password goes along."""
    same = (asked.scheme, asked.host, asked.port) == (target.scheme, target.host, target.port)
    upgrade = (asked.scheme, target.scheme, target.port) == ("http", "https", None) and asked.host == target.host
    if not (same or upgrade):
        raise RequestRejectedError(
            f"the system redirects to {target.scheme}://{target.netloc.decode()}. This is not followed, "
            "because the password would go along. If it is the right address, give it as --url"
        )


def _refuse_other_page(asked: httpx.URL, answered: httpx.URL, answer: Answer) -> None:
    """Refuse the answer of a redirect that dropped the query. It is a login page, or answers another question."""
    if 200 <= answer.status < 300 and answered.query != asked.query:
        raise TryAgainError(
            UnreadableAnswerError(
                f"the system redirects to another page, {answered.path}: a login page may stand in between"
            )
        )


def _refuse_certificate(error: BaseException) -> None:
    for cause in _causes(error):
        if isinstance(cause, SSLCertVerificationError):
            raise ApiError(
                f"the certificate is not trusted: {cause.verify_message}. For a private CA set SSL_CERT_FILE"
            ) from error


def _refuse_proxy(error: httpx.ProxyError) -> None:
    """Do not ask again a proxy that wants another password. Its words are made harmless, for tracebacks too."""
    for cause in _causes(error):
        cause.args = tuple(map(_harmless, cause.args))
    if str(error).startswith(("401", "403", "407")):
        raise ApiError(f"the proxy refuses to connect: {error}. Look at the proxy variables") from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__

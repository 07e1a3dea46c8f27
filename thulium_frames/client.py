"""One GET: authentication, TLS, timeouts, retries, pacing, and every foreign error made one of ours. Knows no calls."""

import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib.metadata import version
from ssl import SSLCertVerificationError
from typing import NoReturn, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from thulium_frames.errors import (
    ApiError,
    AuthenticationError,
    ForeignAnswerError,
    RequestRejectedError,
    SettingsError,
    ThuliumFramesError,
    UnreadableAnswerError,
)
from thulium_frames.pacing import Pace, RetryPolicy
from thulium_frames.patience import Patience, TryAgainError
from thulium_frames.settings import Settings

T = TypeVar("T")
Parameters = Sequence[tuple[str, str]]

_PATH = "/api/connections"
_SHOWN = ("date_from", "date_to", "offset", "limit")  # other filters may be personal data
_MAX_REDIRECTS = 3
_MAY_PASS = (408, 425, 429)
_SLOW_DOWN = (429, 503)
_API_USERS = "Administration, Users, API users in the Thulium panel"
_CONTINUE = "Run the same again; an export continues where it stopped."

_CANNOT_BE_SENT = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    UnicodeError,  # a host name that has no spelling in DNS
)

_log = logging.getLogger("thulium_frames")


class _WithoutFilters(logging.Filter):
    """httpx logs each URL at INFO; what is asked for in it may be a phone number, after a redirect too."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_bare(arg) for arg in record.args)
        return True


def _bare(value: object) -> object:
    return value.copy_with(query=None) if isinstance(value, httpx.URL) else value


logging.getLogger("httpx").addFilter(_WithoutFilters())


class StoppedError(Exception):
    """The reader has left, so this answer has no use; it reaches no caller."""


class Client:
    """The API of one system, for several threads at once."""

    def __init__(self, settings: Settings, *, workers: int, retries: RetryPolicy) -> None:
        self.requests = 0
        self.has_answered = False
        self._settings = settings
        self._retries = retries
        self._workers = workers
        self._pace = Pace(workers)
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None
        self._busy = 0
        self._is_closing = False

    def close(self) -> None:
        """Close the kept connections, as soon as no request uses them; another request opens new ones."""
        with self._lock:
            self._is_closing = True
        self._close_when_idle()

    def get(self, parameters: Parameters, read: Callable[[bytes], T], stop: threading.Event) -> T:
        """Send one request, again when it fails in a way that may pass, and return what `read` makes of the body.

        Raises ApiError, or the ContractError of `read`; StoppedError once `stop` is set.
        """
        patience = Patience(self._retries, lambda: self.has_answered)
        try:
            return patience.call(lambda: self._try(parameters, read, stop), stop)
        except TryAgainError as failure:
            error = failure.error
            error.args = (f"{error}\n{self._where(parameters)}, {patience}. {_CONTINUE}",)
            raise error from failure.__cause__
        except ThuliumFramesError as error:
            error.args = (f"{error}\n{self._where(parameters)}",)
            raise

    def _open(self) -> httpx.Client:
        settings = self._settings
        try:
            http = httpx.Client(
                auth=httpx.BasicAuth(settings.user.encode(), settings.password.reveal().encode()),
                headers={"Accept": "application/json", "User-Agent": f"thulium-frames/{version('thulium-frames')}"},
                limits=httpx.Limits(max_connections=self._workers, max_keepalive_connections=self._workers),
                timeout=httpx.Timeout(self._retries.timeout, connect=min(self._retries.timeout, 10.0)),
                trust_env=not settings.is_loopback,  # no proxy stands between this machine and itself
                verify=httpx.create_ssl_context(),
            )
        except (OSError, ValueError, ImportError) as error:
            raise SettingsError(
                f"no connection can be set up: {error}. Look at SSL_CERT_FILE, SSL_CERT_DIR and the proxy variables"
            ) from error
        weakref.finalize(self, http.close).atexit = False  # for who forgets to close
        return http

    def _try(self, parameters: Parameters, read: Callable[[bytes], T], stop: threading.Event) -> T:
        with self._pace.turn(stop) as began:
            if stop.is_set():
                raise StoppedError
            response = self._send(parameters)
        self.has_answered = True
        if response.status_code != httpx.codes.OK:
            self._refuse(response, began)
        self._pace.speed_up()
        _log.debug("%s: %d bytes", self._where(parameters), len(response.content))
        try:
            return read(response.content)
        except (UnreadableAnswerError, ForeignAnswerError) as error:
            if message := self._messages(response):
                raise TryAgainError(
                    self._error(ApiError, f"the system answered an error: {message}", response)
                ) from error
            raise TryAgainError(error) from error

    def _send(self, parameters: Parameters) -> httpx.Response:
        with self._lock:
            http = self._http = self._http or self._open()
            self._busy += 1
        try:
            return self._follow(http, parameters)
        finally:
            with self._lock:
                self._busy -= 1
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        with self._lock:
            if not self._is_closing or self._busy:
                return
            self._is_closing = False
            http, self._http = self._http, None
        if http is not None:
            http.close()

    @cached_property
    def _url(self) -> httpx.URL:
        return httpx.URL(self._settings.url + _PATH)

    def _follow(self, http: httpx.Client, parameters: Parameters) -> httpx.Response:
        """The one seam where errors of httpx become ours."""
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

    def _refuse(self, response: httpx.Response, began: float) -> NoReturn:
        status, message = response.status_code, self._messages(response)
        kind, advice = _KINDS.get(status, (RequestRejectedError if status < 500 else ApiError, ""))
        what = f"the system answered {status} {response.reason_phrase}".rstrip() + (f": {message}" if message else "")
        error = self._error(kind, what, response, advice)
        if status < 500 and status not in _MAY_PASS:
            raise error
        pause = _retry_after(response)
        if status in _SLOW_DOWN or pause is not None:
            self._pace.slow_down(began, min(self._retries.first_wait if pause is None else pause, self._retries.budget))
        raise TryAgainError(error, told=status == 429 or pause is not None, pause=pause or 0.0)

    def _error(self, kind: type[ApiError], what: str, response: httpx.Response, advice: str = "") -> ApiError:
        request_id = self._redacted(_envelope(response).get("request_id") or response.headers.get("X-Request-Id") or "")
        what += f" (request id {request_id})" if request_id else ""
        what += f". {advice}" if advice else ""
        return kind(self._redacted(what), status=response.status_code, request_id=request_id or None)

    def _messages(self, response: httpx.Response) -> str:
        errors = _envelope(response).get("errors")
        if not isinstance(errors, list):
            return ""
        texts = [f"{error.get('message')} (code {error.get('code')})" for error in errors if isinstance(error, dict)]
        return self._redacted("; ".join(texts))[:300]

    def _redacted(self, told: object) -> str:
        """What a system tells may be what it was told."""
        return str(told).replace(self._settings.password.reveal(), "***")[:500]

    def _where(self, parameters: Parameters) -> str:
        shown = " ".join(f"{name}={value}" for name, value in parameters if name in _SHOWN)
        return f"GET {self._settings.url}{_PATH} {shown}"


_KINDS: dict[int, tuple[type[ApiError], str]] = {
    401: (AuthenticationError, f"Check --user and the password; Thulium wants an API user ({_API_USERS})"),
    403: (AuthenticationError, f"Allow this API user the method GET connections ({_API_USERS})"),
    404: (RequestRejectedError, "There is no API at this address: check --url"),
}


def _refuse_stranger(asked: httpx.URL, target: httpx.URL) -> None:
    """Follow a redirect only within the host, and to https: the password goes along."""
    same = (asked.scheme, asked.host, asked.port) == (target.scheme, target.host, target.port)
    upgrade = (asked.scheme, target.scheme, target.port) == ("http", "https", None) and asked.host == target.host
    if not (same or upgrade):
        raise RequestRejectedError(
            f"the system redirects to {target.scheme}://{target.netloc.decode()}; that is not followed, "
            "as the password would go along. If it is the right address, give it as --url"
        )


def _refuse_other_page(asked: httpx.URL, answered: httpx.URL, response: httpx.Response) -> None:
    """A redirect that drops the question leads to an answer to another one, or to a login page."""
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


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as a date; a date is held against the server's own clock."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        now = parsedate_to_datetime(response.headers["Date"]) if "Date" in response.headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _envelope(response: httpx.Response) -> dict[str, object]:
    """Thulium's error envelope, empty when the body is something else."""
    try:
        content = msgspec.json.decode(response.content)
    except ValueError:
        return {}
    return content if isinstance(content, dict) and "errors" in content else {}

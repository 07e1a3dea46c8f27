"""Requests by httpx, the library that is always there. Its errors become errors of this package here.

Its transports are called directly. The `httpx.Client` above them costs a quarter more for each request, and this
package decides about redirects and proxies anyway.
"""

from collections.abc import Iterator, Mapping
from ssl import SSLCertVerificationError, SSLContext
from typing import cast

from thulium_frames.endpoint.deadline import Deadline
from thulium_frames.endpoint.exchange import IDLE_SECONDS, MAX_CONNECT_SECONDS, Answer, headers_of, read_answer
from thulium_frames.endpoint.limits import TimedBackend
from thulium_frames.endpoint.loading import without
from thulium_frames.endpoint.proxies import Proxy
from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.endpoint.settings import Settings
from thulium_frames.endpoint.showing import printable
from thulium_frames.endpoint.trust import Trust
from thulium_frames.errors import ApiError, RequestRejectedError, SettingsError

with without("httpx._main"):  # its command line loads rich and pygments: a third of what the import costs
    import httpx

_CANNOT_BE_SENT = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    UnicodeError,  # a host name that has no spelling in DNS
)


class HttpxSender:
    """Sends requests to one system over kept connections that several threads share."""

    def __init__(
        self, settings: Settings, proxies: Mapping[str, Proxy], trust: Trust, deadline: Deadline, *, connections: int
    ) -> None:
        self._headers = httpx.Headers(headers_of(settings))
        self._limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
        )
        if settings.is_https:
            _ = trust.context  # tells early what is wrong with it
        self._context = cast(SSLContext, trust)
        self._deadline = deadline
        self._pools = {scheme: self._pool_through(proxies.get(scheme)) for scheme in ("http", "https")}

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()

    def send(self, address: str) -> Answer:
        """Send one GET, and return its answer whatever its status. It takes at most what the deadline leaves.

        Raises TryAgainError for a failure that may pass, and ApiError for one that will not.
        """
        try:
            return self._exchange(address)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise TryAgainError(ApiError(self._too_late(error))) from error
        except _CANNOT_BE_SENT as error:
            raise RequestRejectedError(f"the request cannot be sent: {error}") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            _refuse_certificate(error)
            if isinstance(error, httpx.ProxyError):
                _refuse_proxy(error)
            raise TryAgainError(ApiError(f"the connection failed: {error or type(error).__name__}")) from error

    def _exchange(self, address: str) -> Answer:
        left = max(self._deadline.left, 0.0)
        timeouts = {"connect": min(left, MAX_CONNECT_SECONDS), "pool": left}  # the connections obey the deadline
        request = httpx.Request("GET", address, headers=self._headers, extensions={"timeout": timeouts})
        response = self._pools[request.url.scheme].handle_request(request)
        stream = cast(httpx.SyncByteStream, response.stream)
        try:
            reason = response.reason_phrase
            return read_answer(response.status_code, reason, response.headers, stream, self._deadline.check)
        finally:
            stream.close()

    def _too_late(self, error: Exception) -> str:
        if isinstance(error, httpx.ConnectTimeout) and not self._deadline.is_over:
            return f"no connection within {MAX_CONNECT_SECONDS:g} s"
        return f"no answer within {round(self._deadline.seconds, 3):g} s"

    def _pool_through(self, proxy: Proxy | None) -> httpx.HTTPTransport:
        if proxy is None:
            return self._pool()
        try:
            is_secure = proxy.url.lower().startswith("https:")
            return self._pool(httpx.Proxy(proxy.url, ssl_context=self._context if is_secure else None))
        except ImportError:
            raise SettingsError(f"{proxy.variable} names a SOCKS proxy: pip install 'httpx[socks]'") from None
        except (ValueError, httpx.InvalidURL):  # its text may hold a password
            raise SettingsError(f"{proxy.variable} cannot be used: it is not the URL of a proxy") from None

    def _pool(self, proxy: httpx.Proxy | None = None) -> httpx.HTTPTransport:
        pool = httpx.HTTPTransport(verify=self._context, limits=self._limits, proxy=proxy, trust_env=False)
        # httpx has no argument for it, and without it nothing bounds a whole try
        pool._pool._network_backend = TimedBackend(self._deadline)
        return pool


def _refuse_certificate(error: BaseException) -> None:
    for cause in _causes(error):
        if isinstance(cause, SSLCertVerificationError):
            raise ApiError(
                f"the certificate is not trusted: {cause.verify_message}. For a private CA set SSL_CERT_FILE"
            ) from error


def _refuse_proxy(error: httpx.ProxyError) -> None:
    """Do not ask again a proxy that wants another password. Its words are made harmless, for tracebacks too."""
    for cause in _causes(error):
        cause.args = tuple(printable(arg) if isinstance(arg, str) else arg for arg in cause.args)
    if str(error).startswith(("401", "403", "407")):
        raise ApiError(f"the proxy refuses to connect: {error}. Look at the proxy variables") from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__

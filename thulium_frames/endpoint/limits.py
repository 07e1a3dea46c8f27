"""A deadline that each wait on the network obeys, however slowly the bytes come.

The HTTP library knows a limit for each wait only, so a server that sends a byte a second holds it for ever. Here every
wait of a try (for a name, a connection, TLS, a byte in either direction) gets at most what is left of its time.
"""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import httpcore

from thulium_frames.endpoint.deadline import Deadline

T = TypeVar("T")

_TLS_BYTES = 2**16


class TimedBackend(httpcore.NetworkBackend):
    """Opens connections that obey the deadline of the thread that uses them."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._below = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.TimeoutException | httpcore.NetworkError | None = None
        for address in _addresses(host, port, self._deadline.limit(timeout, httpcore.ConnectTimeout)):
            limit = self._deadline.limit(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._below.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure or httpcore.ConnectError(f"{host} has no address")


def _addresses(host: str, port: int, seconds: float | None) -> list[str]:
    """The addresses of a host. A thread of its own asks for them, because asking knows no limit."""
    if _is_address(host):
        return [host]
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()
    threading.Thread(target=lambda: answers.put(_looked_up(host, port)), daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise httpcore.ConnectTimeout(f"the address of {host} was not found in time") from None
    if isinstance(answer, OSError):
        raise httpcore.ConnectError(str(answer)) from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def _looked_up(host: str, port: int) -> list[str] | Exception:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except Exception as error:  # any error is raised again in the thread that asks
        return error


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every wait obeys the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all. (The stream below would give each part that the other side takes the whole time again.)"""
        connection: socket.socket = self._stream.get_extra_info("socket")
        try:
            while buffer:
                connection.settimeout(self._deadline.limit(timeout, httpcore.WriteTimeout))
                buffer = buffer[connection.send(buffer) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Close the connection, and wake up a thread that waits on it.

        The library's pool may close a connection that another thread has just begun to use. Without a shutdown that
        thread would wait until its time is up.
        """
        connection: socket.socket = self._stream.get_extra_info("socket")
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _with_tls(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TlsStream(httpcore.NetworkStream):
    """TLS over another stream, which may be TLS to a proxy.

    The handshake holds no lock while it waits. A socket wrapped by a context of `truststore` does, so that one slow
    handshake would stop all others.
    """

    def __init__(self, stream: httpcore.NetworkStream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)

    def shake_hands(self, timeout: float | None) -> None:
        self._do(self._tls.do_handshake, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._do(lambda: self._tls.read(max_bytes), timeout)
        except ssl.SSLEOFError:  # many servers end without a goodbye; HTTP knows where an answer ends
            return b""
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._do(lambda: self._tls.write(buffer), timeout)
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _with_tls(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._stream.get_extra_info(info)

    def _do(self, step: Callable[[], T], timeout: float | None) -> T:
        """Take a step of TLS, and carry between it and the stream below what it needs."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._send(timeout)
                if data := self._stream.read(_TLS_BYTES, timeout):
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                self._send(timeout)
                return done

    def _send(self, timeout: float | None) -> None:
        if self._outgoing.pending:
            self._stream.write(self._outgoing.read(), timeout)


def _with_tls(
    stream: httpcore.NetworkStream, context: ssl.SSLContext, server_hostname: str | None, timeout: float | None
) -> httpcore.NetworkStream:
    try:
        secured = _TlsStream(stream, context, server_hostname)
        secured.shake_hands(timeout)
    except httpcore.TimeoutException as error:
        stream.close()
        raise httpcore.ConnectTimeout(str(error)) from error
    except (OSError, httpcore.NetworkError) as error:
        stream.close()
        raise httpcore.ConnectError(str(error)) from error
    return secured

"""One try ends in time, whatever drips, on real sockets. Servers here drip until they are told to stop."""

import math
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpcore
import httpx
import pytest
import trustme

from tests.endpoint.libraries import BY_HTTPX
from tests.endpoint.test_client import PAGE, PASSWORD, QUERY, ask, client_of
from tests.scripted import Answer, Then, answer, serving
from thulium_frames.endpoint.by_httpx import HttpxSender
from thulium_frames.endpoint.deadline import Deadline
from thulium_frames.endpoint.limits import TimedBackend
from thulium_frames.endpoint.retries import RetryPolicy, TryAgainError
from thulium_frames.endpoint.settings import resolve
from thulium_frames.endpoint.transport import Transport
from thulium_frames.errors import ApiError

pytestmark = pytest.mark.usefixtures("library")

SECONDS = 0.3
HASTY = RetryPolicy(tries=2, first_tries=2, budget=60, timeout=SECONDS, first_wait=0.001, max_wait=0.001)
TOO_LATE = rf"^no answer within {SECONDS} s\nGET"

Serve = Callable[[socket.socket, threading.Event], object]


@contextmanager
def dripping(serve: Serve) -> Iterator[int]:
    """The port of a server that serves each connection in a thread of its own, until the test ends."""
    stop = threading.Event()
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as server:

        def run(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection, stop)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    thread = threading.Thread(target=run, args=(connection,))
                    thread.start()
                    stack.callback(thread.join)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()


def drip(before: bytes, drop: bytes) -> Serve:
    """Send some bytes, and then a drop again and again, faster than any limit for one wait."""

    def serve(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(before)
        while not stop.wait(SECONDS / 10):
            connection.sendall(drop)

    return serve


OK = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "nothing at all": drip(b"", b""),
    "interim answers": drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "the status line": drip(b"HTTP/1.1 200 ", b"O"),
    "a header": drip(OK + b"X-Long: ", b"x"),
    "headers": drip(OK, b"X: y\r\n"),
    "a body": drip(OK + b"Content-Length: 1000000\r\n\r\n{", b" "),
    "a body until the end of the connection": drip(OK + b"\r\n{", b" "),
    "chunks": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a size of a chunk": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "trailers": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "the body of an error": drip(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000000\r\n\r\n", b" "),
    "the body of a redirect": drip(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 1000000\r\n\r\n", b" "),
    "empty members of gzip": drip(
        OK + b"Content-Encoding: gzip\r\n\r\n", bytes.fromhex("1f8b08000000000002ff03000000000000000000")
    ),
}


@pytest.mark.parametrize("drips", DRIPS)
def test_a_try_ends_in_time_whatever_drips(drips: str) -> None:
    with (
        dripping(DRIPS[drips]) as port,
        client_of(f"http://127.0.0.1:{port}", retries=HASTY) as client,
        pytest.raises(ApiError, match=TOO_LATE) as caught,
    ):
        ask(client)
    assert type(caught.value) is ApiError
    assert "given up after 2 failed tries" in str(caught.value)


def test_redirects_share_the_time_of_one_try() -> None:
    """Each answer comes in half of the time, and three of them do not."""

    def serve(connection: socket.socket, stop: threading.Event) -> None:
        while connection.recv(65536) and not stop.wait(SECONDS * 0.6):
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")

    with (
        dripping(serve) as port,
        client_of(f"http://127.0.0.1:{port}", retries=HASTY) as client,
        pytest.raises(ApiError, match=TOO_LATE),
    ):
        ask(client)


@BY_HTTPX
def test_a_request_that_nobody_takes_ends_in_time() -> None:
    """The server takes a little of a long request, again and again."""

    def serve(connection: socket.socket, stop: threading.Event) -> None:
        while not stop.wait(SECONDS / 10):
            connection.recv(100)

    deadline = Deadline()
    with dripping(serve) as port:
        deadline.begin(SECONDS)
        stream = TimedBackend(deadline).connect_tcp("127.0.0.1", port)
        with pytest.raises(httpcore.WriteTimeout):
            stream.write(bytes(2**26))
        stream.close()


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "system.invalid").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


HANDSHAKES = {
    "nothing": drip(b"", b""),
    "a record that never ends": drip(b"\x16\x03\x03\x40\x00", b"\x00"),
}


@pytest.mark.parametrize("begun", HANDSHAKES)
@pytest.mark.usefixtures("trusted")
def test_a_handshake_ends_in_time(begun: str) -> None:
    with (
        dripping(HANDSHAKES[begun]) as port,
        client_of(f"https://127.0.0.1:{port}", retries=HASTY) as client,
        pytest.raises(ApiError, match=TOO_LATE),
    ):
        ask(client)


@pytest.mark.usefixtures("trusted")
def test_an_answer_over_tls_ends_in_time(tls: ssl.SSLContext) -> None:
    def serve(connection: socket.socket, stop: threading.Event) -> None:
        with tls.wrap_socket(connection, server_side=True) as secured:
            DRIPS["a header"](secured, stop)

    with (
        dripping(serve) as port,
        client_of(f"https://127.0.0.1:{port}", retries=HASTY) as client,
        pytest.raises(ApiError, match=TOO_LATE),
    ):
        ask(client)


@pytest.mark.usefixtures("trusted")
def test_a_slow_handshake_holds_up_no_other(tls: ssl.SSLContext) -> None:
    """`truststore` would hold a lock during the whole of it."""
    first_has_come, first_may_go = threading.Event(), threading.Event()

    def serve(connection: socket.socket, _stop: threading.Event) -> None:
        if not first_has_come.is_set():
            first_has_come.set()
            first_may_go.wait(30)
            return
        with tls.wrap_socket(connection, server_side=True) as secured:
            while secured.recv(65536):  # the first request may come here, too, when this connection is free
                secured.sendall(PAGE.raw)

    once = RetryPolicy(tries=1, first_tries=1, timeout=20)
    with dripping(serve) as port, client_of(f"https://127.0.0.1:{port}", retries=once) as client:
        slow = threading.Thread(target=lambda: suppressed(lambda: ask(client)))
        slow.start()
        assert first_has_come.wait(20)
        assert ask(client).count == 3
        first_may_go.set()
        slow.join(30)
    assert not slow.is_alive()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_a_body_comes_whole_over_tls(tls: ssl.SSLContext, size: int) -> None:
    body = b'{"count": 3, "result": []' + b" " * size + b"}"
    with serving([answer(body)], tls) as script, client_of(script.url) as client:
        assert client.get(QUERY, bytes, threading.Event()) == body
        assert client.get(QUERY, bytes, threading.Event()) == body
    assert script.connections == 1


@pytest.mark.usefixtures("trusted")
def test_a_body_cut_short_over_tls_is_tried_again(tls: ssl.SSLContext) -> None:
    cut = Answer(PAGE.raw[:-5], Then.CLOSE)
    with serving([cut, Answer(b"", Then.RESET), PAGE], tls) as script, client_of(script.url) as client:
        assert ask(client).count == 3
    assert script.requests == 3


@contextmanager
def tunnelling(tls: ssl.SSLContext | None, to: int) -> Iterator[int]:
    """A proxy, over TLS when there is a context, that opens tunnels to a port of this machine."""

    def serve(connection: socket.socket, stop: threading.Event) -> None:
        with tls.wrap_socket(connection, server_side=True) if tls else connection as asked:
            assert asked.recv(65536).startswith(b"CONNECT system.invalid:443 ")
            asked.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with socket.create_connection(("127.0.0.1", to)) as system:
                other = {asked: system, system: asked}
                while not stop.is_set():
                    for ready in select.select(list(other), [], [], SECONDS / 10)[0]:
                        if not (data := ready.recv(65536)):
                            return
                        other[ready].sendall(data)

    with dripping(serve) as port:
        yield port


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_gone_through_whether_it_has_tls_or_not(
    tls: ssl.SSLContext, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving([PAGE], tls) as script, tunnelling(tls if scheme == "https" else None, script.port) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
        with client_of("https://system.invalid") as client:
            assert [ask(client).count for _ in range(2)] == [3, 3]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_try_through_a_proxy_ends_in_time(tls: ssl.SSLContext, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        dripping(HANDSHAKES["a record that never ends"]) as system,
        tunnelling(tls if scheme == "https" else None, system) as port,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
        with client_of("https://system.invalid", retries=HASTY) as client, pytest.raises(ApiError, match=TOO_LATE):
            ask(client)


# --- names and addresses


@BY_HTTPX
def test_a_name_that_is_not_found_in_time_is_a_failed_try(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        may_end.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with client_of("https://system.invalid", retries=HASTY) as client, pytest.raises(ApiError, match=TOO_LATE):
        ask(client)
    may_end.set()


@BY_HTTPX
@pytest.mark.parametrize("found", [[], [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))] * 3])
def test_a_name_without_a_server_is_a_failed_connection(
    monkeypatch: pytest.MonkeyPatch, found: list[tuple[Any, ...]]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with client_of("https://system.invalid") as client, pytest.raises(ApiError, match=r"^the connection failed"):
        ask(client)


@BY_HTTPX
def test_the_second_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([PAGE]) as script, client_of(f"http://localhost:{script.port}") as client:
        nobody = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", script.port))
        found = [nobody, (*nobody[:4], ("127.0.0.1", script.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert ask(client).count == 3


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@BY_HTTPX
def test_the_addresses_of_a_name_share_the_time_of_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waits = Clock(), []

    def hang(_: object, __: str, ___: int, timeout: float, *____: object) -> httpcore.NetworkStream:
        waits.append(timeout)
        clock.now += timeout
        raise httpcore.ConnectTimeout

    deadline = Deadline(clock)
    deadline.begin(25)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", hang)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (f"127.0.0.{n}", 1)) for n in range(9)])
    with pytest.raises(httpcore.ConnectTimeout):
        TimedBackend(deadline).connect_tcp("system.invalid", 1, timeout=10)
    assert waits == [10, 10, 5]


# --- the deadline


def test_a_wait_gets_what_is_left() -> None:
    clock = Clock()
    deadline = Deadline(clock)
    deadline.begin(10)
    assert deadline.limit(60, httpcore.ReadTimeout) == 10
    clock.now = 7
    assert deadline.limit(None, httpcore.ReadTimeout) == 3
    assert deadline.limit(1, httpcore.ReadTimeout) == 1
    clock.now = 10
    with pytest.raises(httpcore.ReadTimeout):
        deadline.limit(60, httpcore.ReadTimeout)
    with pytest.raises(TimeoutError):
        deadline.check()


def test_each_thread_has_a_deadline_of_its_own() -> None:
    deadline = Deadline(Clock())
    deadline.begin(10)
    other = threading.Thread(target=lambda: deadline.begin(1))
    other.start()
    other.join()
    assert deadline.seconds == 10


@BY_HTTPX
def test_every_pool_of_the_library_obeys_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx has no public way to say so. Where a new one lacks this, nothing bounds a try any more."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    transport = Transport(resolve("acme", "user", PASSWORD), "/x", connections=1)
    sender = transport._open()
    assert isinstance(sender, HttpxSender)
    assert len(sender._pools) == 2
    for pool in sender._pools.values():
        assert isinstance(pool._pool, httpcore.ConnectionPool)
        assert isinstance(pool._pool._network_backend, TimedBackend)
        connection: Any = pool._pool.create_connection(httpcore.Origin(b"http", b"127.0.0.1", 1))
        below = connection._connection if isinstance(pool._pool, httpcore.HTTPProxy) else connection
        assert below._network_backend is pool._pool._network_backend
    sender.close()


def test_the_wait_for_a_place_among_the_connections_counts() -> None:
    has_come = threading.Event()

    def serve(_: socket.socket, stop: threading.Event) -> None:
        has_come.set()
        stop.wait(60)

    with dripping(serve) as port, client_of(f"http://127.0.0.1:{port}", workers=1, retries=HASTY) as client:
        other = threading.Thread(target=lambda: suppressed(lambda: client._transport.get(QUERY, 60, 0)))
        other.start()
        assert has_come.wait(20)
        with pytest.raises(ApiError, match=TOO_LATE) as caught:
            ask(client)
        assert type(caught.value.__cause__).__name__.startswith("PoolTimeout")
    other.join(20)
    assert not other.is_alive()


def suppressed(call: Callable[[], object]) -> None:
    with suppress(ApiError, TryAgainError):
        call()


# --- the budget


def test_a_try_may_take_for_ever() -> None:
    endless = RetryPolicy(timeout=math.inf, budget=math.inf)
    with serving([PAGE]) as script, client_of(script.url, retries=endless) as client:
        assert ask(client).count == 3


def test_a_try_takes_no_longer_than_what_is_left_of_the_budget() -> None:
    short = RetryPolicy(budget=SECONDS, timeout=60)
    with (
        dripping(DRIPS["a header"]) as port,
        client_of(f"http://127.0.0.1:{port}", retries=short) as client,
        pytest.raises(ApiError, match=TOO_LATE),
    ):
        ask(client)


@BY_HTTPX
@pytest.mark.parametrize(("timeout", "told"), [(60.0, "60"), (0.25, "0.25"), (3600.0, "3600"), (1 / 3, "0.333")])
def test_a_limit_is_told_in_few_digits(monkeypatch: pytest.MonkeyPatch, timeout: float, told: str) -> None:
    def fail(*_: object, **__: object) -> httpx.Response:
        raise httpx.ReadTimeout("")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fail)
    policy = RetryPolicy(budget=1e6, timeout=timeout, first_wait=0.001)
    with (
        client_of("http://127.0.0.1:1", retries=policy) as client,
        pytest.raises(ApiError, match=rf"^no answer within {told} s\n"),
    ):
        ask(client)


@BY_HTTPX
def test_a_connection_has_a_shorter_limit_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> httpx.Response:
        raise httpx.ConnectTimeout("")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fail)
    policy = RetryPolicy(first_wait=0.001)
    with (
        client_of("http://127.0.0.1:1", retries=policy) as client,
        pytest.raises(ApiError, match=r"^no connection within 10 s\n"),
    ):
        ask(client)


@BY_HTTPX
def test_a_connection_that_another_thread_closes_keeps_nobody_waiting() -> None:
    """The library's pool may close what a thread has just begun to use."""
    came = threading.Event()
    ended: list[BaseException | bytes] = []

    def silent(connection: socket.socket, stop: threading.Event) -> None:
        came.set()
        stop.wait(60)
        del connection

    with dripping(silent) as port:
        deadline = Deadline()
        stream = TimedBackend(deadline).connect_tcp("127.0.0.1", port)

        def read() -> None:
            deadline.begin(600)
            try:
                ended.append(stream.read(1))
            except httpcore.ReadError as error:
                ended.append(error)

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        assert came.wait(60)
        stream.close()
        reading.join(60)
        assert len(ended) == 1

"""A server on loopback that gives one prepared raw answer to each request, and records the requests."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.client import HTTPMessage, parse_headers
from socketserver import StreamRequestHandler, ThreadingTCPServer


class Then(Enum):
    """What happens to the connection after an answer."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()


@dataclass(frozen=True)
class Answer:
    raw: bytes
    then: Then = Then.KEEP


@dataclass(frozen=True)
class Seen:
    """One request, and the number of its connection."""

    target: str
    headers: HTTPMessage
    connection: int


def answer(body: bytes = b"{}", status: int = 200, reason: str = "", **headers: str) -> Answer:
    """A whole HTTP answer; `_` in a header's name stands for `-`."""
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Answer("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


@dataclass
class Script:
    """The prepared answers and the requests so far. The last answer is repeated for all later requests."""

    answers: list[Answer]
    scheme: str = "http"
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> int:
        return len(self.seen)

    def note(self, target: str, headers: HTTPMessage, connection: int) -> Answer:
        with self.lock:
            self.seen.append(Seen(target, headers, connection))
            return self.answers[min(len(self.seen), len(self.answers)) - 1]


class _Handler(StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        script = self.server.script
        with script.lock:
            script.connections += 1
            number = script.connections
        with suppress(OSError):
            while line := self.rfile.readline():
                given = script.note(line.split()[1].decode(), parse_headers(self.rfile), number)
                self.wfile.write(given.raw)
                if given.then is Then.RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if given.then is not Then.KEEP:
                    return


class _Server(ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, script: Script, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.context = context
        self.open: list[socket.socket] = []
        script.port = self.server_address[1]

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = self.socket.accept()
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True)
        self.open.append(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        request.close()  # no shutdown before it, so that a reset stays a reset

    def hang_up(self) -> None:
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(answers: Sequence[Answer], context: ssl.SSLContext | None = None) -> Iterator[Script]:
    """Run a scripted server, with TLS when there is a `context`."""
    script = Script(list(answers), "http" if context is None else "https")
    server = _Server(script, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()

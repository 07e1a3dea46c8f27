"""Serves an ASGI application on a real socket: in the background for tests, in the foreground for people."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event, Thread
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from thulium_frames.simulator.wire import RESTART, WiredProtocol, reset

#: Requests that still run when the server stops are cancelled after this many seconds.
_GRACE_SECONDS: Final = 1
#: After so many turns of the loop, a connection that was accepted has its protocol and can be reset.
_TURNS: Final = 3


@contextmanager
def running(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The base URL of the application, served by a thread until the block is left; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
        RuntimeError: the application refused to start.
    """
    ready = Event()
    with _listener(host, port) as listener:
        server = _Server(app, ready.set)
        thread = Thread(target=_run, args=(server, listener, ready), name="thulium-simulator", daemon=True)
        thread.start()
        ready.wait()
        try:
            if not server.started:
                raise RuntimeError("the simulated server could not start: its log says why")
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()


def serve(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 8000, on_ready: Callable[[str], object] | None = None
) -> None:
    """Serves the application until it is interrupted, and returns then; `on_ready` is told the base URL once.

    Raises:
        OSError: the port is taken.
    """
    with _listener(host, port) as listener:
        try:
            listener.listen()  # who connects from now on is served as soon as the server runs
            if on_ready:
                on_ready(_url(listener))
            _Server(app, lambda: None).run(sockets=[listener])
        except KeyboardInterrupt:
            return


class _Server(uvicorn.Server):
    """A quiet server that tells when it accepts connections, and lets the application end them."""

    def __init__(self, app: ASGIApp, on_started: Callable[[], object]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                loop="asyncio",
                http=WiredProtocol,
                ws="none",
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._on_started = on_started
        self._return: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state[RESTART] = self._restart
        await super().startup(sockets)
        self._on_started()

    def _restart(self, seconds: float) -> None:
        """Resets all connections and refuses new ones, as a server does that is started again."""
        for server in self.servers:
            for listener in server.sockets:
                asyncio.get_running_loop().remove_reader(listener)
        self._return = asyncio.create_task(self._stop_and_listen_again(seconds))

    async def _stop_and_listen_again(self, seconds: float) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        for server in self.servers:
            server.close()
        protocol = partial(
            WiredProtocol, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        with ExitStack() as undo:
            listener = undo.enter_context(_listener(host, port))  # keeps the port, and refuses until it listens
            for connection in list(self.server_state.connections):
                if isinstance(connection, WiredProtocol):
                    reset(connection.transport)
            await asyncio.sleep(seconds)
            if self.should_exit:
                return
            self.servers = [await asyncio.get_running_loop().create_server(protocol, sock=listener)]
            undo.pop_all()


def _run(server: _Server, listener: socket.socket, ready: Event) -> None:
    """Runs the server and lets the waiting thread go on even when it does not start."""
    try:
        server.run(sockets=[listener])
    except SystemExit:  # uvicorn's way to say that the application's start-up failed
        return
    finally:
        ready.set()


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket that says it is TCP: asyncio sends small answers without delay on such sockets only."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere the option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

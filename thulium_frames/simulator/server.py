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
#: An accepted connection has its protocol, and can be reset, after this many turns of the event loop.
_TURNS: Final = 3


@contextmanager
def running(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves the application in a thread until the block ends, and yields its base URL. Port 0 takes a free port.

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
    """Serves the application until an interrupt, then returns. Calls `on_ready` once, with the base URL.

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
    """A server that logs little, reports when it accepts connections, and lets the application end them."""

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
        """Resets all connections and refuses new ones for that many seconds, like a server that restarts."""
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
            listener = undo.enter_context(_listener(host, port))  # holds the port; refuses until it listens
            for connection in list(self.server_state.connections):
                if isinstance(connection, WiredProtocol):
                    reset(connection.transport)
            await asyncio.sleep(seconds)
            if self.should_exit:
                return
            self.servers = [await asyncio.get_running_loop().create_server(protocol, sock=listener)]
            undo.pop_all()


def _run(server: _Server, listener: socket.socket, ready: Event) -> None:
    """Runs the server. The waiting thread continues even if the server does not start."""
    try:
        server.run(sockets=[listener])
    except SystemExit:  # uvicorn raises it when the application fails to start
        return
    finally:
        ready.set()


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket with TCP named as its protocol, because asyncio delays small answers on other sockets."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on Windows the option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

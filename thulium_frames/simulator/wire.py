"""What faults may do to a connection, below HTTP.

An ASGI application cannot end a connection. The server's protocol can, because it knows the transport. uvicorn copies
the state of its protocol into the scope of each request, so the application finds a `Wire` there. With this solution
only one parser reads HTTP. A relay in front of the server would have to parse the requests a second time to know which
of them to spoil.
"""

import os
import socket
import struct
from asyncio import Transport
from collections.abc import Callable
from typing import Any, Final

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_WIRE: Final = "wire"
#: The key in the server's state under which wires find the function that restarts the server.
RESTART: Final = "restart"
#: SO_LINGER is on with a time of 0: closing discards all unsent bytes and resets the connection.
_NO_LINGER: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Wire:
    """The connection that a request came on."""

    def __init__(self, transport: Transport, restart: Callable[[float], object]) -> None:
        self._transport = transport
        self._restart = restart

    def reset(self) -> None:
        """Ends the connection with a TCP reset."""
        reset(self._transport)

    def close(self) -> None:
        """Closes the connection normally, after all written bytes are sent."""
        self._transport.close()

    def restart(self, seconds: float) -> None:
        """Resets all connections of the server, which then refuses new ones for that many seconds."""
        self._restart(seconds)


class WiredProtocol(H11Protocol):
    """HTTP/1.1 that puts a `Wire` into the scope of each request."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # the base's signature
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, _WIRE: Wire(transport, self.app_state[RESTART])}


def wire_of(scope: Scope) -> Wire:
    """The connection of a request.

    Raises:
        RuntimeError: the server is not the simulator's own, so it gives no access to its connections.
    """
    wire = scope.get("state", {}).get(_WIRE)
    if not isinstance(wire, Wire):
        raise RuntimeError(
            "these faults end connections, which this server does not allow: "
            "serve the application with thulium_frames.simulator.running or serve"
        )
    return wire


def reset(transport: Transport) -> None:
    """Ends a connection with a TCP reset. Bytes that are still on their way are lost."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()

"""What faults may do to a connection, below HTTP.

ASGI has no word for ending a connection. The server's protocol knows the transport, and uvicorn copies the state of
its protocol into the scope of each request: so the application finds a `Wire` there. That keeps HTTP in one parser; a
relay in front of the server would have to find the requests in the bytes again to know which of them to spoil.
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
#: Where the server leaves its means to restart for the wires it makes.
RESTART: Final = "restart"
#: On, and no time to linger: closing throws away what was not sent and resets the connection.
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
        """Ends the connection in good order once all that was written is sent."""
        self._transport.close()

    def restart(self, seconds: float) -> None:
        """Resets all connections of the server, and has new ones refused for so long."""
        self._restart(seconds)


class WiredProtocol(H11Protocol):
    """HTTP/1.1 whose requests carry their `Wire`."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as the class above has it
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, _WIRE: Wire(transport, self.app_state[RESTART])}


def wire_of(scope: Scope) -> Wire:
    """The connection of a request.

    Raises:
        RuntimeError: the server is not the simulator's own, and hands over no connections.
    """
    wire = scope.get("state", {}).get(_WIRE)
    if not isinstance(wire, Wire):
        raise RuntimeError(
            "these faults end connections, which this server does not allow: "
            "serve the application with thulium_frames.simulator.running or serve"
        )
    return wire


def reset(transport: Transport) -> None:
    """Ends a connection with a TCP reset, whatever is still on its way."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()

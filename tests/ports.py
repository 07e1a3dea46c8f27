"""Ports for servers that come back to the same one."""

import os
import socket
from collections.abc import Iterator
from itertools import cycle
from typing import Final

#: The kernel gives ports from 32768 on to whoever asks for any, and some systems those from 49152 on: not these.
_FIRST: Final = 21_000
#: So many for each worker of pytest-xdist.
_MANY: Final = 500


def _ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20
    return cycle(range(_FIRST + worker * _MANY, _FIRST + (worker + 1) * _MANY))


_NEXT: Final = _ports()


def port_to_keep() -> int:
    """A free port that nobody else gets while its server is away."""
    while True:
        port = next(_NEXT)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

"""A faithful local Thulium: an invented contact centre, or a lake on disk, behind the vendor's API.

Nothing in it is shared with the client, so that one can be the test of the other:

    from datetime import date
    from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running

    calls = GeneratedCalls(Centre(seed=7), date(2024, 7, 1), date(2024, 7, 31))
    with running(create_app(calls)) as url:
        ...  # user "demo", password "demo"

What goes wrong is asked for with `Faults`; the application then knows what the truth has become:

    app = create_app(calls, faults=Faults(seed=1, server_errors=0.1, resets_middle=0.1, drift=5))
    with running(app) as url:
        ...
    app.truth()

Every date and time of day is Europe/Warsaw.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thulium_frames.simulator.app import create_app
    from thulium_frames.simulator.centre import Centre, GeneratedCall
    from thulium_frames.simulator.faults import Faults
    from thulium_frames.simulator.front import SimulatedThulium
    from thulium_frames.simulator.server import running, serve
    from thulium_frames.simulator.sources import CallSource, GeneratedCalls, LakeCalls

__all__ = [
    "CallSource",
    "Centre",
    "Faults",
    "GeneratedCall",
    "GeneratedCalls",
    "LakeCalls",
    "SimulatedThulium",
    "create_app",
    "running",
    "serve",
]

_HOMES = {
    "CallSource": "sources",
    "Centre": "centre",
    "Faults": "faults",
    "GeneratedCall": "centre",
    "GeneratedCalls": "sources",
    "LakeCalls": "sources",
    "SimulatedThulium": "front",
    "create_app": "app",
    "running": "server",
    "serve": "server",
}


def __getattr__(name: str) -> object:
    """Names are loaded when they are first used: the help of `serve` needs the faults alone."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn"):
            raise
        raise ImportError("the simulator needs its extra packages: pip install 'thulium-frames[demo]'") from error

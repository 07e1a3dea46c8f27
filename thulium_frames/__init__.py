"""Thulium call records as Polars frames, Arrow batches and a Parquet lake partitioned by date.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thulium_frames.connections import Connections, Thulium
    from thulium_frames.endpoint import RetryPolicy
    from thulium_frames.errors import ThuliumFramesError
    from thulium_frames.lake import Lake, scan_lake
    from thulium_frames.reading import Reading
    from thulium_frames.schema import SCHEMA

__all__ = ["SCHEMA", "Connections", "Lake", "Reading", "RetryPolicy", "Thulium", "ThuliumFramesError", "scan_lake"]

_HOMES = {
    "SCHEMA": "schema",
    "Connections": "connections",
    "Lake": "lake",
    "Reading": "reading",
    "RetryPolicy": "endpoint",
    "Thulium": "connections",
    "ThuliumFramesError": "errors",
    "scan_lake": "lake",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

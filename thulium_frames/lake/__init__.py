"""Lakes: one Parquet file a day, in a folder. How days are written, kept and read.

This room alone knows the files of a lake. It knows no HTTP: it is filled from a `Source`, which yields the calls of a
window as batches in time order. Its door is `Lake`; `replacing` writes any single local file with the same care.
Where a lake lives is known to `storage` alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from thulium_frames.lake.durable import replacing
from thulium_frames.lake.lake import Lake, Status, Verification, scan_lake
from thulium_frames.lake.update import Source, Update

if TYPE_CHECKING:
    from thulium_frames.lake.dayfile import LAKE_SCHEMA, row_groups

__all__ = ["LAKE_SCHEMA", "Lake", "Source", "Status", "Update", "Verification", "replacing", "row_groups", "scan_lake"]

#: What needs Arrow, which loads slowly, is loaded at its first use.
_HOMES = {"LAKE_SCHEMA": "dayfile", "row_groups": "dayfile"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

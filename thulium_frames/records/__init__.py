"""Records: the bytes of one page to calls, and calls to a record batch of the one schema. Pure.

This room alone knows the fields of a record and the odd forms they come in. Its door: `read_page` turns the body of an
answer into a `Page` of `HeldCall`s, and `to_batch` turns held calls into columns.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from thulium_frames.records.again import identity
from thulium_frames.records.call import HeldCall, described
from thulium_frames.records.decode import Page, read_page

if TYPE_CHECKING:
    from thulium_frames.records.columns import ALWAYS_BUILT, to_batch
    from thulium_frames.records.instants import id_epoch

__all__ = ["ALWAYS_BUILT", "HeldCall", "Page", "described", "id_epoch", "identity", "read_page", "to_batch"]

#: What needs Arrow, which loads slowly, is loaded at its first use.
_HOMES = {"ALWAYS_BUILT": "columns", "to_batch": "columns", "id_epoch": "instants"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""Records: the bytes of one page to calls, and calls to a record batch of the one schema. Pure.

This room alone knows the fields of a record and the odd forms they come in. Its door: `read_page` turns the body of an
answer into a `Page` of `HeldCall`s, and `to_batch` turns held calls into columns.
"""

from thulium_frames.records.again import identity
from thulium_frames.records.call import HeldCall, described
from thulium_frames.records.columns import ALWAYS_BUILT, to_batch
from thulium_frames.records.decode import Page, read_page
from thulium_frames.records.instants import id_epoch

__all__ = ["ALWAYS_BUILT", "HeldCall", "Page", "described", "id_epoch", "identity", "read_page", "to_batch"]

"""Lakes: one Parquet file a day, in a folder. How days are written, kept and read.

This room alone knows the files of a lake. It knows no HTTP: it is filled from a `Source`, which yields the calls of a
window as batches in time order. Its door is `Lake`; `replacing` writes any single local file with the same care.
Where a lake lives is known to `storage` alone.
"""

from thulium_frames.lake.dayfile import row_groups
from thulium_frames.lake.durable import replacing
from thulium_frames.lake.lake import LAKE_SCHEMA, Lake, Status, Verification, scan_lake
from thulium_frames.lake.update import Source, Update

__all__ = ["LAKE_SCHEMA", "Lake", "Source", "Status", "Update", "Verification", "replacing", "row_groups", "scan_lake"]

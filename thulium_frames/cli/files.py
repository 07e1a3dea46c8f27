"""One file of calls, in the format of its suffix. The file appears only when it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from thulium_frames.cli.outputs import Output
from thulium_frames.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIXES = (".parquet", ".csv", ".ndjson", ".arrow")


def check_suffix(output: Output) -> None:
    """Raises SettingsError when no file of this suffix can be written."""
    if output.name.suffix.lower() not in _SUFFIXES:
        names = ", ".join("FILE" + suffix for suffix in _SUFFIXES)
        link = "" if output.is_file else f", or link to it from such a name: ln -s {output} calls.csv"
        raise SettingsError(f"{output} has no known suffix: name it {names}{link}")


def write(output: Output, batches: Iterator[pa.RecordBatch], names: list[str]) -> int:
    """Write the batches, which have the columns `names`, and return the number of rows.

    An older file stays until the new one is complete. Raises SettingsError when the file cannot be written.
    """
    with output.writing() as path:
        first = next(batches, None)
        from thulium_frames.cli import formats  # what writes loads slowly: the next calls are under way by now

        told = () if first is None else (first,)
        return formats.write(path, output.name.suffix.lower(), chain(told, batches), names)

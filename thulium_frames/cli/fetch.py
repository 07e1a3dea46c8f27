"""The command `fetch`: calls into one file, or onto the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from thulium_frames.cli import files
from thulium_frames.cli.options import HELP, calls_options
from thulium_frames.cli.outputs import Output, output_option
from thulium_frames.cli.say import progress, say
from thulium_frames.schema import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

    from thulium_frames.connections import Connections

_PREVIEW_ROWS = 20
_PREVIEW_COLUMNS = "date,type,src,dst,disposition,duration,billsec,queue_id"


@click.command(context_settings=HELP)
@calls_options
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Only the first N calls, in time order.")
@click.option("--columns", metavar="A,B", help="Only these columns, in this order.")
@output_option("FILE.parquet, .csv, .ndjson or .arrow. Without -o, a preview is shown.")
def fetch(calls: Connections, limit: int | None, columns: str | None, output: Output | None) -> None:
    """Fetch calls into one file, or preview them as a table.

    \b
    Example:
      thulium-frames fetch --url acme --user api_user --from 2024-07-01 --to 2024-07-31 -o july.csv
    """
    names = [name.strip() for name in (columns or (",".join(COLUMNS) if output else _PREVIEW_COLUMNS)).split(",")]
    if unknown := [name for name in names if name not in COLUMNS]:
        raise click.BadParameter(f"there is no column {unknown[0]}. Columns are {', '.join(COLUMNS)}")
    if len(set(names)) < len(names):
        raise click.BadParameter(f"{columns} names a column twice")
    if output is None:
        _preview(calls.head(limit or _PREVIEW_ROWS), names)
        return
    files.check_suffix(output)
    calls = calls if limit is None else calls.head(limit)
    rows = files.write(output, _batches(calls, names), names)
    output.tell(f"{output}: wrote {rows:,} calls; {calls.thulium.requests:,} requests")


def _batches(calls: Connections, names: list[str]) -> Iterator[pa.RecordBatch]:
    total = done = 0

    def expect(count: int) -> None:
        nonlocal total
        total = count if calls.limit is None else min(count, calls.limit)

    with progress("calls") as show:
        for piece in calls.pieces(on_count=expect):
            done += piece.batch.num_rows
            show(done, total)
            yield piece.batch.select(names)


def _preview(calls: Connections, names: list[str]) -> None:
    from thulium_frames.cli.screen import print_table

    table = calls.to_arrow().select(names)
    print_table(names, list(zip(*(column.to_pylist() for column in table.columns), strict=True)))
    if len(table) == calls.limit:
        say(f"The first {len(table)} calls; --limit shows more, -o FILE writes all.")

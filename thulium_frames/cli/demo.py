"""The command `demo`: an export from the simulator, and a table of its result."""

from __future__ import annotations

import tempfile
import time
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

import thulium_frames
from thulium_frames.cli.extras import extra
from thulium_frames.cli.options import HELP, LakePath, debug_option
from thulium_frames.cli.say import say

if TYPE_CHECKING:
    from thulium_frames.lake import Lake

_MONTH = (date(2026, 10, 1), date(2026, 10, 31))
_USER = "demo"


@click.command(context_settings=HELP)
@click.argument("lake", required=False, type=LakePath())
@debug_option
def demo(lake: Path | None) -> None:
    """Export a month of an invented contact centre into LAKE and show the result.

    It starts the simulator on a free port of this machine and reads it like a real system. Without LAKE, the lake is
    temporary.

    \b
    Example:
      thulium-frames demo lake
    """
    simulator = extra("simulator")
    calls = simulator.GeneratedCalls(simulator.Centre(calls_per_day=800), *_MONTH)
    with (
        tempfile.TemporaryDirectory() if lake is None else nullcontext(lake) as folder,
        simulator.running(simulator.create_app(calls)) as url,
        thulium_frames.Thulium(url, _USER, _USER) as thulium,
    ):
        began = time.monotonic()
        first, last = _MONTH
        update = thulium.connections(date_from=first, date_to=last).write_parquet(folder)
        seconds = time.monotonic() - began
        shown = thulium_frames.Lake(folder)
        say(
            f"{lake or 'a temporary lake'}: wrote {update.rows:,} calls of {len(update.days_written)} days "
            f"({len(update.days_skipped)} already there) with {thulium.requests:,} requests in {seconds:.1f} s"
        )
        _print_week(shown)
    if lake is not None:
        say(f"Next: thulium-frames status {lake}, or in Python: thulium_frames.scan_lake({str(lake)!r})")


def _print_week(lake: Lake) -> None:
    """Inbound calls by weekday: when is it busy, how long do callers wait, how many give up?"""
    import polars as pl  # loads slowly

    from thulium_frames.cli.screen import print_table

    answered = (pl.col("disposition") == "ANSWERED") & pl.col("dst_user_login").is_not_null()
    week = (
        lake.scan()
        .filter(pl.col("type") == "INBOUND", pl.col("queue_id").is_not_null())
        .with_columns(wait=pl.col("duration") - pl.col("billsec"), day=pl.col("date").dt.weekday())
        .group_by("day")
        .agg(
            pl.len(),
            (answered.mean() * 100).round(1),
            pl.col("wait").filter(answered).median().alias("median"),
            pl.col("wait").filter(answered).quantile(0.9).alias("p90"),
            pl.col("date").dt.hour().mode().sort().first().alias("hour"),
        )
        .sort("day")
        .collect()
    )
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    print_table(
        ("", "legs", "answered %", "median wait s", "90 % wait under s", "busiest hour"),
        [
            (names[day - 1], legs, share, median, p90, f"{hour}:00")
            for day, legs, share, median, p90, hour in week.rows()
        ],
        title="Inbound calls in queues, October 2026",
    )

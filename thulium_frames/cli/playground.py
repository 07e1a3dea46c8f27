"""Commands that need no Thulium: demo and serve run the simulator."""

from __future__ import annotations

import tempfile
import time
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import thulium_frames
from thulium_frames.cli.faults import fault_options
from thulium_frames.cli.options import HELP, debug_option
from thulium_frames.errors import SettingsError

if TYPE_CHECKING:
    from thulium_frames.lake import Lake

_DEMO_MONTH = (date(2026, 10, 1), date(2026, 10, 31))
_DEMO_USER = "demo"


def _simulator() -> Any:
    try:
        return import_module("thulium_frames.simulator")
    except ImportError as error:
        raise SettingsError(str(error)) from error


@click.command(context_settings=HELP)
@click.argument("lake", required=False, type=click.Path(path_type=Path, file_okay=False))
@debug_option
def demo(lake: Path | None) -> None:
    """Export a month of an invented contact centre into LAKE and show what came out.

    It starts the simulator on a free port of this machine and reads it as a real system is read. Without LAKE the lake
    is a temporary one.

    \b
    Example:
      thulium-frames demo lake
    """
    simulator = _simulator()
    calls = simulator.GeneratedCalls(simulator.Centre(calls_per_day=800), *_DEMO_MONTH)
    with (
        tempfile.TemporaryDirectory() if lake is None else nullcontext(lake) as folder,
        simulator.running(simulator.create_app(calls)) as url,
        thulium_frames.Thulium(url, _DEMO_USER, _DEMO_USER) as thulium,
    ):
        began = time.monotonic()
        first, last = _DEMO_MONTH
        update = thulium.connections(date_from=first, date_to=last).write_parquet(folder)
        seconds = time.monotonic() - began
        shown = thulium_frames.Lake(folder)
        click.echo(
            f"{lake or 'a temporary lake'}: wrote {update.rows:,} calls of {len(update.days_written)} days "
            f"({len(update.days_skipped)} already there) with {thulium.requests:,} requests in {seconds:.1f} s"
        )
        _print_week(shown)
    if lake is not None:
        click.echo(f"Next: thulium-frames status {lake}, or in Python: thulium_frames.scan_lake({str(lake)!r})")


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


@click.command(context_settings=HELP)
@click.argument("lake", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--days", type=click.IntRange(min=1), default=92, show_default=True, help="Days to invent, the last is today."
)
@click.option(
    "--calls-per-day", type=click.IntRange(min=1), default=800, show_default=True, help="Calls of a working day."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed invents another contact centre.")
@fault_options
@debug_option
def serve(
    lake: Path | None, port: int, host: str, days: int, calls_per_day: int, seed: int, faults: dict[str, Any]
) -> None:
    """Stand in for Thulium on this machine, until Ctrl-C: an invented contact centre, or the calls in LAKE.

    The user is demo, the password demo. With the flags from --latency on it misbehaves, so that a pipeline can be
    tried; shares are from 0 to 1 of the requests, or of the calls.

    \b
    Example:
      thulium-frames serve --port 8000
      thulium-frames serve --server-errors 0.1 --resets-middle 0.1 --shuffle-ties --drift 20
      THULIUM_PASSWORD=demo thulium-frames fetch --url http://127.0.0.1:8000 --user demo
    """
    simulator = _simulator()
    today = datetime.now(UTC).date()
    if lake is None:
        centre = simulator.Centre(seed=seed, calls_per_day=calls_per_day)
        source = simulator.GeneratedCalls(centre, today - timedelta(days=days - 1), today)
    else:
        source = simulator.LakeCalls(lake)
    try:
        app = simulator.create_app(source, faults=simulator.Faults(**faults))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        simulator.serve(app, host=host, port=port, on_ready=_announce)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port") from error


def _announce(url: str) -> None:
    click.echo(f"Serving {url}/api/connections for user {_DEMO_USER}, password {_DEMO_USER}; Ctrl-C ends it.")

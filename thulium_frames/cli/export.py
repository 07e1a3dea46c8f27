"""The command `export`: bring a lake up to date."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

import thulium_frames
from thulium_frames.cli.options import HELP, LakePath, calls_options, json_option
from thulium_frames.cli.say import print_json, progress, say
from thulium_frames.cli.words import days
from thulium_frames.errors import UnreadableDateError

if TYPE_CHECKING:
    from thulium_frames.connections import Connections
    from thulium_frames.lake import Update


@click.command(context_settings=HELP)
@click.argument("lake", type=LakePath())
@calls_options
@click.option("--refresh", is_flag=True, help="Read every day again, including settled days.")
@click.option("--repair", is_flag=True, help="Verify the days of the lake, and read damaged days again.")
@json_option
def export(lake: Path, calls: Connections, refresh: bool, repair: bool, as_json: bool) -> None:
    """Bring the Parquet lake LAKE up to date: one file a day.

    Settled days that are already in the lake cost no request. So run the same command every night to keep the lake
    current, and run it again after an interruption to continue. Without --from, the export begins with the lake's first
    day; a new lake begins with the system's first call since 2000-01-01. Without --to, it ends today.

    \b
    Example:
      thulium-frames export lake --url acme --user api_user --from 2024-07-01
    """
    began = time.monotonic()
    update, error = _update(lake, calls, refresh=refresh, repair=repair)
    seconds, requests = time.monotonic() - began, calls.thulium.requests
    if as_json:
        print_json(
            {
                "lake": str(lake),
                "rows": update.rows,
                "days_written": len(update.days_written),
                "days_skipped": len(update.days_skipped),
                "days_spoiled": update.days_spoiled,
                "requests": requests,
                "seconds": round(seconds, 3),
            }
        )
    elif error is None:
        say(
            f"{lake}: wrote {update.rows:,} calls of {days(len(update.days_written))}, "
            f"{days(len(update.days_skipped))} already there; {requests:,} requests, {seconds:.1f} s"
        )
    if error is not None:
        raise error


def _update(lake: Path, calls: Connections, **how: bool) -> tuple[Update, UnreadableDateError | None]:
    """Update with a progress bar. After an interruption, say how many days are written.

    Returns the error about days that were spoiled, because it comes after all other days are written.
    """
    done: list[Update] = []
    try:
        with progress("calls") as show:

            def heard(update: Update) -> None:
                done[:] = [update]
                show(update.received, update.expected)

            return thulium_frames.Lake(lake).update(calls, **how, on_progress=heard), None
    except UnreadableDateError as error:
        return done[0], error
    except Exception:
        raise
    except BaseException:
        written = len(done[0].days_written) if done else 0
        say(f"Stopped. {days(written)} written and whole; the same command continues.", err=True)
        raise

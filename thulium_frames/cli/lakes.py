"""Commands that work on a lake: export, status, verify."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

import thulium_frames
from thulium_frames.cli.options import HELP, calls_options, debug_option, existing_lake, json_option, print_json

if TYPE_CHECKING:
    from thulium_frames.connections import Connections
    from thulium_frames.lake import Status
    from thulium_frames.update import Update


@click.command(context_settings=HELP)
@click.argument("lake", type=click.Path(path_type=Path, file_okay=False))
@calls_options
@click.option("--refresh", is_flag=True, help="Read every day again, settled ones too.")
@click.option("--repair", is_flag=True, help="Verify the days that are there, and read damaged ones again.")
@json_option
def export(lake: Path, calls: Connections, refresh: bool, repair: bool, as_json: bool) -> None:
    """Bring the Parquet lake LAKE up to date: one file a day.

    Days that are there and settled cost no request, so the same command every night keeps a lake current, and after an
    interruption continues it. Without --from it begins with the lake's first day, or the first call there is; without
    --to it ends today.

    \b
    Example:
      thulium-frames export lake --url acme --user api_user --from 2024-07-01
    """
    began = time.monotonic()
    update = _update(lake, calls, refresh=refresh, repair=repair)
    seconds, requests = time.monotonic() - began, calls.thulium.requests
    if as_json:
        print_json(
            {
                "lake": str(lake),
                "rows": update.rows,
                "days_written": len(update.days_written),
                "days_skipped": len(update.days_skipped),
                "requests": requests,
                "seconds": round(seconds, 3),
            }
        )
    else:
        click.echo(
            f"{lake}: wrote {update.rows:,} calls of {_days(len(update.days_written))}, "
            f"{_days(len(update.days_skipped))} already there; {requests:,} requests, {seconds:.1f} s"
        )


def _update(lake: Path, calls: Connections, **how: bool) -> Update:
    """Update with a progress bar; when it is cut short, say what is done."""
    from thulium_frames.cli.screen import progress  # the terminal library loads slowly

    done: list[Update] = []
    try:
        with progress("calls") as show:

            def heard(update: Update) -> None:
                done[:] = [update]
                show(update.received, update.expected)

            return thulium_frames.Lake(lake).update(calls, **how, on_progress=heard)
    except Exception:
        raise
    except BaseException:
        written = len(done[0].days_written) if done else 0
        click.echo(f"Stopped. {_days(written)} written and whole; the same command continues.", err=True)
        raise


def _days(number: int) -> str:
    return f"{number:,} day{'' if number == 1 else 's'}"


@click.command(context_settings=HELP)
@existing_lake
@json_option
@debug_option
def status(lake: Path, as_json: bool) -> None:
    """Show what LAKE holds: days, calls, gaps, and days that the next export reads again.

    \b
    Example:
      thulium-frames status lake
    """
    held = thulium_frames.Lake(lake).status()
    if as_json:
        print_json({"lake": str(lake), **_facts(held)})
    else:
        _print_status(lake, held)
    if held.damaged:
        raise click.exceptions.Exit(5)


def _facts(held: Status) -> dict[str, object]:
    return {
        **held.origin,
        "first_day": held.days[0].day if held.days else None,
        "last_day": held.days[-1].day if held.days else None,
        "days": len(held.days),
        "rows": held.rows,
        "bytes": held.bytes,
        "missing": held.missing,
        "unsettled": held.unsettled,
        "damaged": {str(day): damage for day, damage in held.damaged.items()},
    }


def _print_status(lake: Path, held: Status) -> None:
    click.echo(f"{lake}: calls of {held.origin['system']}, {_filters(held.origin['filters'])}")
    if held.days:
        click.echo(f"days       {len(held.days):,}, from {held.days[0].day} to {held.days[-1].day}")
    click.echo(f"calls      {held.rows:,} in {held.bytes / 1e6:,.1f} MB")
    click.echo(f"missing    {_list(held.missing)}")
    click.echo(f"unsettled  {_list(held.unsettled)}")
    for day, damage in held.damaged.items():
        click.echo(f"damaged    {day}: {damage}")


def _filters(filters: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in filters.items()) or "no filter"


def _list(days: list[date]) -> str:
    shown = ", ".join(map(str, days[:5]))
    return f"{len(days):,}: {shown}{', …' if len(days) > 5 else ''}" if days else "none"


@click.command(context_settings=HELP)
@existing_lake
@json_option
@debug_option
def verify(lake: Path, as_json: bool) -> None:
    """Read every page of LAKE with its checksum; check columns, days, order and row counts.

    Ends with exit code 5 when a day is damaged, and names it.

    \b
    Example:
      thulium-frames verify lake
    """
    found = thulium_frames.Lake(lake).verify()
    if as_json:
        damaged = {str(day): damage for day, damage in found.damaged.items()}
        strangers = [str(path) for path in found.strangers]
        print_json(
            {"lake": str(lake), "days": found.days, "rows": found.rows, "damaged": damaged, "strangers": strangers}
        )
    else:
        click.echo(f"{lake}: {_days(found.days)}, {found.rows:,} calls; {'no damage' if found.is_clean else 'damage'}")
        for day, damage in found.damaged.items():
            click.echo(f"{day}: {damage}. Read it again with thulium-frames export {lake} --repair")
        for path in found.strangers:
            click.echo(f"{path}: not a file of this lake, but readers would take it for one. Move it away")
    if not found.is_clean:
        raise click.exceptions.Exit(5)

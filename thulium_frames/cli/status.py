"""The command `status`: what a lake holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

import thulium_frames
from thulium_frames.cli.options import HELP, debug_option, existing_lake, json_option
from thulium_frames.cli.say import print_json, say

if TYPE_CHECKING:
    from thulium_frames.lake import Status


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
    say(f"{lake}: calls of {held.origin['system']}, {_filters(held.origin['filters'])}")
    if held.days:
        say(f"days       {len(held.days):,}, from {held.days[0].day} to {held.days[-1].day}")
    say(f"calls      {held.rows:,} in {held.bytes / 1e6:,.1f} MB")
    say(f"missing    {_list(held.missing)}")
    say(f"unsettled  {_list(held.unsettled)}")
    for day, damage in held.damaged.items():
        say(f"damaged    {day}: {damage}")


def _filters(filters: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in filters.items()) or "no filter"


def _list(days: list[date]) -> str:
    shown = ", ".join(map(str, days[:5]))
    return f"{len(days):,}: {shown}{', …' if len(days) > 5 else ''}" if days else "none"

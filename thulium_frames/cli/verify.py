"""The command `verify`: whether the files of a lake are still as they were written."""

from __future__ import annotations

from pathlib import Path

import click

import thulium_frames
from thulium_frames.cli.options import HELP, debug_option, existing_lake, json_option
from thulium_frames.cli.say import print_json, say
from thulium_frames.cli.words import days


@click.command(context_settings=HELP)
@existing_lake
@json_option
@debug_option
def verify(lake: Path, as_json: bool) -> None:
    """Read every page of LAKE with its checksum; check columns, days, order and row counts.

    If a day is damaged, the command names it and ends with exit code 5.

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
        say(f"{lake}: {days(found.days)}, {found.rows:,} calls; {'no damage' if found.is_clean else 'damage'}")
        for day, damage in found.damaged.items():
            say(f"{day}: {damage}. Read it again with thulium-frames export {lake} --repair")
        for path in found.strangers:
            say(f"{path}: not a file of this lake, but readers would take it for one. Move it away")
    if not found.is_clean:
        raise click.exceptions.Exit(5)

"""The command `report`: the figures of a lake as a page, with a summary on the terminal."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

import thulium_frames
from thulium_frames.cli.extras import extra, extras
from thulium_frames.cli.options import HELP, debug_option, existing_lake
from thulium_frames.cli.outputs import Output, output_option

if TYPE_CHECKING:
    from thulium_frames.report import Figures, Period

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(context_settings=HELP)
@existing_lake
@click.option("--from", "date_from", metavar="DATE", type=_DAY, help="First day, like 2024-07-01.")
@click.option("--to", "date_to", metavar="DATE", type=_DAY, help="Last day, included.")
@output_option("File for the page.", default="report.html")
@debug_option
def report(lake: Path, date_from: datetime | None, date_to: datetime | None, output: Output) -> None:
    """Make a page of contact-centre figures and charts from the calls in LAKE.

    The page is one file that needs no network. It holds counts and rates, but no telephone number and no name.

    \b
    Example:
      thulium-frames report lake --from 2024-07-01 --to 2024-07-31 -o july.html
    """
    if date_from and date_to and date_from > date_to:
        raise click.UsageError(f"--from {date_from:%Y-%m-%d} is after --to {date_to:%Y-%m-%d}: swap them")
    figures, period = _made(lake, date_from and date_from.date(), date_to and date_to.date(), output)
    if not figures.calls:
        days = f"from {period.first} to {period.last}" if period.first else "and no day yet"
        output.tell(f"{output}: {lake} holds no call {days}; the page says so")
        return
    _print(figures, period, err=output.is_stdout)
    output.tell(f"{output}: figures and charts of {figures.calls:,} calls. Open it in a browser.")


def _made(lake: Path, first: date | None, last: date | None, output: Output) -> tuple[Figures, Period]:
    """Write the page and return what it says."""
    # Altair loads jsonschema, which would take a second to compile a grammar of addresses that no chart contains.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None makes an import fail
    made = extra("report")
    calls, period = made.read(thulium_frames.Lake(lake), first, last)
    with extras():
        figures = made.figures_of(calls)
    page = made.page_of(calls, figures, period)
    with output.writing() as path:
        path.write_text(page, encoding="utf-8")
    return figures, period


def _print(figures: Figures, period: Period, *, err: bool) -> None:
    from thulium_frames.cli.screen import print_table

    title = f"{period.system}, {period.first} to {period.last}" if period.first else period.system
    numbers = [(figure.name, figure.value, figure.of) for figure in [*figures.headline, figures.repeats]]
    missed = [(f"Missed callers, {state}", callers, meaning) for state, callers, meaning, _ in figures.backlog]
    print_table(("figure", "", "of"), [*numbers, *missed], title=title, err=err)

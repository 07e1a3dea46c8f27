"""The command `doctor`: do the settings work, and how does this system answer?"""

from __future__ import annotations

from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING

import click

from thulium_frames.cli.options import HELP, json_option, system_options
from thulium_frames.cli.say import print_json, say

if TYPE_CHECKING:
    from thulium_frames.connections import Thulium
    from thulium_frames.doctor import Findings


@click.command(context_settings=HELP)
@system_options
@json_option
def doctor(thulium: Thulium, as_json: bool) -> None:
    """Check the settings, and how this system answers, with a few small requests.

    It reports what the API's page does not say: the order of rows, whether date_to is included, whether dates have
    seconds, the page size and the time zone. It shows no call.

    \b
    Example:
      thulium-frames doctor --url acme --user api_user
    """
    found = import_module("thulium_frames.doctor").examine(thulium)
    who = {"system": thulium.url, "user": thulium.user, "password_from": thulium.password_source}
    if as_json:
        print_json({**who, **asdict(found), "requests": thulium.requests})
        return
    say(f"The settings work: {thulium.url} answers {thulium.user}, password from {thulium.password_source}.")
    for name, value in _in_words(found):
        say(f"{name:<12} {value}")


_GRAINS = {
    "minute": "a minute: both bounds are honoured to the minute; about 1 request for 100 calls",
    "day": "a day: only the day of a bound counts; where a day does not fit a page, about 2.2 requests for 100 calls",
}


def _in_words(found: Findings) -> list[tuple[str, str]]:
    few = "too few calls to tell"
    zone, rescued = found.time_zone, ", ".join(f"{name} ({rows})" for name, rows in found.rescued.items())
    return [
        ("sent by", found.sent_by),
        ("calls", f"{found.calls:,} in all, by the system's count"),
        ("page", f"{found.page_rows} rows came where 100 were asked for"),
        ("order", found.order or few),
        ("repeated", _either(found.same_order_twice, "the same rows in the same order", "another order or other rows")),
        ("seconds", _either(found.has_seconds, "dates have seconds", "dates end with the minute")),
        ("grain", _GRAINS.get(found.grain or "", few)),
        ("date_to", f"its minute is {found.date_to}" if found.date_to else few),
        (
            "time zone",
            _either(
                found.time_zone_fits,
                f"{zone} fits the ids",
                f"{zone} does not fit the ids of most calls: try --time-zone",
            ),
        ),
        (
            "rescued",
            f"fields that are new or did not fit, in rows: {rescued}" if rescued else "nothing: all fields fit",
        ),
        ("durations", _durations(found.impossible_durations, found.page_rows)),
    ]


def _durations(impossible: int, rows: int) -> str:
    if not impossible:
        return "none is impossible"
    return f"{impossible} of {rows} rows have impossible ones, which the figures take as unknown"


def _either(answer: bool | None, yes: str, no: str) -> str:
    return "too few calls to tell" if answer is None else yes if answer else no

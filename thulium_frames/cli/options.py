"""Options that several commands share, and the objects that are made from them."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

import thulium_frames
from thulium_frames.errors import FilterError

HELP = {"help_option_names": ["-h", "--help"]}

_Command = Callable[..., Any]
_Options = dict[str, Callable[[_Command], _Command]]


def _configure_debug(_context: click.Context, _option: click.Parameter, debug: bool) -> None:
    if debug:
        logging.getLogger("thulium_frames").setLevel(logging.DEBUG)


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_configure_debug,
    help="Log each request (windows and sizes, no records) and show tracebacks.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


class LakePath(click.Path):
    """The folder of a lake, in which `~` is the home folder also where no shell has seen it."""

    def __init__(self, *, exists: bool = False) -> None:
        super().__init__(path_type=Path, file_okay=False, exists=exists)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        at_home = os.path.expanduser(value)  # noqa: PTH111  # leaves the name of an unknown user as it is
        return super().convert(at_home, param, ctx)


existing_lake = click.argument("lake", type=LakePath())

#: By the names that the command gets them under.
_SYSTEM: _Options = {
    "url": click.option("--url", help="The system: its URL, or just its name, like acme.  [env: THULIUM_URL]"),
    "user": click.option("--user", help="The API user.  [env: THULIUM_USER]"),
    "password_file": click.option(
        "--password-file",
        metavar="PATH",
        help="File with the password, which only you can read; - is stdin.  "
        "[env: THULIUM_PASSWORD_FILE, or the password itself in THULIUM_PASSWORD]",
    ),
    "netrc": click.option("--netrc", is_flag=True, help="Look up user and password in the netrc file."),
    "time_zone": click.option(
        "--time-zone",
        metavar="ZONE",
        help="Time zone of the system's clock; the default is Europe/Warsaw.  [env: THULIUM_TIME_ZONE]",
    ),
    "allow_http": click.option("--allow-http", is_flag=True, help="Allow unencrypted http:// to another machine."),
    "workers": click.option(
        "--workers", type=click.IntRange(min=1), default=4, show_default=True, help="Requests in flight."
    ),
}
_FILTERS: _Options = {
    "date_from": click.option(
        "--from", "date_from", metavar="DATE", help="First day, like 2024-07-01. Without it 2000-01-01 is asked for."
    ),
    "date_to": click.option(
        "--to", "date_to", metavar="DATE", help="Last day, included. Without it 2099-12-31 is asked for."
    ),
    "src": click.option("--src", help="Source number."),
    "dst": click.option("--dst", help="Destination number."),
    "connection_id": click.option("--connection-id", help="Id of the call."),
    "user_login": click.option("--user-login", help="Login of the calling user."),
    "queue_id": click.option("--queue-id", type=int, help="Queue."),
    "topic_id": click.option("--topic-id", type=int, help="Topic of the talk."),
    "customer_id": click.option("--customer-id", type=int, help="Customer in the CRM."),
    "tags": click.option("--tag", "tags", multiple=True, help="Attached tag; may be given several times."),
}
#: What errors call a filter, in Python's words. Its flag has the same name but for these two.
_IN_PYTHON = re.compile(rf"\b({'|'.join(name for name in _FILTERS if name != 'tags')})\b")
_FLAGS = {"date_from": "--from", "date_to": "--to"}


def system_options(command: _Command) -> _Command:
    """Add the options of a system to a command. The command gets the `Thulium` that they describe."""

    @wraps(command)
    def with_system(**given: Any) -> Any:
        system = {name: given.pop(name) for name in _SYSTEM}
        with thulium_frames.Thulium(**system, ask=_prompt if sys.stdin and sys.stdin.isatty() else None) as thulium:
            return command(thulium=thulium, **given)

    return debug_option(_with_options(with_system, _SYSTEM))


def calls_options(command: _Command) -> _Command:
    """Add the options of a system and of filters to a command, which gets the `Connections` that they describe."""

    @wraps(command)
    def with_calls(thulium: thulium_frames.Thulium, **given: Any) -> Any:
        filters = {name: given.pop(name) for name in _FILTERS}
        try:
            return command(calls=thulium.connections(**filters), **given)
        except FilterError as error:
            raise FilterError(_IN_PYTHON.sub(_flag_of, str(error))) from error

    return _with_options(system_options(with_calls), _FILTERS)


def _flag_of(filter_name: re.Match[str]) -> str:
    name = filter_name[0]
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _with_options(command: _Command, options: _Options) -> _Command:
    for option in reversed(options.values()):
        command = option(command)
    return command


def _prompt(text: str) -> str:
    password: str = click.prompt(text, hide_input=True, err=True)
    return password

"""The command `serve`: the simulator as a stand-in for Thulium."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from thulium_frames.cli.extras import extra
from thulium_frames.cli.faults import fault_options
from thulium_frames.cli.options import HELP, LakePath, debug_option
from thulium_frames.cli.say import say
from thulium_frames.errors import SettingsError

_USER = "demo"


@click.command(context_settings=HELP)
@click.argument("lake", required=False, type=LakePath(exists=True))
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free port."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--password-file",
    metavar="PATH",
    help="File with the password to ask for, which only you can read; - is stdin. LAKE on another --host needs it.",
)
@click.option(
    "--days", type=click.IntRange(min=1), default=92, show_default=True, help="Days to invent; the last is today."
)
@click.option(
    "--calls-per-day", type=click.IntRange(min=1), default=800, show_default=True, help="Calls on a working day."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed invents another contact centre.")
@fault_options
@debug_option
def serve(
    lake: Path | None,
    port: int,
    host: str,
    password_file: str | None,
    days: int,
    calls_per_day: int,
    seed: int,
    faults: dict[str, Any],
) -> None:
    """Serve an invented contact centre, or the calls in LAKE, like Thulium on this machine, until Ctrl-C.

    The user is demo. So is the password, unless a file has another. The flags from --latency on make it misbehave, to
    test a pipeline. Shares are from 0 to 1, of the requests or of the calls.

    \b
    Example:
      thulium-frames serve --port 8000
      thulium-frames serve --server-errors 0.1 --resets-middle 0.1 --shuffle-ties --drift 20
      THULIUM_PASSWORD=demo thulium-frames fetch --url http://127.0.0.1:8000 --user demo
    """
    if lake is not None and not password_file and not _is_loopback(host):
        raise SettingsError(
            f"on {host} others could read the calls in {lake}: give --password-file, or keep to --host 127.0.0.1"
        )
    password = _password_in(password_file) if password_file else _USER
    told = f"from {password_file}" if password_file else _USER
    simulator = extra("simulator")
    today = datetime.now(UTC).date()
    if lake is None:
        centre = simulator.Centre(seed=seed, calls_per_day=calls_per_day)
        source = simulator.GeneratedCalls(centre, today - timedelta(days=days - 1), today)
    else:
        source = simulator.LakeCalls(lake)
    try:
        app = simulator.create_app(source, password=password, faults=simulator.Faults(**faults))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        simulator.serve(app, host=host, port=port, on_ready=partial(_announce, told))
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _password_in(path: str) -> str:
    """By the rules of the commands that read a system."""
    from thulium_frames.endpoint import resolve  # the HTTP client loads slowly

    return resolve("http://127.0.0.1", _USER, password_file=path).password.reveal()


def _announce(password: str, url: str) -> None:
    say(f"Serving {url}/api/connections for user {_USER}, password {password}; Ctrl-C ends it.")

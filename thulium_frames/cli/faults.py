"""The flags of `serve` that make the simulator misbehave, one for each field of `simulator.Faults`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

_RATE = click.FloatRange(0, 1)
_COUNT = click.IntRange(min=0)
_SECONDS = click.FloatRange(min=0)


def _flag(name: str, what: str) -> tuple[str, dict[str, Any]]:
    return name, {"is_flag": True, "default": None, "help": what}


def _value(name: str, kind: Any, what: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return name, {"type": kind, "help": what, **more}


_OPTIONS = [
    _value("fault_seed", int, "Another seed deals the faults to other requests."),
    _value("latency", _SECONDS, "Seconds before each answer."),
    _value("rate_limit", _COUNT, "At most N requests in a window, the others get 429.", metavar="N"),
    _value("rate_window", _SECONDS, "Seconds that --rate-limit counts over."),
    _value("retry_after", click.Choice(["seconds", "date"]), "How a 429 says when to come back."),
    _value("resets_before", _RATE, "Share of connections reset before the answer."),
    _value("server_errors", _RATE, "Share of 500, 502, 503 and 504."),
    _value("redirects", _RATE, "Share of redirects to --redirect-to."),
    _value("redirect_to", str, "The login page here, or any URL.", metavar="URL"),
    _value("html_pages", _RATE, "Share of HTML pages with status 200."),
    _value("truncated", _RATE, "Share of bodies cut short."),
    _value("bit_flips", _RATE, "Share of bodies with one flipped bit; some stay JSON that says something else."),
    _value("stalls", _RATE, "Share of answers that hang in the middle."),
    _value("stall_seconds", _SECONDS, "How long they hang."),
    _value("resets_middle", _RATE, "Share of connections reset in the middle of the body."),
    _value("closes_after", _RATE, "Share of connections closed after the answer."),
    _value("failures_first", _COUNT, "All the shares above hold for the first N requests only.", metavar="N"),
    _value("outage", int, "From request FIRST to LAST every connection is reset.", nargs=2, metavar="FIRST LAST"),
    _value("restart_at", _COUNT, "Request N finds the server restarting.", metavar="N"),
    _value("restart_seconds", _SECONDS, "How long connections are refused then."),
    _value("unauthorized_from", _COUNT, "401 from request N on.", metavar="N"),
    _flag("forbidden", "403 always."),
    _value("page_cap", _COUNT, "At most N rows a page, whatever limit asks for.", metavar="N"),
    _flag("count_as_text", "count is text."),
    _flag("numbers_as_text", "All numbers in records are text."),
    _flag("newest_first", "Newest rows first."),
    _flag("shuffle_ties", "Rows of equal date in a new order on each request."),
    _value("date_to_means", click.Choice(["unit", "second", "exclusive"]), "What date_to covers of its minute or day."),
    _value("drift", _COUNT, "N times a call is inserted, changed or removed meanwhile.", metavar="N"),
    _value("drift_until", _COUNT, "The calls stay as they are from request N on.", metavar="N"),
    _value("twin_legs", _RATE, "Share of calls with a second leg under the same id."),
    _value("equal_rows", _RATE, "Share of calls that come twice, equal in every field."),
    _value("unknown_fields", _RATE, "Share of calls with fields that nobody documented."),
    _value("dirty_values", _RATE, "Share of calls with a value of an odd type."),
]


def fault_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags; it gets the fields that were asked for as the mapping `faults`."""

    @wraps(command)
    def with_faults(**given: Any) -> Any:
        faults = {name: value for name, _ in _OPTIONS if (value := given.pop(name)) is not None}
        if "fault_seed" in faults:
            faults["seed"] = faults.pop("fault_seed")
        return command(faults=faults, **given)

    for name, details in reversed(_OPTIONS):
        with_faults = click.option(f"--{name.replace('_', '-')}", name, **details)(with_faults)
    return with_faults

"""Numbers as text for people; None becomes a dash."""

from collections.abc import Mapping
from datetime import date
from typing import Any

NONE = "–"
#: A number and its unit stay on one line.
_UNIT = "\N{NO-BREAK SPACE}"


def count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"


def percent(share: float | None) -> str:
    return NONE if share is None else f"{share:.1%}".replace("%", f"{_UNIT}%")


def duration(seconds: float | None) -> str:
    """`31 s`, `4 min 01 s`, `2 h 05 min`."""
    if seconds is None:
        return NONE
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min".replace(" ", _UNIT)
    return (f"{minutes} min {rest:02} s" if minutes else f"{rest} s").replace(" ", _UNIT)


def quotient(row: Mapping[str, Any], name: str) -> str:
    """`6,515 of 13,547`."""
    return f"{count(row[f'{name}_numerator'])} of {count(row[f'{name}_denominator'])}"


def day(of: date) -> str:
    return f"{of.day} {of:%B %Y}"


def days(first: date, last: date) -> str:
    return day(first) if first == last else f"{day(first)} to {day(last)}"

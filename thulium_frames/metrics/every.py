"""How long an interval is, as a user may write it."""

import re
from datetime import timedelta
from typing import Final

#: A duration of Polars, such as `15m`, `1d` or `1mo`, or a timedelta.
Every = str | timedelta

_SECONDS: Final = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60, "w": 7 * 24 * 60 * 60}
_MONTHS: Final = {"mo": 1, "q": 3, "y": 12}
_TEXT: Final = re.compile(r"(?:[1-9][0-9]*(?:mo|[smhdwqy]))+")
_PART: Final = re.compile(r"([0-9]+)(mo|[smhdwqy])")
_CENTURY: Final = 100 * 12
_CENTURY_SECONDS: Final = 100 * 366 * _SECONDS["d"]


def interval_of(every: Every) -> str:
    """The interval for Polars: whole weeks (`2w`, from Monday), days (`3d`), minutes (`90m`) or months (`3mo`).

    Raises ValueError for anything that is not such a length, up to a century.
    """
    seconds, months = _lengths(every)
    if (seconds > 0) == (months > 0) or seconds > _CENTURY_SECONDS or months > _CENTURY or seconds % _SECONDS["m"]:
        raise ValueError(
            f"every={every!r} is not an interval: give one of 15m, 30m, 1h, 1d, 1w, 1mo, 1q, 1y, another number of "
            "these units, or a timedelta of whole minutes"
        )
    if months:
        return f"{months:.0f}mo"
    unit = next(unit for unit in ("w", "d", "m") if seconds % _SECONDS[unit] == 0)
    return f"{seconds / _SECONDS[unit]:.0f}{unit}"


def _lengths(every: Every) -> tuple[float, int]:
    """Seconds and months; 0 and 0 for what cannot be read."""
    if isinstance(every, timedelta):
        return every.total_seconds(), 0
    parts = _PART.findall(every) if isinstance(every, str) and _TEXT.fullmatch(every) else []
    of = [(int(number), unit) for number, unit in parts]
    seconds = sum(number * _SECONDS[unit] for number, unit in of if unit in _SECONDS)
    return seconds, sum(number * _MONTHS[unit] for number, unit in of if unit in _MONTHS)

"""When the invented centre is busy: working days, office hours and the shape of a day, in Europe/Warsaw.

A moment of a day is counted in elapsed seconds since its midnight, so a day of 23 or 25 hours needs no special case.
"""

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

WARSAW = ZoneInfo("Europe/Warsaw")

#: Month and day of the Polish public holidays with a fixed date. Nobody works and nobody calls on them.
HOLIDAYS = frozenset({(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26)})

_HOUR = 3600
_WEEKDAY_LOAD = (1.22, 1.04, 0.98, 0.95, 0.81, 0.22, 0.0)
_OFFICE_HOURS = {**dict.fromkeys(range(5), (8, 20)), 5: (9, 15)}
_HOUR_WEIGHT = dict(zip(range(8, 20), (5.0, 9.0, 13.0, 11.0, 8.5, 9.5, 12.0, 10.0, 8.0, 6.0, 4.0, 3.0), strict=True))
_MEAN_WEIGHT = sum(_HOUR_WEIGHT.values()) / len(_HOUR_WEIGHT)

#: From this hour on most agents have gone home, so each caller makes the queues this many times more crowded.
_EVENING_HOUR, _EVENING_CROWD = 18, 4.0


def is_holiday(day: date) -> bool:
    """Whether the day is a public holiday with a fixed date."""
    return (day.month, day.day) in HOLIDAYS


def midnight(day: date) -> int:
    """The epoch second at which the day begins in Warsaw."""
    return int(datetime(day.year, day.month, day.day, tzinfo=WARSAW).timestamp())


def length(day: date) -> int:
    """Seconds in the day: 23, 24 or 25 hours."""
    return midnight(day + timedelta(days=1)) - midnight(day)


def load(day: date) -> float:
    """How busy the office is: 1 is the mean from Monday to Friday, 0 is a closed day."""
    return 0.0 if is_holiday(day) else _WEEKDAY_LOAD[day.weekday()]


def office_hours(day: date) -> tuple[int, int] | None:
    """Opening and closing, in seconds since midnight; None when the office stays closed."""
    if not load(day):
        return None
    opens, closes = _OFFICE_HOURS[day.weekday()]
    return opens * _HOUR, closes * _HOUR


def crowd(day: date, second: int) -> float:
    """How crowded the queues are at that moment; 1 is an average hour of an average day."""
    hour = second // _HOUR
    thinned = _EVENING_CROWD if hour >= _EVENING_HOUR else 1.0
    return load(day) * _HOUR_WEIGHT.get(hour, 0.0) * thinned / _MEAN_WEIGHT


def how_many(rng: Random, mean: float) -> int:
    """A random number of independent arrivals with that mean (Poisson, by its normal approximation)."""
    return max(0, round(rng.gauss(mean, math.sqrt(mean)))) if mean > 0 else 0


def office_moments(rng: Random, day: date, count: int) -> list[int]:
    """Arrivals during office hours, unsorted, with peaks at 10 and 14; none when the office is closed."""
    hours = office_hours(day)
    if hours is None:
        return []
    names = range(hours[0] // _HOUR, hours[1] // _HOUR)
    drawn = rng.choices(names, weights=[_HOUR_WEIGHT[hour] for hour in names], k=count)
    return [hour * _HOUR + int(rng.random() * _HOUR) for hour in drawn]


def even_moments(rng: Random, day: date, count: int) -> Iterator[int]:
    """Arrivals spread over the whole day, one in each of `count` equal parts of it."""
    part = length(day) / max(count, 1)
    return (int((number + rng.random()) * part) for number in range(count))

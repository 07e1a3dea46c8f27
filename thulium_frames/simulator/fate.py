"""Which faults hit which request. Nothing here knows about HTTP or connections."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from time import monotonic

from thulium_frames.simulator.faults import RATES, Faults

#: These faults leave no answer, so no other fault can spoil it.
SILENT = frozenset({"outage", "restart_at", "resets_before"})
#: The faults that replace the true answer. If several hit one request, the first in this order wins.
_INSTEAD = (
    *("outage", "restart_at", "resets_before", "rate_limit", "unauthorized_from", "forbidden"),
    *("server_errors", "redirects", "html_pages"),
)


@dataclass(frozen=True)
class Fate:
    """The faults that hit one request, by the names of the fields of `Faults`.

    At most one fault comes `instead` of the true answer. The faults in `then` spoil the body or its delivery. `rng`
    makes the random choices that remain.
    """

    instead: str | None
    then: frozenset[str]
    rng: Random

    @property
    def names(self) -> frozenset[str]:
        """All faults that hit the request."""
        return self.then if self.instead is None else self.then | {self.instead}


def fate_of(number: int, faults: Faults, *, is_too_many: bool = False) -> Fate:
    """The faults that hit the request of that number; the first request is 1. They depend on the arguments only."""
    rng = Random(f"{faults.seed}/{number}")  # noqa: S311 - must be repeatable, not secret
    struck = {name for name in RATES if rng.random() < getattr(faults, name)}
    if faults.failures_first and number > faults.failures_first:
        struck.clear()
    struck |= _scheduled(number, faults)
    if is_too_many:
        struck.add("rate_limit")
    instead = next((name for name in _INSTEAD if name in struck), None)
    then = frozenset() if instead in SILENT else frozenset(struck.difference(_INSTEAD))
    return Fate(instead, then, rng)


def _scheduled(number: int, faults: Faults) -> set[str]:
    """The faults that hit this request for certain, not by chance."""
    first, last = faults.outage or (0, 0)
    is_due = {
        "outage": first <= number <= last,
        "restart_at": number == faults.restart_at,
        "unauthorized_from": 0 < faults.unauthorized_from <= number,
        "forbidden": faults.forbidden,
    }
    return {name for name, due in is_due.items() if due}


class RateLimit:
    """Lets at most `limit` requests pass in any `window` seconds. A limit of 0 is no limit."""

    def __init__(self, limit: int, window: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._passed: deque[float] = deque(maxlen=limit)
        self._limit = limit
        self._window = window
        self._clock = clock

    def wait(self) -> int:
        """0 if a request may pass now, else the number of whole seconds until one may."""
        if not self._limit:
            return 0
        now = self._clock()
        if len(self._passed) == self._limit and now - self._passed[0] < self._window:
            return max(1, math.ceil(self._passed[0] + self._window - now))
        self._passed.append(now)
        return 0

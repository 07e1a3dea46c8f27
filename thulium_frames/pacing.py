"""How fast to ask and how often to try again: one pace for all workers, one retry policy for each request."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RetryPolicy:
    """When a request is given up. Durations are in seconds."""

    tries: int = 8
    """Failed tries of one request; being told to wait (429) does not count as one."""
    first_tries: int = 3
    """The same while the system has never answered: a wrong address is told soon."""
    budget: float = 300.0
    """No request goes on for longer, waiting included."""
    timeout: float = 60.0
    """One try waits so long for a connection, and for each piece of the answer."""
    first_wait: float = 0.5
    max_wait: float = 20.0

    def wait(self, failures: int) -> float:
        """Seconds before the next try: doubling, with jitter, so that workers do not come back all at once."""
        longest = min(self.max_wait, self.first_wait * 2.0 ** min(failures - 1, 100))
        return random.uniform(0.5, 1.0) * longest  # noqa: S311  # no secret hangs on it


@dataclass
class Pace:
    """Requests in flight at once, for all workers together.

    Being told to slow down halves them and holds everybody back for the time told; each round of answers after that
    lets one more through, up to `most`.
    """

    most: int
    clock: Callable[[], float] = time.monotonic
    _allowed: int = field(init=False)
    _busy: int = field(init=False, default=0)
    _answers: int = field(init=False, default=0)
    _resume_at: float = field(init=False, default=0.0)
    _slowed_at: float = field(init=False, default=float("-inf"))
    _changed: threading.Condition = field(init=False, default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._allowed = self.most

    @property
    def allowed(self) -> int:
        return self._allowed

    @contextmanager
    def turn(self, stop: threading.Event) -> Iterator[float]:
        """Wait for a turn and hold it; yields the moment it began. Gives the turn at once when `stop` is set."""
        self._acquire(stop)
        try:
            yield self.clock()
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _acquire(self, stop: threading.Event) -> None:
        while True:
            with self._changed:
                pause = self._resume_at - self.clock()
                if stop.is_set() or (pause <= 0 and self._busy < self._allowed):
                    self._busy += 1
                    return
                if pause <= 0:
                    self._changed.wait(1.0)  # a stop does not notify, so look again
            if pause > 0:
                stop.wait(pause)

    def slow_down(self, began: float, pause: float) -> None:
        """The request whose turn began at `began` was told to slow down: everybody waits `pause` seconds."""
        with self._changed:
            now = self.clock()
            self._resume_at = max(self._resume_at, now + pause)
            if began > self._slowed_at:  # the other requests of the same burst say nothing new
                self._slowed_at = now
                self._allowed = max(1, self._allowed // 2)
                self._answers = 0

    def speed_up(self) -> None:
        """A request was answered: after as many as may be in flight, one more may."""
        with self._changed:
            self._answers += 1
            if self._answers >= self._allowed and self._allowed < self.most:
                self._allowed += 1
                self._answers = 0
                self._changed.notify_all()

"""How fast to ask: one pace for all workers."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from thulium_frames.endpoint.concurrency import Concurrency
from thulium_frames.endpoint.quota import Quota

_LONG_PAUSE_SECONDS = 10.0  # people who watch a run wonder what happens

_log = logging.getLogger("thulium_frames")


@dataclass
class Pace:
    """How many requests may be in flight at once, for all workers together.

    `concurrency` finds that out from the answers. When the system tells one worker to slow down, all workers wait for
    the time told, and half as many requests may be in flight afterwards. `quota` spreads them where the system allows
    only so many in a time.
    """

    concurrency: Concurrency
    clock: Callable[[], float] = time.monotonic
    quota: Quota = field(default_factory=Quota)
    _busy: int = field(init=False, default=0)
    _resume_at: float = field(init=False, default=0.0)
    _slowed_at: float = field(init=False, default=float("-inf"))
    _changed: threading.Condition = field(init=False, default_factory=threading.Condition)

    @property
    def allowed(self) -> int:
        return self.concurrency.allowed

    @contextmanager
    def turn(self, stop: threading.Event, on_pause: Callable[[float], object] = lambda _: None) -> Iterator[float]:
        """Wait for a turn and hold it. Yields the moment it began. Does not wait once `stop` is set.

        Before each pause that all workers keep, `on_pause` is called with its seconds. When it raises, nothing is
        waited for.
        """
        self._acquire(stop, on_pause)
        try:
            yield self.clock()
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify()

    def _acquire(self, stop: threading.Event, on_pause: Callable[[float], object]) -> None:
        while True:
            with self._changed:
                now = self.clock()
                pause, gap = self._resume_at - now, self.quota.wait(now)
                if stop.is_set() or (max(pause, gap) <= 0 and self._busy < self.allowed):
                    self._busy += 1
                    if not stop.is_set():
                        self.concurrency.used(self._busy)
                        self.quota.sent(now)
                    return
                if max(pause, gap) <= 0:
                    self._changed.wait(1.0)  # setting `stop` notifies nobody, so look again
            if pause > 0:
                on_pause(pause)
            if max(pause, gap) > 0:
                stop.wait(max(pause, gap))

    def slow_down(self, began: float, pause: float, *, too_many: bool = False) -> None:
        """All workers wait `pause` seconds: the request whose turn began at `began` was told to slow down.

        `too_many` means that the system allows only so many requests in a time, and has counted more.
        """
        with self._changed:
            now = self.clock()
            if now + pause >= max(self._resume_at, now) + 1:  # others of the burst are told the same
                level = logging.WARNING if pause >= _LONG_PAUSE_SECONDS else logging.INFO
                _log.log(level, "the system asks to slow down: no request is sent for %.0f s", pause)
            self._resume_at = max(self._resume_at, now + pause)
            if began > self._slowed_at:  # requests of one burst are told the same thing
                self._slowed_at = now
                self.concurrency.halve()
                if too_many:
                    self.quota.exceeded(now, pause)

    def answered(self, began: float, size: int) -> None:
        """Note an answer of so many bytes to the request whose turn began at `began`."""
        with self._changed:
            self.concurrency.answered(self.clock() - began, size)
            self.quota.answered(began)
            self._changed.notify_all()

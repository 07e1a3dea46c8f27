"""How fast to ask: one pace for all workers."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from thulium_frames.endpoint.concurrency import Concurrency

_LONG_PAUSE_SECONDS = 10.0  # people who watch a run wonder what happens

_log = logging.getLogger("thulium_frames")


@dataclass
class Pace:
    """How many requests may be in flight at once, for all workers together.

    `concurrency` finds that out from the answers. When the system tells one worker to slow down, all workers wait for
    the time told, and half as many requests may be in flight afterwards.
    """

    concurrency: Concurrency
    clock: Callable[[], float] = time.monotonic
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
                pause = self._resume_at - self.clock()
                if stop.is_set() or (pause <= 0 and self._busy < self.allowed):
                    self._busy += 1
                    self.concurrency.used(self._busy)
                    return
                if pause <= 0:
                    self._changed.wait(1.0)  # setting `stop` notifies nobody, so look again
            if pause > 0:
                on_pause(pause)
                stop.wait(pause)

    def slow_down(self, began: float, pause: float) -> None:
        """All workers wait `pause` seconds: the request whose turn began at `began` was told to slow down."""
        with self._changed:
            now = self.clock()
            if now + pause >= max(self._resume_at, now) + 1:  # others of the burst are told the same
                level = logging.WARNING if pause >= _LONG_PAUSE_SECONDS else logging.INFO
                _log.log(level, "the system asks to slow down: no request is sent for %.0f s", pause)
            self._resume_at = max(self._resume_at, now + pause)
            if began > self._slowed_at:  # requests of one burst are told the same thing
                self._slowed_at = now
                self.concurrency.halve()

    def answered(self, began: float, size: int) -> None:
        """Note an answer of so many bytes to the request whose turn began at `began`."""
        with self._changed:
            self.concurrency.answered(self.clock() - began, size)
            self._changed.notify_all()

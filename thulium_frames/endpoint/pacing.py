"""How fast to ask: one pace for all workers."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LONG_PAUSE_SECONDS = 10.0  # people who watch a run wonder what happens

_log = logging.getLogger("thulium_frames")


@dataclass
class Pace:
    """How many requests may be in flight at once, for all workers together.

    When the system tells one worker to slow down, all workers wait for the time told, and half as many requests may be
    in flight afterwards. Each round of answers then allows one more, up to `most`.
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
                self._changed.notify_all()

    def _acquire(self, stop: threading.Event, on_pause: Callable[[float], object]) -> None:
        while True:
            with self._changed:
                pause = self._resume_at - self.clock()
                if stop.is_set() or (pause <= 0 and self._busy < self._allowed):
                    self._busy += 1
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
                self._allowed = max(1, self._allowed // 2)
                self._answers = 0

    def speed_up(self) -> None:
        """Note an answer. After as many answers as requests may be in flight, one more request may be."""
        with self._changed:
            self._answers += 1
            if self._answers >= self._allowed and self._allowed < self.most:
                self._allowed += 1
                self._answers = 0
                self._changed.notify_all()

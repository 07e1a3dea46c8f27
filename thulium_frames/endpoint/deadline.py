"""How long one try may take as a whole, however many waits it has."""

import math
import threading
import time
from collections.abc import Callable


class Deadline(threading.local):
    """When the try of this thread must end. Each thread has its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = math.inf
        self.seconds = math.inf
        """How long the try may take as a whole."""

    def begin(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = self._clock() + seconds

    def for_another_thread(self) -> Callable[[], None]:
        """A function that makes the thread which calls it keep the deadline of this thread."""
        seconds, end = self.seconds, self._end

        def take_over() -> None:
            self.seconds, self._end = seconds, end

        return take_over

    @property
    def left(self) -> float:
        """How many seconds are left; 0 or less when the time is up."""
        return self._end - self._clock()

    @property
    def is_over(self) -> bool:
        return self.left <= 0

    def check(self) -> None:
        """Raises TimeoutError when the time is up."""
        if self.is_over:
            raise TimeoutError

    def limit(self, timeout: float | None, late: type[Exception]) -> float | None:
        """How long the next wait may take, in seconds; None is for ever. Raises `late` when the time is up."""
        left = self.left
        if left <= 0:
            raise late
        limit = left if timeout is None else min(timeout, left)
        return None if limit == math.inf else limit

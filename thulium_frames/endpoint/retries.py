"""When a request is sent again, and when it is given up."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity
from tenacity.stop import stop_base

from thulium_frames.errors import ThuliumFramesError

T = TypeVar("T")

_log = logging.getLogger("thulium_frames")


@dataclass(frozen=True)
class RetryPolicy:
    """When a request is given up. Durations are in seconds."""

    tries: int = 8
    """A request is given up after this many failed tries. A 429 does not count as one: it only tells us to wait."""
    first_tries: int = 3
    """The same limit while the system has never answered, so that a wrong address is reported soon."""
    budget: float = 300.0
    """A request is given up after this long, waiting included."""
    timeout: float = 60.0
    """How long one try waits for a connection, and for each piece of the answer."""
    first_wait: float = 0.5
    """The longest wait after the first failure. It doubles with each further failure."""
    max_wait: float = 20.0
    """No wait is longer."""

    def wait(self, failures: int) -> float:
        """Seconds before the next try: doubling, with jitter, so that the workers do not all come back at once."""
        longest = min(self.max_wait, self.first_wait * 2.0 ** min(failures - 1, 100))
        return random.uniform(0.5, 1.0) * longest  # noqa: S311  # no secret depends on it


class TryAgainError(Exception):
    """One try failed in a way that may pass.

    `told` means that the system told us to slow down, which does not count as a failed try. `pause` is for how many
    seconds, where it said so.
    """

    def __init__(self, error: ThuliumFramesError, *, told: bool = False, pause: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.told = told
        self.pause = pause


class Attempts(stop_base):
    """The tries of one request."""

    def __init__(self, policy: RetryPolicy, has_answered: Callable[[], bool]) -> None:
        self._policy = policy
        self._has_answered = has_answered
        self._failures = 0
        self._seconds = 0.0

    def __str__(self) -> str:
        return f"given up after {self._failures} failed tries and {self._seconds:.0f} s"

    def call(self, once: Callable[[], T], stop: threading.Event) -> T:
        """Call `once` until it succeeds, and return its result. A wait ends when `stop` is set.

        Raises the TryAgainError of the last try when the request is given up.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TryAgainError),
            stop=self,
            wait=self._wait,
            sleep=tenacity.sleep_using_event(stop),
            reraise=True,
        )
        answer: T = retrying(once)
        return answer

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        """Whether the request is given up; tenacity asks after each failure."""
        failure = _failure(retry_state)
        self._failures += not failure.told
        self._seconds = retry_state.seconds_since_start or 0.0
        tries = self._policy.tries if self._has_answered() else self._policy.first_tries
        return self._failures >= tries or self._seconds + failure.pause > self._policy.budget

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds before the next try. A pause that the system asked for is kept by the pace, for all workers."""
        failure = _failure(state)
        seconds = 0.0 if failure.pause else self._policy.wait(state.attempt_number)
        _log.info("try %d failed, next in %.1f s: %s", state.attempt_number, failure.pause or seconds, failure)
        return seconds


def _failure(state: tenacity.RetryCallState) -> TryAgainError:
    failure = state.outcome.exception() if state.outcome else None
    assert isinstance(failure, TryAgainError)  # noqa: S101  # nothing else is tried again
    return failure

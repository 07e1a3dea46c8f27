"""When a request is sent again, and when it is given up."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, NoReturn, TypeVar

from thulium_frames.errors import ApiError, ThuliumFramesError

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

_SAME_ANSWERS = 2  # what a system says so often in a row, it will say again

_log = logging.getLogger("thulium_frames")


@dataclass(frozen=True)
class RetryPolicy:
    """When a request is given up. Durations are in seconds."""

    tries: int = 8
    """A request is given up after this many failed tries. A 429 does not count as one: it only tells us to wait."""
    first_tries: int = 3
    """The same limit while the system has never answered, so that a wrong address is reported soon."""
    budget: float = 300.0
    """All tries of a request, and the waits between them, take no longer. With 0 there is one try and no wait."""
    timeout: float = 60.0
    """One try takes no longer as a whole: the connection, the request, redirects and the last byte of the answer."""
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
    seconds, where it said so. `said` is what the system said, where it will hardly say anything else the next time.
    """

    def __init__(self, error: ThuliumFramesError, *, told: bool = False, pause: float = 0.0, said: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.told = told
        self.pause = pause
        self.said = said


class Attempts:
    """The tries of one request, and the seconds that they and the waits between them took.

    Waiting for a turn among our own requests does not count.
    """

    def __init__(
        self, policy: RetryPolicy, has_answered: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._has_answered = has_answered
        self._clock = clock
        self._failures = 0
        self._seconds = 0.0
        self._said = ""
        self._times_said = 0

    def __str__(self) -> str:
        return f"given up after {self._failures} failed tries and {self._seconds:.0f} s"

    def call(self, once: Callable[[], T], stop: threading.Event) -> T:
        """Call `once` until it succeeds, and return its result. A wait ends when `stop` is set.

        Raises the TryAgainError of the last try when the request is given up.
        """
        try:
            return once()
        except TryAgainError as failure:
            first = failure
        return self._call_again(first, once, stop)

    def _call_again(self, first: TryAgainError, once: Callable[[], T], stop: threading.Event) -> T:
        """Go on after the first try has failed."""
        import tenacity  # loads slowly, and most reads see no failure

        tries = chain([_raiser(first)], repeat(once))
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TryAgainError),
            stop=self._is_given_up,
            wait=self._wait,
            before_sleep=self._begin_wait,
            sleep=tenacity.sleep_using_event(stop),
            reraise=True,
        )
        answer: T = retrying(lambda: next(tries)())
        return answer

    @contextmanager
    def one_try(self) -> Iterator[float]:
        """Count the time of one try. Yields the seconds that it may take."""
        began = self._clock()
        policy = self._policy
        try:
            yield min(policy.timeout, policy.budget - self._seconds) if policy.budget else policy.timeout
        finally:
            self._seconds += self._clock() - began

    def keep_pause(self, seconds: float) -> None:
        """Count a pause that all requests keep. Raises ApiError when nothing of the budget would be left after it."""
        if self._seconds + seconds >= self._policy.budget:
            raise ApiError(self.too_slow)
        self._seconds += seconds

    @property
    def too_slow(self) -> str:
        """What to say when the budget is shorter than the pauses that the system asks for."""
        return f"told to slow down for longer than {self._policy.budget:g} s"

    def _is_given_up(self, retry_state: tenacity.RetryCallState) -> bool:
        """Whether the request is given up; tenacity asks after each failure, when it knows the next wait."""
        failure = _failure(retry_state)
        self._failures += not failure.told
        self._times_said = self._times_said + 1 if failure.said == self._said else 1
        self._said = failure.said
        is_settled = bool(failure.said) and self._times_said >= _SAME_ANSWERS
        tries = self._policy.tries if self._has_answered() else self._policy.first_tries
        next_try = self._seconds + failure.pause + retry_state.upcoming_sleep
        return is_settled or self._failures >= tries or next_try >= self._policy.budget

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds before the next try. A pause that the system asked for is kept by the pace, for all workers."""
        return 0.0 if _failure(state).pause else self._policy.wait(state.attempt_number)

    def _begin_wait(self, state: tenacity.RetryCallState) -> None:
        failure = _failure(state)
        seconds = failure.pause or state.upcoming_sleep
        _log.info("try %d failed, next in %.1f s: %s", state.attempt_number, seconds, failure)
        self._seconds += state.upcoming_sleep


def _raiser(error: TryAgainError) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


def _failure(state: tenacity.RetryCallState) -> TryAgainError:
    failure = state.outcome.exception() if state.outcome else None
    assert isinstance(failure, TryAgainError)  # noqa: S101  # nothing else is tried again
    return failure

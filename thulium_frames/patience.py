"""One request, sent again while it fails in a way that may pass: after what pause, and when it is given up."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import tenacity
from tenacity.stop import stop_base

from thulium_frames.errors import ThuliumFramesError
from thulium_frames.pacing import RetryPolicy

T = TypeVar("T")

_log = logging.getLogger("thulium_frames")


class TryAgainError(Exception):
    """One try failed in a way that may pass. `told` to slow down, it costs no try; `pause` is how long, when said."""

    def __init__(self, error: ThuliumFramesError, *, told: bool = False, pause: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.told = told
        self.pause = pause


class Patience(stop_base):
    """How long one request is tried. Being told to slow down costs no try, only time."""

    def __init__(self, policy: RetryPolicy, has_answered: Callable[[], bool]) -> None:
        self._policy = policy
        self._has_answered = has_answered
        self._failures = 0
        self._seconds = 0.0

    def __str__(self) -> str:
        return f"given up after {self._failures} failed tries and {self._seconds:.0f} s"

    def call(self, once: Callable[[], T], stop: threading.Event) -> T:
        """What `once` returns in the end, or the TryAgainError of the last try; pauses end when `stop` is set."""
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
        failure = _failure(retry_state)
        self._failures += not failure.told
        self._seconds = retry_state.seconds_since_start or 0.0
        tries = self._policy.tries if self._has_answered() else self._policy.first_tries
        return self._failures >= tries or self._seconds + failure.pause > self._policy.budget

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds before the next try; a pause that the system asked for is kept by the pace, for everybody."""
        failure = _failure(state)
        seconds = 0.0 if failure.pause else self._policy.wait(state.attempt_number)
        _log.info("try %d failed, next in %.1f s: %s", state.attempt_number, failure.pause or seconds, failure)
        return seconds


def _failure(state: tenacity.RetryCallState) -> TryAgainError:
    failure = state.outcome.exception() if state.outcome else None
    assert isinstance(failure, TryAgainError)  # noqa: S101  # nothing else is tried again
    return failure

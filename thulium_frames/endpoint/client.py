"""One GET of the API: sent at the common pace, again while it fails in a way that may pass. Knows no calls."""

import logging
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

from thulium_frames.endpoint.pacing import Pace
from thulium_frames.endpoint.refusals import asks_to_slow_down, error_in_disguise, error_of, may_pass, retry_after
from thulium_frames.endpoint.retries import Attempts, RetryPolicy, TryAgainError
from thulium_frames.endpoint.settings import Settings
from thulium_frames.endpoint.transport import Answer, Parameters, Transport
from thulium_frames.errors import ForeignAnswerError, ThuliumFramesError, UnreadableAnswerError

T = TypeVar("T")

_OK = 200
_TOO_MANY_REQUESTS = 429
_PATH = "/api/connections"
_SHOWN = ("date_from", "date_to", "offset", "limit")  # other filters may be personal data
_CONTINUE = "Run the same again; an export continues where it stopped."

_log = logging.getLogger("thulium_frames")


class StoppedError(Exception):
    """The reader has left, so nobody needs this answer. It reaches no caller."""


class Client:
    """The API of one system, for several threads at once."""

    def __init__(self, settings: Settings, *, workers: int, retries: RetryPolicy) -> None:
        self.has_answered = False
        self._settings = settings
        self._retries = retries
        self._transport = Transport(settings, _PATH, connections=workers, timeout=retries.timeout)
        self._pace = Pace(workers)

    @property
    def requests(self) -> int:
        """Requests sent so far, retries counted."""
        return self._transport.requests

    def close(self) -> None:
        """Close the kept connections as soon as no request uses them. A later request opens new ones."""
        self._transport.close()

    def get(self, parameters: Parameters, read: Callable[[bytes], T], stop: threading.Event) -> T:
        """Send one request, again when it fails in a way that may pass, and return what `read` makes of the body.

        Raises ApiError, the ContractError that `read` raises, or StoppedError once `stop` is set.
        """
        attempts = Attempts(self._retries, lambda: self.has_answered)
        try:
            return attempts.call(lambda: self._try(parameters, read, stop), stop)
        except TryAgainError as failure:
            error = failure.error
            error.args = (f"{error}\n{self._where(parameters)}, {attempts}. {_CONTINUE}",)
            raise error from failure.__cause__
        except ThuliumFramesError as error:
            error.args = (f"{error}\n{self._where(parameters)}",)
            raise

    def _try(self, parameters: Parameters, read: Callable[[bytes], T], stop: threading.Event) -> T:
        with self._pace.turn(stop) as began:
            if stop.is_set():
                raise StoppedError
            answer = self._transport.get(parameters)
        self.has_answered = True
        if answer.status != _OK:
            self._refuse(answer, began)
        self._pace.speed_up()
        _log.debug("%s: %d bytes", self._where(parameters), len(answer.body))
        try:
            return read(answer.body)
        except (UnreadableAnswerError, ForeignAnswerError) as error:
            raise TryAgainError(error_in_disguise(answer, self._settings.password) or error) from error

    def _refuse(self, answer: Answer, began: float) -> NoReturn:
        error = error_of(answer, self._settings.password)
        if not may_pass(answer):
            raise error
        pause = retry_after(answer)
        if asks_to_slow_down(answer):
            self._pace.slow_down(began, min(self._retries.first_wait if pause is None else pause, self._retries.budget))
        told = answer.status == _TOO_MANY_REQUESTS or pause is not None
        raise TryAgainError(error, told=told, pause=pause or 0.0)

    def _where(self, parameters: Parameters) -> str:
        shown = " ".join(f"{name}={value}" for name, value in parameters if name in _SHOWN)
        return f"GET {self._settings.url}{_PATH} {shown}"

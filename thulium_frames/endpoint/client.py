"""One GET of the API: sent at the common pace, again while it fails in a way that may pass. Knows no calls."""

import logging
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar
from weakref import WeakKeyDictionary

from thulium_frames.endpoint.concurrency import Concurrency
from thulium_frames.endpoint.exchange import Answer
from thulium_frames.endpoint.pacing import Pace
from thulium_frames.endpoint.refusals import (
    asks_to_slow_down,
    error_in_disguise,
    error_of,
    may_pass,
    messages,
    retry_after,
)
from thulium_frames.endpoint.retries import Attempts, RetryPolicy, TryAgainError
from thulium_frames.endpoint.settings import Settings
from thulium_frames.endpoint.showing import shown
from thulium_frames.endpoint.transport import Parameters, Transport
from thulium_frames.errors import ForeignAnswerError, SettingsError, ThuliumFramesError, UnreadableAnswerError

T = TypeVar("T")

_OK = 200
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_PATH = "/api/connections"
_SHOWN = ("date_from", "date_to", "offset", "limit")  # other filters may be personal data
_CONTINUE = "Run the same again; an export continues where it stopped."

_log = logging.getLogger("thulium_frames")


class StoppedError(Exception):
    """The reader has left, so nobody needs this answer. It reaches no caller."""


class Client:
    """The API of one system, for several threads at once."""

    def __init__(self, settings: Settings, *, workers: int, retries: RetryPolicy, library: str | None = None) -> None:
        self.has_answered = False
        self._settings = settings
        self._retries = retries
        self._transport = Transport(settings, _PATH, connections=workers, library=library)
        self._pace = Pace(Concurrency(workers))
        self._eras: WeakKeyDictionary[threading.Event, int] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def requests(self) -> int:
        """Requests sent so far, retries counted."""
        return self._transport.requests

    @property
    def library(self) -> str:
        """The HTTP library that sends the requests, certain after the first one: httpx, or pyreqwest where it can."""
        return self._transport.library

    @property
    def allowed(self) -> int:
        """How many requests may be in flight now."""
        return self._pace.allowed

    def close(self) -> None:
        """Close the kept connections, each as soon as no request uses it.

        A read that begins later opens new ones. A read that began before and still sends requests keeps none.
        """
        self._transport.close()

    def get(self, parameters: Parameters, read: Callable[[bytes], T], stop: threading.Event) -> T:
        """Send one request, again when it fails in a way that may pass, and return what `read` makes of the body.

        Raises ApiError, the ContractError that `read` raises, or StoppedError once `stop` is set.
        """
        attempts = Attempts(self._retries, lambda: self.has_answered, self._pace.clock)
        self._note(stop)
        try:
            return attempts.call(lambda: self._try(parameters, read, attempts, stop), stop)
        except TryAgainError as failure:
            error = failure.error
            reason = f"{attempts.too_slow}: " if failure.told else ""
            error.args = (f"{reason}{error}\n{self._where(parameters)}, {attempts}. {_CONTINUE}",)
            raise error from failure.__cause__
        except SettingsError:  # of no request in particular
            raise
        except ThuliumFramesError as error:
            error.args = (f"{error}\n{self._where(parameters)}",)
            raise

    def _note(self, stop: threading.Event) -> None:
        """Remember since when the read that `stop` belongs to sends requests."""
        with self._lock:
            self._eras.setdefault(stop, self._transport.era)

    def _try(self, parameters: Parameters, read: Callable[[bytes], T], attempts: Attempts, stop: threading.Event) -> T:
        """Send one request and read its answer. An error, whoever raised it, may hold text of the server."""
        try:
            answer, began = self._ask(parameters, attempts, stop)
            self.has_answered = True
            if answer.status != _OK:
                self._refuse(answer, began)
            self._pace.answered(began, len(answer.body))
            _log.debug("%s: %d bytes", self._where(parameters), len(answer.body))
            return self._read(answer, read)
        except TryAgainError as failure:
            failure.error.args = (shown(str(failure.error), self._settings.password),)
            raise
        except ThuliumFramesError as error:
            error.args = (shown(str(error), self._settings.password),)
            raise

    def _ask(self, parameters: Parameters, attempts: Attempts, stop: threading.Event) -> tuple[Answer, float]:
        """The answer, and when the turn of its request began."""
        with self._pace.turn(stop, attempts.keep_pause) as began:
            if stop.is_set():
                raise StoppedError
            with attempts.one_try() as seconds:
                return self._transport.get(parameters, seconds, self._eras[stop]), began

    def _read(self, answer: Answer, read: Callable[[bytes], T]) -> T:
        try:
            return read(answer.body)
        except (UnreadableAnswerError, ForeignAnswerError) as error:
            told = error_in_disguise(answer, self._settings.password)
            said = messages(answer, self._settings.password) if told else ""
            if isinstance(error, ForeignAnswerError):
                said = said or str(error)
            raise TryAgainError(told or error, said=said) from error

    def _refuse(self, answer: Answer, began: float) -> NoReturn:
        error = error_of(answer, self._settings.password)
        if not may_pass(answer):
            raise error
        pause = retry_after(answer)
        if asks_to_slow_down(answer):
            pause_kept = self._retries.first_wait if pause is None else pause
            self._slow_down(began, pause_kept, too_many=answer.status == _TOO_MANY_REQUESTS)
        elif answer.status >= _SERVER_ERROR:
            self._slow_down(began, 0.0)  # a system that has too much to do may fail in any way
        told = answer.status == _TOO_MANY_REQUESTS or pause is not None
        raise TryAgainError(error, told=told, pause=pause or 0.0)

    def _slow_down(self, began: float, pause: float, *, too_many: bool = False) -> None:
        """All requests keep the pause, unless none of them could: then the next one is not held up for nothing."""
        self._pace.slow_down(began, pause if pause < self._retries.budget else 0.0, too_many=too_many)

    def _where(self, parameters: Parameters) -> str:
        shown = " ".join(f"{name}={value}" for name, value in parameters if name in _SHOWN)
        return f"GET {self._settings.url}{_PATH} {shown}"

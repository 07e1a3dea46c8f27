"""How far apart to send requests to a system that answers only so many of them in a time. Pure."""

from dataclasses import dataclass

#: Longer pauses cost little beside what is sent between them, so nothing is spread.
_SHORT_PAUSE_SECONDS = 5.0
#: Fewer answers before a 429 do not show how many the system allows.
_ENOUGH_ANSWERS = 20
#: The rate begins a little below what is allowed, because each 429 costs a whole pause. It then rises slowly.
_BELOW, _MORE_A_SECOND = 0.97, 0.002
_LONGEST_INTERVAL = _SHORT_PAUSE_SECONDS / _ENOUGH_ANSWERS


@dataclass
class Quota:
    """The time between two requests, which is 0 until a system has said how many it allows.

    Whoever sends all that is allowed at once, and then keeps the pause that the system asks for, loses the time that
    the sending took. So after the second such pause, requests are spread over the time that they are allowed in. The
    first shows nothing, because the system may have counted what others sent before.
    """

    interval: float = 0.0
    """In seconds."""
    _answers: int = 0
    _since: float = float("inf")
    _last: float = float("-inf")
    _next: float = 0.0
    _is_clean: bool = False

    def wait(self, now: float) -> float:
        """For how many seconds the next request has to wait."""
        return self._next - now if self.interval else 0.0

    def sent(self, now: float) -> None:
        """Note that a request is sent. What was sent before a long silence tells nothing of what is allowed now."""
        if now - self._last > _SHORT_PAUSE_SECONDS:
            self._answers, self._since = 0, now
        self._last, self._since = now, min(self._since, now)
        self._next = max(self._next, now) + self.interval

    def answered(self, began: float) -> None:
        """Note an answer to a request that was sent then."""
        self._answers += began >= self._since
        self.interval /= 1 + _MORE_A_SECOND * self.interval

    def exceeded(self, now: float, pause: float) -> None:
        """Note that the system has said 429, and asks for a pause of so many seconds."""
        if self._is_clean and 0 < pause <= _SHORT_PAUSE_SECONDS and self._answers >= _ENOUGH_ANSWERS:
            self.interval = min(max(now - self._since, pause) / self._answers / _BELOW, _LONGEST_INTERVAL)
        self._answers, self._since, self._is_clean = 0, float("inf"), True

"""How many requests at once a system bears, found out from how long its answers take. Pure."""

from dataclasses import dataclass, field
from statistics import median

#: So many at once burden no system, so slow answers alone never lead below this.
FEW = 4
#: More at once are never sent, however fast the answers come.
MOST_IN_FLIGHT = 32
#: How many times as long as the quickest an answer may take. While it is quicker, more requests are tried; when it is
#: slower, some of the requests only wait at the system, and fewer do the same work.
_STILL_QUICK, _TOO_SLOW = 1.33, 1.6
#: Answers that come sooner arrive faster than they can be read, even if few requests are in flight.
_NO_WAIT_SECONDS = 0.008


@dataclass
class Concurrency:
    """How many requests may be in flight: `allowed`, from `first` up to `most`.

    A round of as many answers doubles it at first, and then adds one, as long as answers do not get slower. They are
    compared by the median of a round, and only those of about full size: an empty answer is quick for another reason.
    """

    most: int = MOST_IN_FLIGHT
    first: int = FEW
    allowed: int = field(init=False)
    _is_starting: bool = field(init=False, default=True)
    _quickest: float = field(init=False, default=float("inf"))
    _largest: int = field(init=False, default=0)
    _answers: int = field(init=False, default=0)
    _seconds: list[float] = field(init=False, default_factory=list)
    _busiest: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.allowed = min(self.first, self.most)

    def used(self, in_flight: int) -> None:
        """Note how many requests are in flight."""
        self._busiest = max(self._busiest, in_flight)

    def answered(self, seconds: float, size: int) -> None:
        """Note an answer that came after so many seconds, with a body of so many bytes."""
        if size > 2 * self._largest:  # what was seen before was not of full size
            self._seconds, self._quickest = [], float("inf")
        self._largest = max(self._largest, size)
        if 2 * size >= self._largest:
            self._seconds.append(seconds)
        self._answers += 1
        if self._answers >= self.allowed:
            self._end_round()

    def halve(self) -> None:
        """The system has said that it has too much to do."""
        self.allowed = max(1, self.allowed // 2)
        self._is_starting = False
        self._begin_round()

    def _end_round(self) -> None:
        typical = median(self._seconds) if self._seconds else self._quickest
        self._quickest = min(self._quickest, typical)
        is_quick, is_slow = typical <= _STILL_QUICK * self._quickest, typical > _TOO_SLOW * self._quickest
        if is_slow:
            fewer = round(self.allowed * _STILL_QUICK * self._quickest / typical)
            self.allowed = min(self.allowed, max(fewer, min(FEW, self.most)))
        elif is_quick and self._more_would_help(typical):
            more = self.allowed if self._is_starting else 1
            self.allowed = min(self.allowed + more, self.most)
        self._is_starting = self._is_starting and is_quick
        self._begin_round()

    def _more_would_help(self, typical: float) -> bool:
        is_used = 2 * self._busiest >= self.allowed
        return is_used and (self.allowed < FEW or typical > _NO_WAIT_SECONDS)

    def _begin_round(self) -> None:
        self._answers = self._busiest = 0
        self._seconds = []

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
#: So few requests cannot have made a system slow for so many rounds. It has become slower by itself.
_SLOWER_BY_ITSELF = 5
#: Answers that come sooner arrive faster than they can be read, even if few requests are in flight.
_NO_WAIT_SECONDS = 0.008


@dataclass
class Concurrency:
    """How many requests may be in flight: `allowed`, from `first` up to `most`.

    A round of as many answers doubles it at first, and then adds one, as long as answers do not get slower. They are
    compared by the median of a round, and only with answers of about the same size: an empty one is quick for another
    reason.
    """

    most: int = MOST_IN_FLIGHT
    first: int = FEW
    allowed: int = field(init=False)
    _is_starting: bool = field(init=False, default=True)
    _quickest: float = field(init=False, default=float("inf"))
    _slow_rounds: int = field(init=False, default=0)
    _size: float = field(init=False, default=0.0)
    _answers: list[tuple[int, float]] = field(init=False, default_factory=list)
    _busiest: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.allowed = min(self.first, self.most)

    def used(self, in_flight: int) -> None:
        """Note how many requests are in flight."""
        self._busiest = max(self._busiest, in_flight)

    def answered(self, seconds: float, size: int) -> None:
        """Note an answer that came after so many seconds, with a body of so many bytes."""
        self._answers.append((size, seconds))
        if len(self._answers) >= self.allowed:
            self._end_round()

    def halve(self) -> None:
        """The system has said that it has too much to do."""
        self.allowed = max(1, self.allowed // 2)
        self._is_starting = False
        self._begin_round()

    def _end_round(self) -> None:
        size = median(size for size, _ in self._answers)
        if size > 2 * self._size:  # what came before was smaller, and quicker for that
            self._size, self._quickest = size, float("inf")
        if 2 * size >= self._size:
            self._adapt(median(seconds for of_size, seconds in self._answers if 2 * of_size >= size))
        else:
            self._size /= 2
        self._begin_round()

    def _adapt(self, typical: float) -> None:
        self._quickest = min(self._quickest, typical)
        is_quick, is_slow = typical <= _STILL_QUICK * self._quickest, typical > _TOO_SLOW * self._quickest
        if is_slow:
            fewer = max(round(self.allowed * _STILL_QUICK * self._quickest / typical), min(FEW, self.most))
            self.allowed = min(self.allowed, fewer)
        elif is_quick and self._more_would_help(typical):
            more = self.allowed if self._is_starting else 1
            self.allowed = min(self.allowed + more, self.most)
        self._is_starting = self._is_starting and is_quick
        self._slow_rounds = self._slow_rounds + 1 if is_slow and self.allowed <= FEW else 0
        if self._slow_rounds >= _SLOWER_BY_ITSELF:
            self._quickest = typical

    def _more_would_help(self, typical: float) -> bool:
        is_used = 2 * self._busiest >= self.allowed
        return is_used and (self.allowed < FEW or typical > _NO_WAIT_SECONDS)

    def _begin_round(self) -> None:
        self._busiest = 0
        self._answers = []

"""Everything that can go wrong with the simulated Thulium, as one value; all of it is off unless asked for."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

#: What the end of a period covers: the whole day or minute that it names, its first second, or nothing of it.
DateTo = Literal["unit", "second", "exclusive"]
#: How a 429 says when to come back: a number of seconds, or an HTTP date.
RetryAfter = Literal["seconds", "date"]

#: The page that a redirect leads to unless another is named.
LOGIN_PATH: Final = "/login"

#: Shares of the requests.
RATES: Final = (
    *("resets_before", "server_errors", "redirects", "html_pages"),
    *("truncated", "bit_flips", "stalls", "resets_middle", "closes_after"),
)
_SHARES_OF_RECORDS: Final = ("twin_legs", "equal_rows", "unknown_fields", "dirty_values")
_COUNTS: Final = ("rate_limit", "failures_first", "restart_at", "unauthorized_from", "page_cap", "drift")
_SECONDS: Final = ("latency", "stall_seconds", "restart_seconds")
_CHOICES: Final = (("date_to_means", DateTo), ("retry_after", RetryAfter))


@dataclass(frozen=True)
class Faults:
    """Faults of a simulated system. They can be combined, and the same requests in the same order meet the same ones.

    Rates are shares from 0 to 1, and fall on each request independently. Requests are those for a path under `/api`,
    numbered from 1 as they arrive, those without an answer included. Where several faults ask for different answers to
    one request the first wins, in the order outage, restart, reset, 429, 401, 403, server error, redirect, HTML page;
    what spoils the body or its delivery comes on top.

    Raises:
        ValueError: a value is out of its range.
    """

    #: Another seed deals the same faults to other requests and other records.
    seed: int = 0

    #: Seconds that pass before each answer.
    latency: float = 0.0
    #: At most this many requests in any `rate_window`, the others get 429; 0 is no limit.
    rate_limit: int = 0
    #: Seconds that `rate_limit` counts over.
    rate_window: float = 1.0
    #: The `Retry-After` of a 429: seconds or date.
    retry_after: RetryAfter = "seconds"

    #: Rate of connections reset before a byte of the answer is sent.
    resets_before: float = 0.0
    #: Rate of 500, 502, 503 and 504, in the API's envelope or as a proxy's HTML.
    server_errors: float = 0.0
    #: Rate of redirects to `redirect_to`.
    redirects: float = 0.0
    #: Where redirects lead: the login page of this system, or any URL.
    redirect_to: str = LOGIN_PATH
    #: Rate of HTML pages with status 200 instead of JSON.
    html_pages: float = 0.0
    #: Rate of bodies cut short, with the Content-Length of what is left.
    truncated: float = 0.0
    #: Rate of bodies with one flipped bit; it may leave valid JSON that says something else.
    bit_flips: float = 0.0
    #: Rate of answers that hang in the middle of the body for `stall_seconds`, and are then completed.
    stalls: float = 0.0
    #: Seconds that a stalled answer hangs.
    stall_seconds: float = 30.0
    #: Rate of connections reset in the middle of the body.
    resets_middle: float = 0.0
    #: Rate of connections closed after the answer although they were to be kept alive.
    closes_after: float = 0.0
    #: All the rates above hold for the first so many requests only; 0 is for ever.
    failures_first: int = 0

    #: From the first to the last of these requests, both included, every connection is reset.
    outage: tuple[int, int] | None = None
    #: This request finds the server restarting: all connections are reset, new ones refused; 0 is never.
    restart_at: int = 0
    #: Seconds that connections are refused; attempts that the system refuses cannot be counted.
    restart_seconds: float = 0.5
    #: From this request on the password is wrong (401); 0 is never.
    unauthorized_from: int = 0
    #: The API user may not call the method (403).
    forbidden: bool = False

    #: At most this many rows on a page, whatever `limit` says; 0 is no cap.
    page_cap: int = 0
    #: `count` is text.
    count_as_text: bool = False
    #: All numbers in records are text.
    numbers_as_text: bool = False
    #: Rows are ordered from the newest to the oldest.
    newest_first: bool = False
    #: Rows with equal dates stand in a new random order on every request.
    shuffle_ties: bool = False
    #: What `date_to` covers: the unit it names, its first second, or (exclusive) nothing of it.
    date_to_means: DateTo = "unit"

    #: How many times a call is inserted, changed or removed between requests.
    drift: int = 0
    #: The calls stay as they are once this request has arrived.
    drift_until: int = 100
    #: Share of records with a second leg: the same `connection_id` and minute, another `dst`.
    twin_legs: float = 0.0
    #: Share of records that come twice, equal in every field.
    equal_rows: float = 0.0
    #: Share of records with fields that nobody documented, nested ones among them.
    unknown_fields: float = 0.0
    #: Share of records with a value of an odd type: "" or 7.0 for 7, a rating that is none, null tags, customer "abc".
    dirty_values: float = 0.0

    def __post_init__(self) -> None:
        for name in (*RATES, *_SHARES_OF_RECORDS):
            self._check(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        for name in (*_COUNTS, *_SECONDS):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        for name, choice in _CHOICES:
            self._check(name, getattr(self, name) in get_args(choice), " or ".join(get_args(choice)))
        self._check("rate_window", self.rate_window > 0, "more than 0")
        self._check("drift_until", self.drift_until >= 2, "2 or more: the first request sees the calls as they were")
        self._check("outage", self.outage is None or 1 <= self.outage[0] <= self.outage[1], "first and last request")
        is_limit_of_something = not self.failures_first or any(getattr(self, name) for name in RATES)
        self._check("failures_first", is_limit_of_something, "given together with a rate that it limits")

    def _check(self, name: str, is_good: bool, expected: str) -> None:
        if not is_good:
            raise ValueError(f"{name} must be {expected}, not {getattr(self, name)!r}")

    @property
    def need_a_wire(self) -> bool:
        """Whether the server must let the application end connections, which ASGI alone cannot."""
        rates = (self.resets_before, self.resets_middle, self.closes_after)
        return any(rates) or self.outage is not None or self.restart_at > 0


NO_FAULTS: Final = Faults()

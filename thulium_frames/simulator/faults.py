"""Everything that can go wrong with the simulated Thulium, as one value. All of it is off unless asked for.

Each fault is one field; its metadata say what kind of value it takes and what it does. The checks here and the flags of
the command `serve` are made from them.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, get_args

#: What the end of a period covers: the whole day or minute that it names, its first second, or nothing of it.
DateTo = Literal["unit", "second", "exclusive"]
#: How a 429 says when to come back: a number of seconds, or an HTTP date.
RetryAfter = Literal["seconds", "date"]

#: The page that a redirect leads to unless another is named.
LOGIN_PATH: Final = "/login"


def _told(kind: str, what: str, **more: object) -> dict[str, object]:
    return {"kind": kind, "help": what, **more}


def _rate(what: str) -> Any:
    """A share of the requests."""
    return field(default=0.0, metadata=_told("rate", what))


def _share(what: str) -> Any:
    """A share of the records."""
    return field(default=0.0, metadata=_told("share", what))


def _count(what: str, default: int = 0, least: int = 0) -> Any:
    return field(default=default, metadata=_told("count", what, least=least))


def _seconds(what: str, default: float = 0.0) -> Any:
    return field(default=default, metadata=_told("seconds", what))


def _switch(what: str) -> Any:
    return field(default=False, metadata=_told("switch", what))


@dataclass(frozen=True)
class Faults:
    """Faults of a simulated system. They can be combined. The same requests in the same order meet the same faults.

    Rates are shares of the requests, from 0 to 1, and fall on each request independently. Requests are those for a path
    under `/api`, numbered from 1 as they arrive, those without an answer included. Where several faults ask for
    different answers to one request, the first in this order wins: outage, restart, reset, 429, 401, 403, server error,
    redirect, HTML page. What spoils the body or its delivery comes on top.

    Raises:
        ValueError: a value is out of its range.
    """

    seed: int = field(
        default=0, metadata=_told("seed", "Another seed deals the faults to other requests and other calls.")
    )

    latency: float = _seconds("Seconds before each answer.")
    capacity: int = _count("Works on N requests at once, so with --latency more make all slower. 0 is no limit.")
    rate_limit: int = _count("At most N requests in --rate-window get an answer, the others get 429. 0 is no limit.")
    rate_window: float = _seconds("Seconds that --rate-limit counts over.", 1.0)
    retry_after: RetryAfter = field(
        default="seconds",
        metadata=_told("choice", "How a 429 says when to come back.", choices=get_args(RetryAfter)),
    )

    resets_before: float = _rate("Share of connections reset before a byte of the answer.")
    server_errors: float = _rate("Share of 500, 502, 503 and 504, in the API's envelope or as a proxy's HTML.")
    redirects: float = _rate("Share of redirects to --redirect-to.")
    redirect_to: str = field(
        default=LOGIN_PATH, metadata=_told("text", "Where redirects lead: the login page here, or any URL.")
    )
    html_pages: float = _rate("Share of HTML pages with status 200 instead of JSON.")
    truncated: float = _rate("Share of bodies cut short, with the Content-Length of what is left.")
    bit_flips: float = _rate("Share of bodies with one flipped bit. Some stay JSON that says something else.")
    stalls: float = _rate("Share of answers that hang in the middle for --stall-seconds, and are then completed.")
    stall_seconds: float = _seconds("How long they hang.", 30.0)
    resets_middle: float = _rate("Share of connections reset in the middle of the body.")
    closes_after: float = _rate("Share of connections closed after the answer, although they were to be kept.")
    failures_first: int = _count("All the shares above hold for the first N requests only. 0 is for ever.")

    outage: tuple[int, int] | None = field(
        default=None,
        metadata=_told("requests", "From request FIRST to LAST, both included, every connection is reset."),
    )
    restart_at: int = _count("Request N finds the server restarting: all connections are reset. 0 is never.")
    restart_seconds: float = _seconds("How long new connections are refused then. Nobody can count those.", 0.5)
    unauthorized_from: int = _count("The password is wrong (401) from request N on. 0 is never.")
    forbidden: bool = _switch("The API user may not call the method (403).")

    page_cap: int = _count("At most N rows a page, whatever limit asks for. 0 is no cap.")
    count_as_text: bool = _switch("count is text.")
    numbers_as_text: bool = _switch("All numbers in records are text.")
    newest_first: bool = _switch("Newest rows first.")
    shuffle_ties: bool = _switch("Rows of equal date in a new order on each request.")
    date_to_means: DateTo = field(
        default="unit",
        metadata=_told(
            "choice",
            "What date_to covers: the day or minute it names, its first second, or nothing of it.",
            choices=get_args(DateTo),
        ),
    )
    bounds_by_day: bool = _switch("Only the days of date_from and date_to count, not their minutes.")
    date_from_by_day: bool = _switch("Only the day of date_from counts, not its minute.")
    recent_days: int = _count("Without date_from, only the newest N days are searched. 0 searches all.")

    drift: int = _count("N times a call is inserted, changed or removed between requests.")
    drift_until: int = _count("The calls stay as they are once request N has arrived.", 100, least=2)
    twin_legs: float = _share("Share of calls with a second leg: the same id and minute, another dst.")
    equal_rows: float = _share("Share of calls that come twice, equal in every field.")
    unknown_fields: float = _share("Share of calls with fields that nobody documented, nested ones among them.")
    dirty_values: float = _share("Share of calls with a value of an odd type, like 7.0 or null or a lost rating.")

    def __post_init__(self) -> None:
        for fault in fields(self):
            value, told = getattr(self, fault.name), fault.metadata
            match told["kind"]:
                case "rate" | "share":
                    self._check(fault.name, 0 <= value <= 1, "from 0 to 1")
                case "count":
                    self._check(fault.name, value >= told["least"], f"{told['least']} or more")
                case "seconds":
                    self._check(fault.name, value >= 0, "0 or more")
                case "choice":
                    self._check(fault.name, value in told["choices"], " or ".join(told["choices"]))
        self._check("rate_window", self.rate_window > 0, "more than 0")
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


#: The faults that are shares of the requests.
RATES: Final = tuple(fault.name for fault in fields(Faults) if fault.metadata["kind"] == "rate")
NO_FAULTS: Final = Faults()

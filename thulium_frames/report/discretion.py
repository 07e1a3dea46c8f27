"""Which texts of records a report may show. A free text may be a name or a telephone number, so it is only counted.

A report shows counts, rates, ids of queues, and ratings. Ratings are the only texts of records in it.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

#: Words that types of rating and rates are made of: the vendor's own (`face`, `happy`), and what scales and faces say.
_WORD: Final = re.compile(
    "faces?|stars?|points?|scale|survey|nps|csat|thumbs?|smiles?|smiley|emoji|happy|neutral|sad|angry|very|good|bad|ok|okay"
    "|poor|fair|great|excellent|average|positive|negative|up|down|yes|no|(?:nie)?zadowolon[ya]|neutraln[yaie]+|obojętn[ya]"
    "|wesoł[ya]|smutn[ya]|zł[ya]|dobr[yaze]+|źle|bardzo|tak|nie|gwiazd(?:ka|ki|ek)|ocena|buźka"
)
_PARTS: Final = re.compile(r"[^\W\d_]+|\d+")
#: What may stand between them: signs of ASCII, stars, hearts, thumbs and faces.
_SIGNS: Final = re.compile("[ -~★☆⭐❤☹☺\ufe0f👍👎😀-🙏]*")
_LONGEST: Final = 20
_HIGHEST: Final = 10
_NUMBERS: Final = 2
#: More distinct rates than this are no scale.
_MOST_ROWS: Final = 24

_HOST: Final = re.compile(r"(?:(https?://)(?:[^/?#]*@)?)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(?:[/?#].*)?")
_IP_ADDRESS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[.*\]")
_FILTERS: Final = frozenset(
    {"src", "dst", "connection_id", "user_login", "queue_id", "topic_id", "customer_id", "tags"}
)
#: A number with more digits may be a telephone number.
_MOST_DIGITS: Final = 6


class Rated(NamedTuple):
    rate: str
    calls: int
    share: float | None


class Scale(NamedTuple):
    """The ratings of one type, or of all types that are not shown."""

    name: str
    response: float
    rows: list[Rated]


def is_harmless(text: str) -> bool:
    """Whether a rating's type or rate is a word of a scale or a number up to 10, perhaps with signs: `5/10`, `🙂`."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if len(text) > _LONGEST or not _SIGNS.fullmatch(_PARTS.sub("", plain)):
        return False
    parts = _PARTS.findall(plain)
    numbers = [int(part) for part in parts if part.isdecimal()]
    unknown = {part for part in parts if not part.isdecimal() and not _WORD.fullmatch(part)}
    is_one_letter = len(unknown) == 1 and all(len(part) == 1 and part.isascii() for part in unknown)
    return len(numbers) <= _NUMBERS and max(numbers, default=0) <= _HIGHEST and (not unknown or is_one_letter)


def scales(ratings: Iterable[dict[str, Any]]) -> list[Scale]:
    """Rows of `metrics.ratings` as scales. Types and rates that may name somebody are counted under "other"."""
    by_type: dict[str | None, list[dict[str, Any]]] = {}
    for row in ratings:
        by_type.setdefault(row["rating_type"], []).append(row)
    shown = {kind: rows for kind, rows in by_type.items() if kind is None or is_harmless(kind)}
    hidden = [rows for kind, rows in by_type.items() if kind not in shown]
    found = [Scale(kind or "of no type", rows[0]["response"], _rows(rows)) for kind, rows in shown.items()]
    return [*found, *_others(hidden)]


def _others(hidden: list[list[dict[str, Any]]]) -> list[Scale]:
    """One type keeps its rates. Rates of several types are on different scales, so they are not told apart."""
    if not hidden:
        return []
    name = f"other ({_counted(len(hidden), 'type')})"
    rows = _rows(hidden[0]) if len(hidden) == 1 else [_other([row for rows in hidden for row in rows])]
    return [Scale(name, sum(rows[0]["response"] for rows in hidden), rows)]


def _rows(rows: list[dict[str, Any]]) -> list[Rated]:
    told = [row for row in rows if is_harmless(row["rating_rate"])][:_MOST_ROWS]
    other = [row for row in rows if row not in told]
    shown = [Rated(row["rating_rate"], row["share_numerator"], row["share"]) for row in told]
    return [*shown, _other(other, of=rows)] if other else shown


def _other(rows: list[dict[str, Any]], of: list[dict[str, Any]] | None = None) -> Rated:
    calls, every = (sum(row["share_numerator"] for row in some) for some in (rows, of or rows))
    return Rated(f"other ({_counted(len(rows), 'value')})", calls, calls / every)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def system_name(system: object) -> str:
    """The address of a system, without a user and a path. A name of another kind becomes "a Thulium system"."""
    match = _HOST.fullmatch(system) if isinstance(system, str) else None
    if not match or (_digits(match[2]) > _MOST_DIGITS and not _IP_ADDRESS.fullmatch(match[2])):
        return "a Thulium system"
    return f"{match[1] or ''}{match[2]}{match[3] or ''}"


def filter_names(filters: Iterable[str]) -> list[str]:
    """The names of the documented filters. Their values are left out, because they may be telephone numbers."""
    names = set(filters)
    return [*sorted(names & _FILTERS), *(["others"] if names - _FILTERS else [])]


def queue_name(queue_id: int) -> str:
    """The id of a queue. Of an id that may be a telephone number, only the end."""
    text = str(queue_id)
    return f"…{text[-3:]}" if _digits(text) > _MOST_DIGITS else text


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)

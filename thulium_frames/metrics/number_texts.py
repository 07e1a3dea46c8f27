"""What of a text is a telephone number: the text without names, schemes, hosts, extensions and punctuation."""

import unicodedata
from functools import cache
from typing import Final

import polars as pl

#: Unicode's scripts and their digits are below this character.
_SCRIPTS_END: Final = 0x20000
#: Spaces, invisible characters, dashes, brackets, quotes and other signs that only divide a number.
_PUNCTUATION: Final = r"[\s\p{Z}\p{C}\p{M}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}./\\_·•∙⋅⁄∕−~|'\"`´]+"
_INVISIBLE_EDGES: Final = r"^[\s\p{Z}\p{C}]+|[\s\p{Z}\p{C}]+$"
#: `"Jan" <sip:48221234567@pbx>`: the address is in the last angle brackets (RFC 3261).
_BRACKETED: Final = r"(?s)^.*<([^<>]*)>[^<>]*$"
_ESCAPES: Final = {"%2b": "+", "%23": "#", "%20": " "}
_SCHEME: Final = r"^(?:(?:tel|sips?|callto|fax|sms|h323):(?://)?|(?:tel|telefon|phone)(?:\.|:|[\s\p{Z}])\s*)"
#: An address without a user, `sip:10.0.0.1`. The digits of a host are no number.
_HOST_ALONE: Final = r"^sips?:(?://)?(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:.]+\])(?::[0-9]+)?(?:[;?].*)?$"
#: What follows the user of an address: a password, the host, parameters such as `;ext=12`, headers.
_AFTER_USER: Final = r"(?s)(?::[^@]*)?@.*$|[;?].*$"
#: An extension, in the words of Poland and its neighbours, after a number of at least three digits.
_EXTENSION: Final = (
    r"^((?:[^0-9]*[0-9]){3,}?)[^0-9\p{L}]*"
    r"(?:ext(?:ension|n)?|wew(?:n|nętrzny|netrzny)?|w|x|int|kl|klapka|linka|durchwahl|dw|доб|вн)"
    r"[^0-9\p{L}]*[0-9]{1,7}[^0-9\p{L}]*$"
)
#: Digits that are dialled after a pause: `221234567,12`, `221234567p12`, `221234567#12`.
_AFTER_PAUSE: Final = r"^([^,]*?(?:[0-9][^0-9,]?){7,}?)(?:,+|p|#)[0-9]{1,7}#?$"
#: Codes that hide or show the caller's own number: `*31#`, `#31#`, `*31*`, and `*67` and `*82` of North America.
_HIDING: Final = r"^[*#]{1,2}(?:30|31|67|82)[*#]"
_HIDING_AMERICAN: Final = r"^\*(?:67|82)(\+?[0-9]{7,})$"
#: `(0)` is dialled only inside the country. No other text has this sign, because NFKC turns it into a zero.
_TRUNK_ZERO: Final = "⓪"


def address(text: pl.Expr) -> pl.Expr:
    """A text in small letters and ASCII digits, without a display name around it."""
    return (
        text.str.normalize("NFKC")
        .str.replace_many(_digits())
        .str.to_lowercase()
        .str.replace(_BRACKETED, "${1}")
        .str.replace_many(_ESCAPES)
        .str.replace_all(_INVISIBLE_EDGES, "")
    )


def inner_number(of_address: pl.Expr) -> pl.Expr:
    """The number in an `address`: digits, perhaps with a plus before them and with one `(0)`. Other texts lose
    their punctuation, too, and a host alone becomes `""`.
    """
    return (
        of_address.str.replace(_HOST_ALONE, "")
        .str.replace(_SCHEME, "")
        .str.replace(_AFTER_USER, "")
        .str.replace(_EXTENSION, "${1}")
        .str.replace_all(r"\(\s*0\s*\)", _TRUNK_ZERO)
        .str.replace_all(_PUNCTUATION, "")
        .str.replace(_HIDING, "")
        .str.replace(_HIDING_AMERICAN, "${1}")
        .str.replace(_AFTER_PAUSE, "${1}")
        .str.replace(r"^([0-9+]{4,})#$", "${1}")
        .str.replace(f"^{_TRUNK_ZERO}", "0")
        .str.replace_all(_TRUNK_ZERO, "(0)", literal=True)
    )


@cache
def _digits() -> dict[str, str]:
    """The digits of every script but ours, such as the Arabic-Indic ones, and what each of them means."""
    characters = map(chr, range(0x80, _SCRIPTS_END))
    return {one: str(unicodedata.digit(one)) for one in characters if unicodedata.category(one) == "Nd"}

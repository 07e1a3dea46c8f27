"""One form for telephone numbers, in whatever way they are written."""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import Final

import polars as pl

from thulium_frames.metrics.number_texts import address, inner_number

#: The number of a colleague's phone, or of a service such as 112, has at most this many digits.
SHORT_DIGITS = 6

_PLAIN: Final = r"^\+?[0-9]+$"
_NUMBER: Final = r"^\+?[0-9]*(?:\(0\))?[0-9]+$"
#: Nine digits after Poland's country code have one form, whether the number is in use or not.
_WITH_48: Final = r"^(?:\+|00)?48([1-9][0-9]{8})$"
_POLISH = re.compile(r"(?:(?:\+|00)?480?|0)?([0-9]{9})")
_COUNTRY = "PL"

_ZEROS: Final = r"^\+?0+$|^(?:\+|00)?480{7,}$"
#: ANONYMOUS, BLOCKED, RESTRICTED, UNKNOWN, UNAVAILABLE, PRIVATE and WITHHELD, typed on the keys of a telephone: some
#: exchanges send them as the caller's number. With a plus, none of them is a valid number.
_KEYED: Final = r"^(?:\+|00)?(?:266696687|2562533|7378742833|8656696|86282452253|7748283|94844353)$"
#: Words for a withheld number, in the languages of Poland and its neighbours. More may follow, as in `anonymous-17`.
_WORDS: Final = (
    r"anonym|anonim|unknown|private|restrict|unavailable|withh|block|hidden|invalid|asterisk|no.?number|no.?caller"
    r"|zastrz|nieznan|prywatn|ukryt|brak|niedost|neznám|neznam|skryt|utajen|soukrom|súkrom|nedostup"
    r"|unbekannt|unterdr|privat|verborgen|неизв|невідом|аноним|анонім|скрыт|прихов|приват|nežinom|slapt|неизвест"
)


def normalised(number: str | pl.Expr) -> pl.Expr:
    """Telephone numbers as `+48221234567`, from a column or an expression of text. A withheld number is null.

    A Polish number may be written as `48…`, `+48…`, `0048…`, `0…`, `+48 (0)…` or nine digits, and a foreign number with
    `+`, with `00` or with its country code alone. It may stand in `tel:`, `sip:` or `"Jan" <…>`. These do not matter:
    spaces, dashes, dots, slashes, brackets and quotes of any kind; the script of the digits; an extension (`;ext=12`,
    `wew. 12`, `x12`); a code that hides the caller's own number (`*31#`). Google's libphonenumber knows the valid form.

    Short numbers (up to six digits) keep their digits and their plus, and lose the rest: `12-34` becomes `1234`. With a
    host they become `sip:101@host`, because `101` of two exchanges are two phones. An invalid long number becomes its
    digits, with its plus. Any other text with a digit stays as it is: a number is never made from words.

    A number is withheld when the text has no digit (`anonymous`, `-`, `""`), when it is made of zeros, when it is a
    word for this with something more (`anonymous@10.0.0.1`), when it is `-1`, and when it is such a word on the keys
    of a telephone (`+266696687` is ANONYMOUS).

    Raises:
        ImportError: `phonenumbers` is not installed; it comes with `thulium-frames[notebooks]`.
    """
    _need_library()
    expression = pl.col(number) if isinstance(number, str) else number
    return expression.map_batches(_normalised, return_dtype=pl.String, is_elementwise=True)


def normalised_at_once(number: pl.Expr) -> pl.Expr:
    """As `normalised`, but of a whole column. A lake comes in small pieces, and few numbers are distinct in all."""
    _need_library()
    return number.map_batches(_normalised, return_dtype=pl.String)


def _need_library() -> None:
    """Fails here instead of in the middle of a query."""
    if find_spec("phonenumbers") is None:
        raise ImportError("telephone numbers need a library: pip install 'thulium-frames[notebooks]'")


def _normalised(numbers: pl.Series) -> pl.Series:
    """The form of each distinct number, found once. Most numbers are digits alone and need no cleaning."""
    distinct = numbers.drop_nulls().unique().to_frame("text")
    is_plain = pl.col("text").str.contains(_PLAIN)
    plain = distinct.filter(is_plain).with_columns(pl.col("text").alias("address"), pl.col("text").alias("inner"))
    odd = distinct.filter(~is_plain).with_columns(address(pl.col("text")).alias("address"))
    texts = pl.concat([plain, odd.with_columns(inner_number(pl.col("address")).alias("inner"))])
    forms = texts.select("text", _form().alias("form"))
    return numbers.replace_strict(forms["text"], forms["form"], default=None, return_dtype=pl.String)


def _form() -> pl.Expr:
    inner = pl.col("inner")
    is_number = inner.str.contains(_NUMBER)
    is_short = inner.str.contains(rf"^\+?[0-9]{{1,{SHORT_DIGITS}}}$")
    host = pl.col("address").str.extract(r"@([^;?>]+)").str.strip_chars()
    long = pl.when(is_number & ~is_short & ~inner.str.contains(_WITH_48)).then(inner)
    return (
        pl.when(_is_withheld(is_number))
        .then(None)
        .when(~is_number)
        .then("text")
        .when(is_short)
        .then(pl.when(host.is_null()).then(inner).otherwise(pl.format("sip:{}@{}", inner, host)))
        .when(inner.str.contains(_WITH_48))
        .then(inner.str.replace(_WITH_48, "+48${1}"))
        .otherwise(long.map_batches(_long_forms, return_dtype=pl.String, is_elementwise=True))
    )


def _is_withheld(is_number: pl.Expr) -> pl.Expr:
    inner, words = pl.col("inner"), pl.col("address").str.contains(_WORDS)
    by_digits = inner.str.contains(_ZEROS) | inner.str.contains(_KEYED) | (pl.col("address") == "-1")
    return ~inner.str.contains("[0-9]") | by_digits | (~is_number & words)


def _long_forms(numbers: pl.Series) -> pl.Series:
    distinct = numbers.drop_nulls().unique()
    forms = pl.Series([_one_form(number) for number in distinct], dtype=pl.String)
    return numbers.replace_strict(distinct, forms, default=None, return_dtype=pl.String)


@lru_cache(maxsize=100_000)
def _one_form(number: str) -> str | None:
    """The first valid form; otherwise nine digits count as Polish. Null for zeros behind a country code."""
    import phonenumbers

    for candidate in _candidates(number):
        try:
            read = phonenumbers.parse(candidate, _COUNTRY)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(read):
            return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)
        if read.national_number == 0 and candidate.startswith(("+", "00")) and candidate == number:
            return None
    bare = number.replace("(0)", "")
    match = _POLISH.fullmatch(bare)
    return f"+48{match[1]}" if match else bare


def _candidates(number: str) -> Iterator[str]:
    """The number as written, without the old trunk zero, with a plus that was left out, with its `(0)` as a zero."""
    bare = number.replace("(0)", "")
    digits = bare.removeprefix("+")
    yield bare
    yield digits.removeprefix("0")
    yield f"+{digits.removeprefix('00')}"
    if bare != number:
        yield number.replace("(0)", "0")

"""One form for every way to write a number, and whom a number belongs to."""

import re
from functools import lru_cache

import polars as pl

#: So many digits at most has the number of a colleague's phone, or of a service such as 112.
SHORT_DIGITS = 6

_NUMBER = re.compile(r"\+?\d+")
_PUNCTUATION = re.compile(r"[\s()./-]+")
_POLISH = re.compile(r"(?:(?:\+|00)?48|0)?(\d{9})")
_COUNTRY = "PL"


def normalised(number: str | pl.Expr) -> pl.Expr:
    """Telephone numbers as `+48221234567`, from a column or an expression of text.

    `48…`, `+48…`, `0048…`, `0…` and nine digits of a Polish number become one form, with spaces and hyphens or
    without; so do foreign numbers with `+`, `00` or only their country code. Short numbers (up to six digits) and what
    is no number stay as they are; text without a digit (`anonymous`) is a withheld number and becomes null. Numbers are
    read by Google's libphonenumber, each distinct one once.

    Raises:
        ImportError: `phonenumbers` is not installed; it comes with `thulium-frames[notebooks]`.
    """
    try:
        import phonenumbers  # noqa: F401 - fails here and not in the middle of a query
    except ImportError as error:
        raise ImportError("telephone numbers need a library: pip install 'thulium-frames[notebooks]'") from error
    expression = pl.col(number) if isinstance(number, str) else number
    return expression.map_batches(_normalised, return_dtype=pl.String, is_elementwise=True)


def _normalised(numbers: pl.Series) -> pl.Series:
    distinct = numbers.drop_nulls().unique()
    forms = pl.Series([_one_form(text) for text in distinct], dtype=pl.String)
    return numbers.replace_strict(distinct, forms, default=None, return_dtype=pl.String)


@lru_cache(maxsize=100_000)
def _one_form(text: str) -> str | None:
    bare = _PUNCTUATION.sub("", text)
    if not any(character.isdigit() for character in bare):
        return None
    if not _NUMBER.fullmatch(bare):
        return text
    digits = bare.removeprefix("+")
    if len(digits) <= SHORT_DIGITS:
        return bare
    return _valid(bare, digits) or _polish(bare) or bare


def _valid(bare: str, digits: str) -> str | None:
    """The number as it stands, without the old trunk zero, or with the plus that a foreign one may have lost."""
    import phonenumbers

    for candidate in (bare, digits.removeprefix("0"), f"+{digits}"):
        try:
            number = phonenumbers.parse(candidate, _COUNTRY)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def _polish(bare: str) -> str | None:
    """Nine digits that nobody has been given are a Polish number still."""
    match = _POLISH.fullmatch(bare)
    return f"+48{match[1]}" if match else None

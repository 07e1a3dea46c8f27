"""One form for telephone numbers, in whatever way they are written."""

import re
from functools import lru_cache

import polars as pl

#: The number of a colleague's phone, or of a service such as 112, has at most this many digits.
SHORT_DIGITS = 6

_NUMBER = re.compile(r"\+?\d+")
_PUNCTUATION = re.compile(r"[\s()./-]+")
_POLISH = re.compile(r"(?:(?:\+|00)?48|0)?(\d{9})")
_COUNTRY = "PL"


def normalised(number: str | pl.Expr) -> pl.Expr:
    """Telephone numbers as `+48221234567`, from a column or an expression of text.

    A Polish number may be written as `48…`, `+48…`, `0048…`, `0…` or nine digits, and a foreign number with `+`, with
    `00` or with its country code alone. Spaces and hyphens do not matter. Short numbers (up to six digits) and text
    that is not a number stay as they are. Text without a digit (`anonymous`) is a withheld number and becomes null.
    Google's libphonenumber reads each distinct number once.

    Raises:
        ImportError: `phonenumbers` is not installed; it comes with `thulium-frames[notebooks]`.
    """
    try:
        import phonenumbers  # noqa: F401 - fails here instead of in the middle of a query
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
    """The first valid form: the number as written, without the old trunk zero, or with a plus that was left out."""
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
    """Nine digits count as a Polish number, even if the number is not in use."""
    match = _POLISH.fullmatch(bare)
    return f"+48{match[1]}" if match else None

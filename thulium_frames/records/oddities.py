"""JSON as PHP and proxies write it: what stands around it, what it must not hold, and lists written as objects."""

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|[\t-\r ])*+")
_AFTER = b"\x00\t\n\v\f\r "
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_CONTROL = re.compile(rb"\\.|(?P<bare>[\x00-\x1f])", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]+")


def bare(body: bytes) -> bytes:
    """The body without byte order marks and white space before it, and without white space and NULs after it."""
    before = _BEFORE.match(body)
    return body[before.end() if before else 0 :].rstrip(_AFTER)


def decoded(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """What the decoder makes of a bare body, which is mended if it is not JSON. Raises what the decoder raises."""
    body = bare(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return decoder.decode(_mended(body))


def _mended(body: bytes) -> bytes:
    """The body with raw control characters in texts escaped. Half a surrogate pair becomes the text of its escape."""
    whole = _SURROGATES.sub(lambda found: b"\\" * bool(found["half"]) + found[0], body)
    return _TEXT.sub(lambda text: _CONTROL.sub(_escaped, text[0]), whole)


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0]) if found["bare"] else found[0]


class Key:
    """The name of a member. No two are equal, so that an object that repeats a name keeps all its values."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def to_key(_: type, text: str) -> Key:
    """The `dec_hook` of a decoder of `Key`s."""
    return Key(text)


def under_numbers(members: dict[Key, T]) -> list[T] | None:
    """The values, in the order written, of the object that PHP makes of a list with gaps; None for any other object."""
    return list(members.values()) if all(_NUMBER.fullmatch(key.text) for key in members) else None

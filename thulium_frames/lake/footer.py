"""What the footer of a day's file says, without Arrow: that loads slowly, and there are thousands of days.

A footer is a Thrift structure in the compact protocol: https://parquet.apache.org/docs/file-format/metadata
"""

from collections.abc import Callable

MAGIC = b"PAR1"
#: Behind the footer: its length, and the magic bytes.
_END = 4 + len(MAGIC)
#: Most footers of a day are shorter.
_LIKELY_BYTES = 16 * 1024

_NUM_ROWS = 3  # the number of the field in `FileMetaData`
_BINARY, _LIST, _SET, _MAP, _STRUCT = 8, 9, 10, 11, 12
_IN_THE_KIND = (1, 2)  # true and false
_FIXED_BYTES = {1: 0, 2: 0, 3: 1, 7: 8}  # true, false, a byte, a double
_VARINTS = (4, 5, 6)
#: Before a text: the kind of a first or next field that is a text.
_TEXT_FIELD = b"\x18"


class BadFooterError(ValueError):
    """The bytes are no footer of a Parquet file."""


def read_footer(tail: Callable[[int], bytes]) -> bytes:
    """The footer of a file, given a function for its last bytes, which is called with how many are wanted.

    Raises BadFooterError.
    """
    end = tail(_LIKELY_BYTES)
    if len(end) < _END or not end.endswith(MAGIC):
        raise BadFooterError("it is not a whole Parquet file")
    length = int.from_bytes(end[-_END:-4], "little")
    if length + _END > len(end):
        end = tail(length + _END)
    if length + _END > len(end):
        raise BadFooterError("its footer is longer than the file")
    return end[-length - _END : -_END]


def rows_in(footer: bytes) -> int:
    """How many rows the file has. Raises BadFooterError."""
    at = number = 0
    try:
        while kind := footer[at] & 15:
            step, at = footer[at] >> 4, _after_header(footer, at)
            number += step or len(footer)  # a field far from the one before is none that is looked for
            if number == _NUM_ROWS:
                return _number(footer, at)[0] >> 1  # counts are not negative, so the sign is not looked at
            at = _after(footer, at, kind)
    except (IndexError, KeyError, RecursionError):
        pass
    raise BadFooterError("its footer cannot be understood")


def text_in(footer: bytes, key: str) -> bytes | None:
    """The value that the file's metadata have under this key. None without one. Raises BadFooterError.

    It is found by its bytes, so another text of the footer must not hold the key with its mark; ours hold none.
    """
    mark = _TEXT_FIELD + bytes([len(key)]) + key.encode() + _TEXT_FIELD
    at = footer.rfind(mark)
    if at < 0:
        return None
    try:
        length, start = _number(footer, at + len(mark))
    except IndexError:
        raise BadFooterError("its footer cannot be understood") from None
    return footer[start : start + length]


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The variable-length number here, and where it ends."""
    number = shift = 0
    while (byte := data[at]) >= 128:
        number |= (byte & 127) << shift
        shift += 7
        at += 1
    return number | byte << shift, at + 1


def _after_header(data: bytes, at: int) -> int:
    """Where the value of a field begins. The number of a field that is far from the one before follows its kind."""
    return at + 1 if data[at] >> 4 else _number(data, at + 1)[1]


def _after(data: bytes, at: int, kind: int) -> int:
    """Where a value of this kind ends."""
    if kind in _VARINTS:
        while data[at] >= 128:
            at += 1
        return at + 1
    if kind == _BINARY:
        length, at = _number(data, at)
        return at + length
    if kind == _STRUCT:
        while kind := data[at] & 15:
            at = _after(data, _after_header(data, at), kind)
        return at + 1
    if kind in (_LIST, _SET):
        size, kind = data[at] >> 4, data[at] & 15
        size, at = _number(data, at + 1) if size == 15 else (size, at + 1)
        if size > len(data):
            raise IndexError
        if kind in _IN_THE_KIND:
            return at + size  # in a list they take a byte each
        for _ in range(size):
            at = _after(data, at, kind)
        return at
    return at + _FIXED_BYTES[kind]

"""What the footer of a day's file says of the day, and what goes wrong where such a file is read."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from thulium_frames.errors import LakeDamagedError, LakeError
from thulium_frames.lake.days import DayFacts
from thulium_frames.lake.footer import read_footer, rows_in, text_in
from thulium_frames.lake.listing import name_of
from thulium_frames.lake.storage import Storage

FOOTER_KEY = "thulium_frames"

_UNREADABLE = (OSError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError)
#: Errors that tell of the machine, of the network drive or of who asks. The file itself may be sound, and no reading
#: of its day from the system would help. All others, like EIO of a bad sector, are damage of the file.
NOT_OF_THE_FILE = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN, errno.EBUSY, errno.ENOLCK),
    *(errno.EACCES, errno.EPERM),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ECONNABORTED, errno.ECONNRESET, errno.ECONNREFUSED),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
}


def facts_of(lake: Storage, day: date) -> DayFacts:
    """The facts of a day's footer.

    Raises LakeDamagedError when the file is not a lake's, is another day's, or was not written to its end.
    """
    name, size = name_of(day), 0

    def tail(wanted: int) -> bytes:
        nonlocal size
        content, size = lake.tail(name, wanted)
        return content

    with judged(lake):
        footer = read_footer(tail)
        facts = facts_in(text_in(footer, FOOTER_KEY), rows_in(footer), size)
    if facts.day != day:
        raise LakeDamagedError(f"it is the file of {facts.day}")
    return facts


def facts_in(told: bytes | None, rows: int, size: int) -> DayFacts:
    """What a footer has told of a file with so many rows and bytes. Raises LakeDamagedError."""
    if told is None:
        raise LakeDamagedError("its footer does not say what it holds: another program wrote it")
    try:
        facts = json.loads(told)
        day, said = date.fromisoformat(facts["day"]), facts["rows"]
        read_at = datetime.fromisoformat(facts["read_at"]).astimezone(UTC)
    except _UNREADABLE as error:
        raise LakeDamagedError(f"its footer cannot be understood: {_first_line(error)}") from error
    if rows != said:
        raise LakeDamagedError(f"it holds {rows} rows where {said} were written")
    return DayFacts(day, rows, read_at, size)


@contextmanager
def judged(lake: Storage, *also: type[Exception]) -> Iterator[None]:
    """What goes wrong while a day's file is read is damage of the file, unless the machine is to blame.

    `also` are errors of the library that reads it.
    """
    unreadable: tuple[type[Exception], ...] = (*_UNREADABLE, *also)
    try:
        yield
    except LakeError:
        raise
    except unreadable as error:
        if isinstance(error, OSError) and error.errno in NOT_OF_THE_FILE:
            raise lake.failure(error) from error
        raise LakeDamagedError(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]

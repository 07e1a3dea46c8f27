"""In what sizes calls are read."""

import sys
from dataclasses import dataclass, replace

from thulium_frames.errors import SettingsError

#: The most rows that a page can hold.
_MAX_PAGE_ROWS = 100
#: Up to this many pages are read fastest by one worker, one after the other.
_FEW_PAGES = 20


@dataclass(frozen=True)
class Reading:
    """In what sizes calls are read, in rows. Smaller ones take less memory, larger ones fewer steps."""

    page_rows: int = 100
    """Asked for in one request, at most 100."""
    window_rows: int = 10_000
    """A window with more calls is split before it is read."""
    ahead_rows: int = 40_000
    """The most rows that are held, or being read, before the caller takes them. This bounds the memory."""
    batch_rows: int = 2_500
    """About the size of a record batch. It is smaller where the calls that follow are not proven yet."""
    fruitless_reads: int = 12
    """A crowded minute is given up after this many reads in a row that brought nothing new."""

    def __post_init__(self) -> None:
        sizes = (self.window_rows, self.ahead_rows, self.batch_rows, self.fruitless_reads)
        if not 1 <= self.page_rows <= _MAX_PAGE_ROWS or min(sizes) < 1:
            raise SettingsError(f"rows a page are from 1 to {_MAX_PAGE_ROWS}, the other sizes at least 1, not {self}")

    def for_rows(self, rows: int, workers: int) -> tuple["Reading", int]:
        """How to read, and with how many workers, when the caller takes only the first `rows`.

        A few pages are read one after the other from the beginning. More are read in windows of at most `rows`.
        """
        if rows <= _FEW_PAGES * self.page_rows:
            few = max(rows, 1)
            return replace(self, window_rows=sys.maxsize, ahead_rows=few, batch_rows=min(few, self.batch_rows)), 1
        sizes = (self.window_rows, self.ahead_rows, self.batch_rows)
        window_rows, ahead_rows, batch_rows = (min(rows, size) for size in sizes)
        return replace(self, window_rows=window_rows, ahead_rows=ahead_rows, batch_rows=batch_rows), workers

"""What an update calls that is not part of the lake: the source of calls, and the listener to its progress."""

from collections.abc import Callable, Generator
from datetime import date
from typing import Any

from thulium_frames.lake.days import Piece
from thulium_frames.lake.update import Source, Update
from thulium_frames.windows import Window


class Others:
    """The source and the listener of an update. It remembers their errors, so that the lake is not blamed for them."""

    def __init__(self, calls: Source, on_progress: Callable[[Update], object]) -> None:
        self._calls = calls
        self._on_progress = on_progress
        self._errors: list[BaseException] = []

    def raised(self, error: BaseException) -> bool:
        """Whether one of them raised this very error."""
        return any(error is theirs for theirs in self._errors)

    @property
    def origin(self) -> dict[str, Any]:
        return self._calls.origin

    @property
    def days(self) -> tuple[date | None, date | None]:
        return self._calls.days

    def pieces(
        self,
        window: Window,
        on_count: Callable[[int], object],
        *,
        on_undated: Callable[[date, str], object],
    ) -> Generator[Piece]:
        try:
            yield from self._calls.pieces(window, on_count, on_undated=on_undated)
        except OSError as error:
            self._errors.append(error)
            raise

    def on_progress(self, update: Update) -> None:
        try:
            self._on_progress(update)
        except OSError as error:
            self._errors.append(error)
            raise

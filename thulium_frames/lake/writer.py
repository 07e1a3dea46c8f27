"""The writer of days: a day's file is made and put in its place while the calls of the next one are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING

from thulium_frames.lake.days import DayFacts
from thulium_frames.lake.listing import name_of
from thulium_frames.lake.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa


class DayWriter:
    """Writes days in a thread of its own, one after the other. `on_written` is called in the caller's.

    No day is left half done, whatever happens meanwhile, and `on_written` is called for every day that was written,
    also when an interrupt or an error ends the writing.
    """

    def __init__(self, lake: Storage, on_written: Callable[[DayFacts], object]) -> None:
        self._lake = lake
        self._on_written = on_written
        self._thread: Executor
        self._under_way: Future[None] | None = None
        self._written: deque[DayFacts] = deque()  # `on_written` was not called for these yet

    @contextmanager
    def open(self) -> Iterator[None]:
        """Days can be put within this block. At its end all of them are in their place.

        A day that cannot be written is the error that is raised, also when the block fails at the same time.
        """
        try:
            with ThreadPoolExecutor(1, "thulium-frames-writer") as self._thread:
                yield
                self._wait()
        except Exception:
            if self._under_way is not None:
                self._under_way.result()
            raise
        finally:
            self._report()

    def write(self, day: date, batches: Sequence[pa.RecordBatch], read_at: datetime) -> None:
        """Write a day, after the one before is in its place. Raises the error of the one before."""
        self._wait()
        self._under_way = self._thread.submit(self._write, day, batches, read_at)

    def _write(self, day: date, batches: Sequence[pa.RecordBatch], read_at: datetime) -> None:
        from thulium_frames.lake.dayfile import seal_day  # Arrow loads slowly: by now requests are under way

        file = seal_day(day, batches, read_at)
        self._lake.put(name_of(day), file.content)
        self._written.append(file.facts)  # recorded here, because an interrupt may come before the wait

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
        self._report()

    def _report(self) -> None:
        while self._written:
            self._on_written(self._written.popleft())

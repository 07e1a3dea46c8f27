"""The writer of days: a day's file is made and put in its place while the calls of the next one are read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from thulium_frames.lake.days import DayFacts
from thulium_frames.lake.listing import name_of
from thulium_frames.lake.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa

    _Day = tuple[date, Sequence[pa.RecordBatch], datetime]

#: Once Polars is loaded, no Ctrl-C ends a wait, so the thread that waits for a day wakes up this often to hear it.
_SECONDS_DEAF = 0.5
#: The columns of as many days may wait for the writer, so that neither it nor who builds them waits for the other.
_MOST_UNDER_WAY = 8


class DayWriter:
    """Writes days in a thread of its own, one after the other. `on_written` is called in the caller's.

    No day is left half done, whatever happens meanwhile, and `on_written` is called for every day that was written,
    also when an interrupt or an error ends the writing.
    """

    def __init__(self, lake: Storage, on_written: Callable[[DayFacts], object]) -> None:
        self._lake = lake
        self._on_written = on_written
        # an interrupt in the middle of a queue's work leaves it whole, and no lock behind
        self._wanted: SimpleQueue[_Day | None] = SimpleQueue()
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()
        self._ends: SimpleQueue[None] = SimpleQueue()
        self._is_open = self._has_failed = False
        self._under_way = 0
        self._written: deque[DayFacts] = deque()  # `on_written` was not called for these yet

    @contextmanager
    def open(self) -> Iterator[None]:
        """Days can be written within this block. At its end all of them are in their place.

        A day that cannot be written is the error that is raised, also when the block fails at the same time.
        """
        self._is_open, self._has_failed, self._under_way = True, False, 0
        threading.Thread(target=self._work, name="thulium-frames-writer").start()
        try:
            try:
                yield
            finally:
                self._wanted.put(None)
                try:
                    self._wait_for_end()
                finally:
                    self._wait_for_end()  # an interrupt ends a wait, but the days handed over are awaited
        except Exception:
            self._raise_failure()
            raise
        else:
            self._raise_failure()
        finally:
            self._report()

    def write(self, day: date, batches: Sequence[pa.RecordBatch], read_at: datetime) -> None:
        """Write a day after those before. Waits while many of these are not in their place, and raises their errors."""
        while self._has_failed or self._under_way >= _MOST_UNDER_WAY:
            self._wait()
        self._report()
        self._under_way += 1
        self._wanted.put((day, batches, read_at))

    def _wait_for_end(self) -> None:
        """Wait until the thread writes no more. After an interrupt, Python takes a thread that it joins for ended."""
        while self._is_open:
            with suppress(Empty):
                self._ends.get(timeout=_SECONDS_DEAF)

    def _work(self) -> None:
        while (day := self._wanted.get()) is not None:
            try:
                if not self._has_failed:  # nothing is written after a day that could not be
                    self._write(*day)
                self._ended.put(None)
            except BaseException as error:  # any error is raised again in the thread that wants the day
                self._has_failed = True
                self._ended.put(error)
        self._is_open = False
        self._ends.put(None)

    def _write(self, day: date, batches: Sequence[pa.RecordBatch], read_at: datetime) -> None:
        from thulium_frames.lake.dayfile import seal_day  # Arrow loads slowly: by now requests are under way

        file = seal_day(day, batches, read_at)
        self._lake.put(name_of(day), file.content)
        self._written.append(file.facts)  # recorded here, because an interrupt may come before the wait

    def _wait(self) -> None:
        """Wait for one day, or until it is time to hear an interrupt."""
        with suppress(Empty):
            failure = self._ended.get(timeout=_SECONDS_DEAF)
            self._under_way -= 1
            if failure is not None:
                raise failure

    def _raise_failure(self) -> None:
        """Raise the error of a day that nobody has waited for."""
        with suppress(Empty):
            while True:
                if (failure := self._ended.get_nowait()) is not None:
                    raise failure

    def _report(self) -> None:
        try:
            while self._written:
                self._on_written(self._written.popleft())
        except BaseException:
            self._report()  # the other days are reported, too
            raise

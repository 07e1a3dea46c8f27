"""The writer of days: a day is put in its place while the next one is made."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

from thulium_frames.lake.days import DayFacts, SealedDay
from thulium_frames.lake.listing import name_of
from thulium_frames.lake.storage import Storage


class DayWriter:
    """Puts days in their place in a thread of its own, one after the other. `on_written` is called in the caller's.

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

    def put(self, day: SealedDay) -> None:
        """Put a day in its place, after the one before is there. Raises the error of the one before."""
        self._wait()
        self._under_way = self._thread.submit(self._put, day)

    def _put(self, day: SealedDay) -> None:
        self._lake.put(name_of(day.facts.day), day.content)
        self._written.append(day.facts)  # recorded here, because an interrupt may come before the wait

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
        self._report()

    def _report(self) -> None:
        while self._written:
            self._on_written(self._written.popleft())

"""Workers that carry out a read plan: several requests at once, pieces in time order, a bounded look-ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

from thulium_frames.reading.edges import rows_within
from thulium_frames.reading.grain import Grain, GrainChangedError
from thulium_frames.reading.plan import ReadPlan, Span, WindowRead
from thulium_frames.reading.runs import ProvenRun, UndatedCall
from thulium_frames.reading.sizes import Reading
from thulium_frames.records import HeldCall, Page
from thulium_frames.windows import Window

if TYPE_CHECKING:
    import pyarrow as pa

#: Once Polars is loaded, no Ctrl-C ends a wait, so the thread that waits for calls wakes up this often to hear it.
_SECONDS_DEAF = 0.5


class Ask(Protocol):
    """Sends one request and returns its page. Several threads call it. It gives up soon after `stop` is set."""

    def __call__(self, window: Window, span: Span, stop: threading.Event) -> Page: ...


@dataclass(frozen=True)
class Piece:
    """All the calls of one window, sorted by `schema.ROW_ORDER`."""

    window: Window
    batch: pa.RecordBatch
    received: int
    """Rows that the answers held for it, including those at its edges that belong to another window."""
    undated: Sequence[UndatedCall]
    """Calls whose date cannot be read. They are not in the batch."""


def read_pieces(
    root: Window,
    ask: Ask,
    to_batch: Callable[[Sequence[HeldCall]], pa.RecordBatch],
    *,
    reading: Reading,
    workers: Callable[[], int],
    grain: Grain,
    on_count: Callable[[int], object],
) -> Generator[Piece]:
    """Read a window. Yields its pieces in time order, without gaps.

    `workers` tells how many requests may be in flight now; new workers join the read when it rises.
    Nothing is sent before the first piece is asked for. Leaving the iterator early stops the workers. `on_count` is
    called once, with the count of the first answer. An error is raised after the pieces that were proven before it.
    When an answer shows that the grain is a day, what is not delivered yet is read anew.
    """
    front = root.start
    tell = _once(on_count)
    while front < root.end:
        crew = _Crew(ReadPlan(Window(front, root.end), reading, workers(), grain), ask, tell, workers)
        with suppress(GrainChangedError):
            for piece in _pieces(crew, to_batch):
                front = piece.window.end
                yield piece


def _pieces(crew: _Crew, to_batch: Callable[[Sequence[HeldCall]], pa.RecordBatch]) -> Generator[Piece]:
    built: dict[datetime, Piece] = {}  # by their starts
    try:
        crew.start()
        to_batch(())  # loads what builds columns, while the first request is under way
        while (run := crew.next_run()) is not None:
            batch = rows_within(run.window, to_batch(run.calls))
            received = len(run.calls) + len(run.undated)
            built[run.window.start] = Piece(run.window, batch, received, run.undated)
            while crew.front in built:
                piece = built.pop(crew.front)
                crew.deliver(piece)
                yield piece
    finally:
        crew.dismiss()


def _once(tell: Callable[[int], object]) -> Callable[[int], None]:
    """A function that passes on its first call alone."""
    told = threading.Lock()

    def tell_once(count: int) -> None:
        if told.acquire(blocking=False):
            tell(count)

    return tell_once


class _Crew:
    """The workers. They wait for the network and read pages. The thread that takes the pieces builds the columns."""

    def __init__(self, plan: ReadPlan, ask: Ask, on_count: Callable[[int], object], workers: Callable[[], int]) -> None:
        self._ask, self._on_count = ask, on_count
        self._workers = workers
        self._started = 0
        self._plan = plan
        self._stop = threading.Event()
        self._proven: dict[datetime, ProvenRun] = {}  # by their starts
        self._error: BaseException | None = None
        self._busy = 0
        self._lock = threading.RLock()
        self._tasks = threading.Condition(self._lock)  # for the workers: each that finds a task wakes the next
        self._news: SimpleQueue[None] = SimpleQueue()  # for the taker: an interrupt of its wait leaves no lock behind

    @property
    def front(self) -> datetime | None:
        """Where the piece begins that is to be delivered next."""
        return self._plan.front

    def deliver(self, piece: Piece) -> None:
        with self._lock:
            self._plan.deliver(piece.window, piece.received)
            self._tasks.notify()

    def dismiss(self) -> None:
        """Stop the workers. A request under way may still take its time."""
        self._stop.set()
        with self._lock:
            self._tasks.notify_all()

    def start(self) -> None:
        with self._lock:
            self._let_more_join()

    def _let_more_join(self) -> None:
        while self._started < self._workers():
            name = f"thulium-frames-{self._started}"
            try:
                threading.Thread(target=self._work, name=name, daemon=True).start()
            except RuntimeError:  # the machine allows no more threads
                if not self._started:
                    raise
                return
            self._started += 1

    def next_run(self) -> ProvenRun | None:
        """Wait for the next run that is proven: the one at the front comes first. None when all are delivered."""
        while self.front is not None:
            with self._lock:
                if self.front in self._proven:
                    return self._proven.pop(self.front)
                if self._error is not None:
                    raise self._error
                if self._proven:
                    return self._proven.pop(min(self._proven))
            with suppress(Empty):
                self._news.get(timeout=_SECONDS_DEAF)
        return None

    def _work(self) -> None:
        try:
            while (task := self._next_task()) is not None:
                self._do(*task)
        except BaseException as error:  # any error is raised again in the thread that takes the pieces
            self._give_up(error)

    def _next_task(self) -> tuple[WindowRead, Span] | None:
        with self._lock:
            while not self._stop.is_set() and self._error is None and self._plan.front is not None:
                if self._busy < self._workers() and (task := self._plan.next_request()) is not None:
                    self._busy += 1
                    self._tasks.notify()  # perhaps there is one for the next worker, too
                    return task
                self._tasks.wait()
        return None

    def _do(self, read: WindowRead, span: Span) -> None:
        page = self._ask(read.asked, span, self._stop)
        with self._lock:
            self._busy -= 1
            self._on_count(page.count)
            self._proven.update((run.window.start, run) for run in self._plan.receive(read, page))
            self._let_more_join()
            self._tasks.notify()
            self._news.put(None)

    def _give_up(self, error: BaseException) -> None:
        """Note the error. What was proven before is delivered first."""
        with self._lock:
            self._proven.update((run.window.start, run) for run in self._plan.close())
            self._error = self._error or error
            self._tasks.notify_all()
            self._news.put(None)

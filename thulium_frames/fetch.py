"""Workers that read a window tree: several requests at once, pieces in time order, a bounded look-ahead."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec
import polars as pl
import pyarrow as pa

from thulium_frames.call import Call
from thulium_frames.decode import Page
from thulium_frames.errors import ContractError
from thulium_frames.sorting import refuse_others
from thulium_frames.tree import Reading, Run, Span, Tree, WindowRead
from thulium_frames.windows import DAY, Window, floor


class Ask(Protocol):
    """Sends one request and returns its page. Called from several threads; gives up soon after `stop` is set."""

    def __call__(self, window: Window, span: Span, stop: threading.Event) -> Page: ...


@dataclass(frozen=True)
class Piece:
    """All the calls of one window, sorted by `schema.ROW_ORDER`."""

    window: Window
    batch: pa.RecordBatch
    received: int
    """Rows that the answers held for it, some at its edges perhaps that are not its own."""


def read_pieces(
    root: Window,
    ask: Ask,
    to_batch: Callable[[Sequence[Call]], pa.RecordBatch],
    *,
    reading: Reading,
    workers: int,
    on_count: Callable[[int], object],
) -> Generator[Piece]:
    """Read a window; yields its pieces in time order, without gaps.

    Nothing is asked before the first piece is. Leaving the iterator early stops the workers. `on_count` hears once how
    many calls the first answer tells. An error is raised once the windows proven before it are taken.
    """
    crew = _Crew(Tree(root, reading, workers), ask, on_count)
    built: dict[datetime, Piece | ContractError] = {}  # by their starts
    try:
        for run in crew.runs(workers):
            try:
                built[run.window.start] = Piece(run.window, _within(run.window, to_batch(run.calls)), len(run.calls))
            except ContractError as error:
                built[run.window.start] = error
            while crew.front in built:
                piece = built.pop(crew.front)
                if isinstance(piece, ContractError):
                    raise piece
                crew.deliver(piece)
                yield piece
    finally:
        crew.dismiss()


class _Crew:
    """The workers. They wait for the network and tell pages; columns are built where the pieces are taken."""

    def __init__(self, tree: Tree, ask: Ask, on_count: Callable[[int], object]) -> None:
        self._ask, self._on_count = ask, on_count
        self._tree = tree
        self._stop = threading.Event()
        self._proven: dict[datetime, Run] = {}  # by their starts
        self._error: BaseException | None = None
        self._counted = False
        self._changed = threading.Condition()

    @property
    def front(self) -> datetime | None:
        """Where the piece begins that is to be delivered next."""
        return self._tree.front

    def deliver(self, piece: Piece) -> None:
        with self._changed:
            self._tree.deliver(piece.window, piece.received)
            self._changed.notify_all()

    def dismiss(self) -> None:
        """Let the workers go. A request under way may still take its time."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def runs(self, workers: int) -> Iterator[Run]:
        """Each run as soon as it is proven, first of all the one at the front."""
        for number in range(workers):
            threading.Thread(target=self._work, name=f"thulium-frames-{number}", daemon=True).start()
        while (run := self._next_run()) is not None:
            yield run

    def _next_run(self) -> Run | None:
        with self._changed:
            while (front := self._tree.front) is not None:
                if front in self._proven:
                    return self._proven.pop(front)
                if self._error is not None:
                    raise self._error
                if self._proven:
                    return self._proven.pop(min(self._proven))
                self._changed.wait()
        return None

    def _work(self) -> None:
        try:
            while (task := self._next_task()) is not None:
                self._do(*task)
        except BaseException as error:  # whatever it is, it is raised where the pieces are read
            self._give_up(error)

    def _next_task(self) -> tuple[WindowRead, Span] | None:
        with self._changed:
            while not self._stop.is_set() and self._error is None and self._tree.front is not None:
                if (task := self._tree.next_request()) is not None:
                    return task
                self._changed.wait()
        return None

    def _do(self, read: WindowRead, span: Span) -> None:
        page = self._ask(read.asked, span, self._stop)
        with self._changed:
            if not self._counted:
                self._counted = True
                self._on_count(page.count)
            self._proven.update((run.window.start, run) for run in self._tree.receive(read, page))
            self._changed.notify_all()

    def _give_up(self, error: BaseException) -> None:
        """What was proven before is delivered first."""
        with self._changed:
            self._proven.update((run.window.start, run) for run in self._tree.close())
            self._error = self._error or error
            self._changed.notify_all()


def _within(window: Window, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of the window: the answer may hold more at its edges, since `date_to` is asked for as a superset."""
    dates = pl.DataFrame(batch.select(["date"])).to_series()
    if dates.has_nulls():
        raise ContractError(
            f"a call in the window {window} has no date that can be read: {_name(batch.slice(0, 1))}. "
            "It cannot be placed in a day; ask Thulium's support about this record"
        )
    if len(dates):
        days = Window(floor(window.start, DAY), floor(window.end, DAY) + DAY)  # some may read bounds by the day
        refuse_others(window, dates[0], dates[-1], days)
    before, upto = (int(dates.search_sorted(moment)) for moment in (window.start, window.end))
    return batch.slice(before, upto - before)


def _name(row: pa.RecordBatch) -> str:
    values = row.to_pylist()[0]
    date = msgspec.json.decode(values["rescued_data"] or "{}").get("date")
    return f"connection_id {values['connection_id']}, date {date!r}"

"""The wiring: a system, a query on it, and the forms in which its calls can be read."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from thulium_frames.bounds import Bound
from thulium_frames.endpoint import Client, Filters, RetryPolicy, resolve, time_zone_of
from thulium_frames.errors import FilterError, SettingsError, UnreadableDateError
from thulium_frames.reading import Grain, Piece, Reading, Span, read_pieces
from thulium_frames.records import HeldCall, Page, described, read_page
from thulium_frames.schema import COLUMNS
from thulium_frames.windows import Window

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from thulium_frames.lake import Update


def _refuse_undated(day: date, call: str) -> None:
    raise UnreadableDateError(
        f"a call of {day} has a date that cannot be read: {call}.\n"
        "It cannot be placed in time; ask Thulium's support about this record"
    )


class Thulium:
    """One Thulium system, seen by one API user.

    `url` may be the system's name alone. What is not given is taken from THULIUM_URL, THULIUM_USER and
    THULIUM_TIME_ZONE. The password is the first found of: the argument, `password_file` (`~` is the home folder),
    THULIUM_PASSWORD_FILE, THULIUM_PASSWORD, the netrc file (with `netrc=True`), and `ask`, which is called with a
    prompt (like `getpass.getpass`).

    `time_zone` is that of the system's wall clock; the default is Europe/Warsaw. `workers` is how many requests may be
    in flight at once. `retries` says when a request is given up, in seconds and tries; `reading` says in what sizes
    calls are read, in rows. Nothing is sent before calls are asked for. Raises SettingsError.
    """

    def __init__(
        self,
        url: str | None = None,
        user: str | None = None,
        password: str | None = None,
        *,
        password_file: str | None = None,
        netrc: bool = False,
        ask: Callable[[str], str] | None = None,
        allow_http: bool = False,
        time_zone: str | None = None,
        workers: int = 4,
        reading: Reading = Reading(),  # noqa: B008  # immutable
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008  # immutable
    ) -> None:
        self._settings = resolve(
            url, user, password, password_file=password_file, use_netrc=netrc, ask=ask, allow_http=allow_http
        )
        if workers < 1:
            raise SettingsError(f"workers are at least 1, not {workers}")
        self.time_zone = _checked_zone(time_zone_of(time_zone))
        self.workers = workers
        self.reading = reading
        self.grain = Grain()
        self.client = Client(self._settings, workers=workers, retries=retries)

    def __repr__(self) -> str:
        return f"Thulium({self.url!r}, user={self.user!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return self._settings.url

    @property
    def user(self) -> str:
        return self._settings.user

    @property
    def password_source(self) -> str:
        """Where the password came from, in words."""
        return self._settings.password_source

    @property
    def system(self) -> str:
        """The name that a lake of this system is marked with."""
        return self._settings.system

    @property
    def requests(self) -> int:
        """Requests sent so far, retries counted."""
        return self.client.requests

    def close(self) -> None:
        """Close the kept connections, each as soon as no request uses it. What is read later opens new ones."""
        self.client.close()

    def connections(
        self,
        *,
        date_from: Bound | None = None,
        date_to: Bound | None = None,
        src: str | None = None,
        dst: str | None = None,
        connection_id: str | None = None,
        user_login: str | None = None,
        queue_id: int | None = None,
        topic_id: int | None = None,
        customer_id: int | None = None,
        tags: Sequence[str] | None = None,
    ) -> Connections:
        """Describe the calls to read. Nothing is read yet.

        Bounds are the system's wall-clock time. Both are included: a day to its end, a minute to its end. Both are
        always sent: an open one is 2000-01-01 or 2099-12-31. Filters are the API's own. The system decides whether
        several `tags` mean any or all of them.
        Raises FilterError.
        """
        filters = Filters(
            date_from=date_from,
            date_to=date_to,
            src=src,
            dst=dst,
            connection_id=connection_id,
            user_login=user_login,
            queue_id=queue_id,
            topic_id=topic_id,
            customer_id=customer_id,
            tags=tags,
        )
        return Connections(self, filters)


@dataclass(frozen=True)
class Connections:
    """A description of the calls that match a query. Each way to get them reads afresh.

    Rows are sorted by `date`, then `connection_id`, then the other columns. Reading raises ApiError when the network or
    the system fails for good, and ContractError when the answers cannot be proven complete. Libraries that take Arrow's
    C stream take this object itself: `pl.DataFrame(calls)`, `pa.table(calls)`, `FROM calls` in DuckDB.
    """

    thulium: Thulium
    filters: Filters
    limit: int | None = None

    def __repr__(self) -> str:
        limit = "" if self.limit is None else f"the first {self.limit}"
        return f"Connections({', '.join(filter(None, [self.thulium.url, str(self.filters), limit]))})"

    def head(self, rows: int = 5) -> Connections:
        """The first `rows` of these calls. Little more than that is read from a system that sorts by date."""
        if rows < 0:
            raise FilterError(f"the first {rows} calls are none: give a number from 0")
        return replace(self, limit=rows if self.limit is None else min(rows, self.limit))

    @property
    def origin(self) -> dict[str, object]:
        """Which system, time zone and filters, but not which days. A lake of these calls is marked with it."""
        return {
            "system": self.thulium.system,
            "time_zone": self.thulium.time_zone,
            "filters": self.filters.without_dates(),
        }

    @property
    def days(self) -> tuple[date | None, date | None]:
        """First and last day asked for, None for an open bound. Raises FilterError when they are not whole days."""
        if self.limit is not None:
            raise FilterError(f"a lake holds whole days, not the first {self.limit} calls")
        return self.filters.bounds.days

    def count(self) -> int:
        """How many calls there are, by the system's own count. Sends one request.

        Unlike a frame, it relies on the API to include the minute of `date_to`, as Thulium's page says. Raises
        FilterError when a bound has seconds, because the API counts whole minutes.
        """
        bounds = self.filters.bounds
        if bounds.start.second or bounds.end.second:
            raise FilterError("whole minutes are counted: give bounds without seconds, or take to_polars().height")
        count = self.page(bounds.start, self.filters.last_minute, limit=1).count
        return count if self.limit is None else min(count, self.limit)

    @property
    def window(self) -> Window:
        """The wall-clock time that is asked for."""
        return Window(self.filters.bounds.start, self.filters.bounds.end)

    @property
    def page_rows(self) -> int:
        """How many rows one request asks for."""
        return self.thulium.reading.page_rows

    def with_filters(self, filters: Filters) -> Self:
        """The same system, asked with other filters."""
        return replace(self, filters=filters)

    def counted(self, window: Window) -> int:
        """How many calls the system counts in a window. Sends one request."""
        return self.page(window.start, window.end, limit=1).count

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Record batches of `SCHEMA` in time order, in flat memory. The first batch sends the first request."""
        return (piece.batch for piece in self.pieces() if piece.batch.num_rows)

    def to_arrow(self) -> pa.Table:
        """All calls as one Arrow table of `SCHEMA`."""
        batches = list(self.batches())
        from pyarrow import Table  # loads slowly, meanwhile the first request is under way

        from thulium_frames.schema import SCHEMA

        return Table.from_batches(batches, SCHEMA)

    def to_polars(self) -> pl.DataFrame:
        """All calls as one Polars frame."""
        import polars as pl  # loads slowly, and an export needs none

        return pl.DataFrame(self.to_arrow())

    def to_pandas(self) -> pd.DataFrame:
        """All calls as one pandas frame. Its columns are backed by Arrow, so numbers stay whole and nulls stay null."""
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise SettingsError("to_pandas needs pandas: pip install 'thulium-frames[notebooks]'") from error
        frame: pd.DataFrame = self.to_arrow().to_pandas(types_mapper=pandas.ArrowDtype)
        return frame

    def scan(self) -> pl.LazyFrame:
        """A lazy frame. It reads when it is collected, each time afresh.

        Filters on `date`, on columns that the API filters by (src, dst, connection_id, user_login, queue_id, topic_id,
        customer_id) and on one tag narrow the requests. Polars then applies the whole filter to the rows. A few values
        of one column become a query for each value when this takes fewer requests. Columns that are not selected are
        not built, and a row limit ends the reading early.
        """
        from thulium_frames.scanning import scan_of  # Polars loads slowly, and an export needs none

        return scan_of(self)

    def write_parquet(self, path: str | Path) -> Update:
        """Bring the lake at `path` up to date with these calls: `Lake(path).update(self)`."""
        from thulium_frames.lake import Lake

        return Lake(path).update(self)

    def pieces(
        self,
        window: Window | None = None,
        on_count: Callable[[int], object] = lambda _: None,
        columns: Collection[str] = tuple(COLUMNS),
        on_undated: Callable[[date, str], object] = _refuse_undated,
    ) -> Generator[Piece]:
        """The calls of `window` (by default of the whole query), piece by piece in time order, empty pieces too.

        `on_count` is called once, with the count of the system's first answer. `on_undated` is called with the day and
        the description of each call whose date cannot be read, before the piece that lacks it; by default it raises
        UnreadableDateError.
        """
        reading, workers = self.thulium.reading, self.thulium.workers
        if self.limit is not None:
            reading, workers = reading.for_rows(self.limit, workers)
        pieces = read_pieces(
            window or self.window,
            self._ask,
            partial(_to_batch, time_zone=self.thulium.time_zone, columns=columns),
            reading=reading,
            workers=workers,
            grain=self.thulium.grain,
            on_count=on_count,
        )
        pieces = _announced(pieces, on_undated)
        return pieces if self.limit is None else _first(self.limit, pieces)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        from pyarrow import RecordBatchReader

        from thulium_frames.schema import SCHEMA

        reader = RecordBatchReader.from_batches(SCHEMA, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        from thulium_frames.schema import SCHEMA

        return SCHEMA.__arrow_c_schema__()

    def page(
        self, start: datetime, end: datetime, *, offset: int = 0, limit: int, stop: threading.Event | None = None
    ) -> Page:
        """What the system answers to one request for calls from `start` to `end`. Nothing is proven about it.

        Raises ApiError. Gives up soon after `stop` is set. Nothing is asked when no call can match the filters.
        """
        if not self.filters.can_match:
            return Page(0, [])
        query = self.filters.query(start, end, offset=offset, limit=limit)
        read = partial(read_page, time_zone=self.thulium.time_zone)
        return self.thulium.client.get(query, read, stop or threading.Event())

    def _ask(self, window: Window, span: Span, stop: threading.Event) -> Page:
        return self.page(window.start, window.end, offset=span.offset, limit=span.limit, stop=stop)


def _to_batch(calls: Sequence[HeldCall], time_zone: str, columns: Collection[str]) -> pa.RecordBatch:
    from thulium_frames.records import to_batch  # Arrow loads slowly: by now the first request is under way

    return to_batch(calls, time_zone, columns)


def _first(rows: int, pieces: Generator[Piece]) -> Generator[Piece]:
    with closing(pieces):
        for piece in pieces if rows > 0 else ():
            yield replace(piece, batch=piece.batch.slice(0, rows))
            if (rows := rows - piece.batch.num_rows) <= 0:
                return


def _announced(pieces: Generator[Piece], on_undated: Callable[[date, str], object]) -> Generator[Piece]:
    """The pieces, each after the undated calls that it lacks were announced."""
    with closing(pieces):
        for piece in pieces:
            for undated in piece.undated:
                on_undated(undated.day, described(undated.call))
            yield piece


def _checked_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, like Europe
        raise SettingsError(f"there is no time zone {name!r}; Thulium's default is Europe/Warsaw") from error

"""What people see on a terminal: progress, and tables of text."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from thulium_frames.cli.say import outlet, shown

_NO_LIMIT = 1_000


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr. Yields a function that takes the number done and the total."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=min(done, total), total=total or None)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, err: bool = False
) -> None:
    """Print a table. Numbers are aligned right, null is empty, and only a terminal narrows the columns."""
    rows = list(rows)
    table = Table(title=_shown(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for number, name in enumerate(columns):
        is_number = any(isinstance(row[number], int | float) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_shown, row))
    console = Console(stderr=err)
    if not console.is_terminal:
        console = Console(stderr=err, width=_NO_LIMIT)
    with outlet(sys.stderr if err else sys.stdout), suppress(SystemExit):  # rich's, when the reader has left
        console.print(table)


def _shown(value: object) -> Text:
    """A value as plain text, so that no markup or terminal command in a record has an effect."""
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(":00"))
    return Text("" if value is None else shown(str(value)))

"""A program that runs the command line and sends itself a signal at a chosen step of the work.

    python tests/trap.py SIGKILL "after replace .connections.parquet.staging" 2 export lake --from 2024-10-01

A step has three parts: `before` or `after`, the name of a call, and the name of the file or folder that it works on.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from thulium_frames.cli import run

_CALLS: list[tuple[Any, str]] = [
    (os, "fsync"),
    (os, "ftruncate"),
    (Path, "mkdir"),
    (Path, "read_bytes"),
    (Path, "replace"),
    (Path, "rmdir"),
    (Path, "unlink"),
    (pq.ParquetWriter, "write_table"),
]


class Trap:
    """Counts how often the process reaches the step, and sends the signal at the chosen time."""

    def __init__(self, sent: signal.Signals, step: str, time: int) -> None:
        self._sent, self._step, self._left = sent, step, time

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def trapped(subject: Any, *given: Any, **more: Any) -> Any:
            what = f"{name} {_name(subject)}"
            self._come_to(f"before {what}")
            result = call(subject, *given, **more)
            self._come_to(f"after {what}")
            return result

        return trapped

    def _come_to(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                signal.raise_signal(self._sent)


def _name(subject: Any) -> str:
    """The name of a path or of an open file. All folders of days have the same name; a table is called `table`."""
    path = Path(f"/proc/self/fd/{subject}").readlink() if isinstance(subject, int) else subject
    return path.name.split("=")[0] if isinstance(path, Path) else "table"


def main() -> None:
    sent, step, time, *arguments = sys.argv[1:]
    trap = Trap(signal.Signals[sent], step, int(time))
    for owner, name in _CALLS:
        setattr(owner, name, trap.around(name, getattr(owner, name)))
    sys.exit(run(arguments))


if __name__ == "__main__":
    main()

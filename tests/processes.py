"""Exports in separate processes, and the obstacles for them: kills, full disks, closed folders."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

TESTS = Path(__file__).parent
PROGRAM = [sys.executable, "-m", "thulium_frames"]
TRAP = [sys.executable, str(TESTS / "trap.py")]

#: Runs the rest of its command line with a limit on the size of files.
_LIMITED = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
    "os.execv(sys.argv[2], sys.argv[2:])"
)
#: Runs the rest of its command line without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, so that mode bits bind root, too.
_WITHOUT_PRIVILEGE = (
    "import ctypes, os, sys\n"
    "for capability in (1, 2): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
WITHOUT_PRIVILEGE = [sys.executable, "-c", _WITHOUT_PRIVILEGE]


def with_files_upto(size: int) -> list[str]:
    return [sys.executable, "-c", _LIMITED, str(size)]


def environment(url: str) -> Mapping[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("THULIUM_")}
    system = {"THULIUM_URL": url, "THULIUM_USER": "demo", "THULIUM_PASSWORD": "demo"}
    return mine | system | {"PYTHONPATH": str(TESTS.parent)}


def start(
    arguments: Sequence[object], *, url: str = "", program: Sequence[str] = PROGRAM, before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, *program, *map(str, arguments)],
        env=environment(url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    *arguments: object, url: str = "", program: Sequence[str] = PROGRAM, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    with start(arguments, url=url, program=program, before=before) as process:
        output, errors = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@dataclass(frozen=True)
class Asked:
    """The dates of one request."""

    date_from: datetime
    date_to: datetime


class Watch:
    """Records requests and passes them on. From number `hold_at` on, it holds each request until its client leaves.

    The request number `hold_at` also kills the process in `victim`, if there is one.
    """

    def __init__(self, app: ASGIApp, *, hold_at: int | None = None) -> None:
        self.asked: list[Asked] = []
        self.is_holding = threading.Event()
        self.victim: queue.SimpleQueue[subprocess.Popen[str]] | None = None
        self._app, self._hold_at = app, hold_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.append(_asked(scope))
            if self._hold_at is not None and len(self.asked) >= self._hold_at:
                self._strike()
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
        await self._app(scope, receive, send)

    def _strike(self) -> None:
        if self.victim is not None and not self.is_holding.is_set():
            self.victim.get().kill()
        self.is_holding.set()


def _asked(scope: Scope) -> Asked:
    query = parse_qs(scope["query_string"].decode())
    return Asked(*(datetime.fromisoformat(query[name][0]) for name in ("date_from", "date_to")))


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mounts a new file system in memory. Raises CalledProcessError if this machine does not allow it."""
    folder.mkdir(exist_ok=True)
    _quietly("mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder))
    try:
        yield
    finally:
        _quietly("umount", str(folder))


def remount(folder: Path, *options: str) -> None:
    _quietly("mount", "-o", ",".join(("remount", *options)), str(folder))


def can_mount(folder: Path) -> bool:
    try:
        with mounted(folder, "size=64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _quietly(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)

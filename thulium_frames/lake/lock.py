"""The lock that lets one process write to a lake on this machine."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from thulium_frames.errors import LakeLockedError

LOCK = ".thulium_frames.lock"


@contextmanager
def locked(lake: Path) -> Iterator[None]:
    """Hold the lock of the lake in this folder. A lock left by a killed process does not count.

    Raises LakeLockedError, which names the holder, while another process holds it.
    """
    import filelock  # loads slowly, and readers need none

    path = lake / LOCK
    lock = filelock.FileLock(path, timeout=0, on_acquired=_sign)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise LakeLockedError(
            f"{lake} is being written by {_holder(path)}.\nWait until it ends, then run the same command again"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.write(
        handle,
        f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n".encode(),
    )


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except (OSError, ValueError):
        return "another process"

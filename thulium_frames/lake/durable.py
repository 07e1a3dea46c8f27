"""Local files that are whole or not there: staged beside their place, made durable, then put in it by one rename."""

import errno
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_log = logging.getLogger("thulium_frames")

_STAGED = ".staging"
#: What file systems and systems say that cannot flush a folder: SMB, FUSE, Windows.
_CANNOT_FLUSH = {
    *(errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF),
    *(errno.EACCES, errno.EPERM, errno.EISDIR),
}
#: Windows refuses to replace or remove a file that somebody reads. Readers need a moment: 5 seconds in all.
_TRIES = 9
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a hidden path beside `target` to write to. On success it replaces `target` and survives a power cut.

    When the block raises, the staged file is removed and `target` is as it was. A file that was there keeps its mode.
    """
    staged = target.with_name(f".{target.name}{_STAGED}")
    try:
        mode = _mode_of(target)
        if mode is not None:
            staged.touch(0o600)  # closed to others until it has that mode
        yield staged
        sync(staged, mode)
        _replace(staged, target)
        sync(target.parent)
    except BaseException:
        _remove_if_possible(staged)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that its entry survives a power cut too."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def remove(path: Path) -> None:
    """Remove a file, also one that others read for a moment longer. Its removal survives a power cut."""
    _patiently(path.unlink)
    sync(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process staged in this folder, except what another program holds open."""
    for staged in folder.glob(f".*{_STAGED}"):
        _remove_if_possible(staged)


def is_staged(name: str) -> bool:
    """Whether a file of this name is one that `replacing` stages."""
    return name.startswith(".") and name.endswith(_STAGED)


def sync(path: Path, mode: int | None = None) -> None:
    """fsync a file, after giving it this mode, or a folder where the system can do that."""
    if path.is_dir():
        _sync_folder(path)
        return
    with path.open("r+b") as file:  # Windows flushes only what may be written
        if mode is not None and mode != _mode_of(path):
            with suppress(OSError):  # some file systems have one mode for all files
                path.chmod(mode)
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
        _warn_of_folders()


@cache
def _warn_of_folders() -> None:
    """Once per process."""
    _log.warning("folders cannot be flushed here: after a power cut the newest files may be missing")


def _mode_of(path: Path) -> int | None:
    """The mode of a file. None when there is no file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _replace(staged: Path, target: Path) -> None:
    try:
        _patiently(lambda: staged.replace(target))
    except PermissionError as error:
        reason = "another program holds the file open, or it is protected; the old file is kept"
        raise PermissionError(error.errno, reason, str(target)) from error


def _remove_if_possible(staged: Path) -> None:
    with suppress(FileNotFoundError, PermissionError):
        _patiently(staged.unlink)


def _patiently(act: Callable[[], object]) -> None:
    """Do it, and try again for a few seconds while it is refused."""
    try:
        act()
    except PermissionError as error:
        _keep_trying(act, error)


def _keep_trying(act: Callable[[], object], first: PermissionError) -> None:
    import tenacity  # loads slowly, and is rarely needed

    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PermissionError),
        stop=tenacity.stop_after_attempt(_TRIES),
        wait=tenacity.wait_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        reraise=True,
    ):
        with attempt:
            if attempt.retry_state.attempt_number == 1:
                raise first
            act()

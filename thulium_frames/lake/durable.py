"""Local files that are whole or not there: staged beside their place, made durable, then put in it by one rename."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STAGED = ".staging"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a hidden path beside `target` to write to. On success it replaces `target` and survives a power cut.

    When the block raises, the staged file is removed and `target` is as it was.
    """
    staged = target.with_name(f".{target.name}{_STAGED}")
    try:
        yield staged
        sync(staged)
        staged.replace(target)
        sync(target.parent)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that its entry survives a power cut too."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process staged in this folder."""
    for staged in folder.glob(f".*{_STAGED}"):
        staged.unlink(missing_ok=True)


def is_staged(name: str) -> bool:
    """Whether a file of this name is one that `replacing` stages."""
    return name.startswith(".") and name.endswith(_STAGED)


def sync(path: Path) -> None:
    """fsync a file, or a directory where the operating system can."""
    if os.name != "posix" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

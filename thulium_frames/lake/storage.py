"""Where a lake lives: the few things that a lake needs of that place, and the local folder that does them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from thulium_frames.errors import LakeDamagedError, LakeError
from thulium_frames.lake.durable import is_staged, make_folder, remove, remove_leftovers, replacing
from thulium_frames.lake.lock import LOCK, locked

if TYPE_CHECKING:
    import pyarrow as pa

#: What to do where nothing blocks the lake, but the machine has no more of something.
_REMEDIES = {
    errno.EMFILE: "This process may not open more files: allow it more with `ulimit -n`",
    errno.ENFILE: "The machine cannot open more files: end programs that hold many",
    errno.ENOMEM: "The machine has no memory left: end other programs",
}


class Storage(Protocol):
    """A place that holds whole files by their names, which have a `/` between folders.

    Methods raise OSError when the place cannot be read or written, and `failure` puts that in words. `str()` of a
    storage is the address of the lake.
    """

    @property
    def folder(self) -> Path:
        """The folder of a lake on this machine. Raises LakeError for a lake elsewhere."""
        ...

    def address_of(self, name: str) -> Path | str:
        """What other readers open the file by: a path or a URL."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """The names that begin with `prefix`, in no order. Files that the storage itself needs are not among them."""
        ...

    def has(self, name: str) -> bool: ...

    def read(self, name: str) -> bytes: ...

    def tail(self, name: str, size: int) -> tuple[bytes, int]:
        """The last bytes of a file, at most so many, and how many it has in all."""
        ...

    def open(self, name: str) -> pa.NativeFile:
        """The file for reading at any place. It stays the same file when `put` replaces it meanwhile."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Write a file, or replace it as a whole. It is durable on return. When this fails, all is as it was."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file. Its removal is durable on return."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """Hold the lake for writing, and clear away what a killed writer left.

        Raises LakeLockedError while another writer holds it.
        """
        ...

    def failure(self, error: OSError) -> LakeError:
        """What an error of this place means for the lake, and what to do."""
        ...


class LocalFolder:
    """A lake in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def address_of(self, name: str) -> Path:
        return self.folder / name

    def list(self, prefix: str = "") -> Iterator[str]:
        if not self.folder.is_dir():
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(prefix) and entry.name != LOCK and not is_staged(entry.name):
                    yield from _files_in(entry, entry.name) if entry.is_dir() else [entry.name]

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def tail(self, name: str, size: int) -> tuple[bytes, int]:
        with open(os.path.join(self.folder, name), "rb") as file:  # noqa: PTH118, PTH123  # paths take their time
            whole = file.seek(0, os.SEEK_END)
            file.seek(max(0, whole - size))
            return file.read(), whole

    def open(self, name: str) -> pa.NativeFile:
        from pyarrow import OSFile  # loads slowly

        return OSFile(str(self.folder / name))

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / name
        is_new = not path.parent.is_dir()
        try:
            make_folder(path.parent)
            with replacing(path) as staged:
                staged.write_bytes(content)
                if staged.read_bytes() != content:
                    raise LakeDamagedError(f"{staged} does not hold what was written: check the disk")
        except BaseException:
            if is_new:
                with suppress(OSError):
                    path.parent.rmdir()
            raise

    def delete(self, name: str) -> None:
        remove(self.folder / name)

    @contextmanager
    def hold(self) -> Iterator[None]:
        make_folder(self.folder)
        with locked(self.folder):
            self._clear_leftovers()
            yield

    def _clear_leftovers(self) -> None:
        """Remove staged files, and the empty folders that were made for them."""
        remove_leftovers(self.folder)
        for folder in self.folder.glob("*=*"):
            remove_leftovers(folder)
            with suppress(OSError):
                folder.rmdir()  # fails unless it is empty

    def failure(self, error: OSError) -> LakeError:
        blocking = next((folder for folder in (self.folder, *self.folder.parents) if folder.is_file()), error.filename)
        at = f" ({blocking})" if blocking else ""
        reason = os.strerror(error.errno) if error.errno in _REMEDIES else error.strerror
        remedy = _REMEDIES.get(error.errno or 0, "Days already written are whole. Remove what blocks it")
        return LakeError(
            f"the lake {self.folder} cannot be used: {reason or error}{at}.\n{remedy}, then run the same command again"
        )


def storage_at(path: str | os.PathLike[str]) -> Storage:
    """The storage of the lake at this path, in which `~` is the home folder."""
    return LocalFolder(Path(os.path.expanduser(path)))  # noqa: PTH111  # leaves the name of an unknown user as it is


def _files_in(folder: os.DirEntry[str], name: str) -> Iterator[str]:
    """The names of the files in a folder of this name, and in those below it. Links to folders are not followed."""
    with os.scandir(folder.path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_in(entry, f"{name}/{entry.name}")
            elif entry.is_file() and not is_staged(entry.name):
                yield f"{name}/{entry.name}"

"""Where `-o` leads, and how it is written: a file as a whole or not at all, a pipe or a device by its bytes."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from thulium_frames.cli.say import say
from thulium_frames.errors import SettingsError, ThuliumFramesError

_MOST_LINKS = 40
#: Folders of the files that a process holds open. What stands in them looks like links, but leads to no name.
_HANDLES = re.compile(r"/dev/fd|/proc/(?P<process>\d+)(/task/\d+)?/fd")


@dataclass(frozen=True)
class Output:
    """What `-o` names. `place` is where the links of the name lead."""

    name: Path
    place: Path

    def __str__(self) -> str:
        return str(self.name)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, or will be one. Anything else is written into, and never replaced."""
        return not (_is_handle(self.place) or (self.place.exists() and not self.place.is_file()))

    @property
    def is_stdout(self) -> bool:
        try:
            return sys.stdout is not None and os.path.samestat(self.place.stat(), os.fstat(sys.stdout.fileno()))
        except (OSError, ValueError):  # one of them is no file of the system
            return False

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Yield a path to write to. What was there stays until all is written. Raises SettingsError."""
        from thulium_frames.lake import replacing  # frames load slowly

        try:
            with replacing(self.place) if self.is_file else _pouring(self.place) as path:
                yield path
        except (ThuliumFramesError, BrokenPipeError):  # a reader may leave
            raise
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(f"{self} cannot be written: {reason}. Name another with -o") from error

    def tell(self, text: str) -> None:
        """Tell people about it, not among what is written there."""
        say(text, err=self.is_stdout)


def output_at(name: str) -> Output:
    """What this name stands for; `~` is the home folder. Raises SettingsError when no file can be there."""
    path = Path(os.path.expanduser(name))  # noqa: PTH111  # leaves the name of an unknown user as it is
    try:
        output = Output(path, _followed(path))
        if output.place.is_dir() or name.endswith(os.sep):
            raise SettingsError(f"{path} is a folder: name a file in it")
        if not output.place.parent.is_dir():
            raise SettingsError(f"there is no folder {output.place.parent}: make it first")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}. Name another with -o") from error
    return output


def output_option(help_text: str, *, default: str | None = None) -> Callable[..., Any]:
    """Give a command `-o`; it gets an `Output`."""
    return click.option(
        "-o", "--output", metavar="FILE", default=default, show_default=True, callback=_to_output, help=help_text
    )


def _to_output(_context: click.Context, _option: click.Parameter, name: str | None) -> Output | None:
    return None if name is None else output_at(name)


def _followed(path: Path) -> Path:
    for _ in range(_MOST_LINKS):
        if _is_handle(path) or not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise SettingsError(f"{path} is a link that leads back to itself: name another with -o")


def _is_handle(path: Path) -> bool:
    return _HANDLES.fullmatch(_folder_of(path)) is not None


def _folder_of(path: Path) -> str:
    return os.path.realpath(path.parent)


@contextmanager
def _pouring(place: Path) -> Iterator[Path]:
    """Yield a path to write to. Its bytes are then copied into the pipe or device, which is open from the start."""
    with _opened(place) as sink, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "output")
        yield path
        with path.open("rb") as source:
            shutil.copyfileobj(source, sink)
        sink.flush()


def _opened(place: Path) -> Any:
    """A pipe or device, neither made nor emptied. A file that this process holds open goes on where it is."""
    found = _HANDLES.fullmatch(_folder_of(place))
    if found and found["process"] in (None, str(os.getpid())):
        return os.fdopen(os.dup(int(place.name)), "wb")
    return os.fdopen(os.open(place, os.O_WRONLY), "wb")

"""The way out: every line that a command prints for people or scripts goes through here."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

#: Commands of a terminal, and marks that turn the direction of writing or break a line.
_CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_REPLACED = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = {code: f"\\u{code:04x}" for code in _CONTROLS}


class OutputError(click.ClickException):
    """What a command has to say cannot be written: a full device, for example."""

    exit_code = 2

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the output cannot be written: {error.strerror or error}")


def prepare_streams() -> None:
    """Characters that the encoding of a terminal or pipe cannot hold are replaced from now on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def shown(text: str) -> str:
    """One line of text that no terminal takes for a command."""
    return text.translate(_REPLACED)


def say(*lines: str, err: bool = False) -> None:
    """Print lines for people."""
    _write("".join(f"{shown(line)}\n" for line in lines), sys.stderr if err else sys.stdout)


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON value. Characters that the encoding cannot hold are escaped."""
    text = json.dumps(content, ensure_ascii=False, default=str)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeError:
        text = json.dumps(content, default=str)
    _write(f"{text.translate(_ESCAPED)}\n", sys.stdout)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr if that is a terminal. Yields a function that takes the number done and the total."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from thulium_frames.cli.screen import progress_bar  # the terminal library loads slowly

    with progress_bar(what) as show:
        yield show


def _write(text: str, stream: TextIO | None) -> None:
    with outlet(stream):
        if stream is not None:  # it was closed before the program began
            stream.write(text)
            stream.flush()


@contextmanager
def outlet(stream: TextIO | None) -> Iterator[None]:
    """What is written to a stream within this block is lost once its reader has left; the command goes on.

    Raises OutputError when stdout cannot be written for another reason. Of stderr nobody can be told.
    """
    try:
        yield
    except OSError as error:
        abandon(stream)
        if not isinstance(error, BrokenPipeError) and stream is not sys.stderr:
            raise OutputError(error) from error


def abandon(stream: TextIO | None) -> None:
    """Let what is still written to a stream vanish, so that nothing fails when the program ends."""
    with suppress(OSError, ValueError, AttributeError):  # there is no stream, or it is not one of the system
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]  # None has no fileno
        os.close(nowhere)


def settle_streams() -> None:
    """Let nothing be left over that the end of the program would stumble over."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            abandon(stream)

"""The program: how it is started, and how it runs within the process of the tests, which costs no start."""

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import vl_convert

from thulium_frames.cli import run

ROOT = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-m", "thulium_frames"]

_bundle_once = cache(vl_convert.javascript_bundle)


def environment(url: str = "", **more: str) -> dict[str, str]:
    """The environment of a program that reads this system as `demo`. Names without a value are left out."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("THULIUM_")}
    system = {"THULIUM_URL": url, "THULIUM_USER": "demo", "THULIUM_PASSWORD": "demo", "PYTHONPATH": str(ROOT)}
    return mine | {name: value for name, value in (system | more).items() if value}


def here(
    *arguments: object, url: str = "", cwd: Path | None = None, encoding: str = "utf-8", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the program with these arguments within this process.

    It shows what a command does, says and ends with. Signals, pipes, handles and kills need a process of its own.
    """
    with ExitStack() as around:
        output, errors = around.enter_context(_streams(encoding))
        around.enter_context(_as_in_a_new_process())
        around.enter_context(mock.patch.dict(os.environ, environment(url, **more), clear=True))
        if cwd is not None:
            around.enter_context(chdir(cwd))
        code = run(command := [str(argument) for argument in arguments])
        texts = [stream.getvalue().decode(encoding) for stream in (output, errors)]
    return subprocess.CompletedProcess(command, code, *texts)


@contextmanager
def _streams(encoding: str) -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    """What is written to stdout and stderr, which are as the interpreter opens them when they are piped."""
    output, errors = io.BytesIO(), io.BytesIO()
    with (
        Path(os.devnull).open() as nothing,
        mock.patch("sys.stdin", nothing),
        mock.patch("sys.stdout", io.TextIOWrapper(output, encoding)),
        mock.patch("sys.stderr", io.TextIOWrapper(errors, encoding, "backslashreplace")),
    ):
        yield output, errors


@contextmanager
def _as_in_a_new_process() -> Iterator[None]:
    """The program configures logging and signals, which are as before afterwards."""
    root, own = logging.getLogger(), logging.getLogger("thulium_frames")
    levels, before = (root.level, own.level), signal.getsignal(signal.SIGTERM)
    with (
        mock.patch.object(root, "handlers", []),
        mock.patch("vl_convert.javascript_bundle", _bundle_once),  # it is always the same, and takes seconds
    ):
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
            root.setLevel(levels[0])
            own.setLevel(levels[1])

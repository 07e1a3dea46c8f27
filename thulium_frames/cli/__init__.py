"""The command line: the only place that prints, exits, or configures logging.

Frames, Arrow and the terminal library load slowly. Only the commands that use them load them, so help appears at once.
"""

from __future__ import annotations

import io
import logging
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from thulium_frames.cli.memory import save_memory
from thulium_frames.cli.options import HELP, debug_option
from thulium_frames.cli.say import OutputError, abandon, prepare_streams, say, settle_streams, shown
from thulium_frames.errors import ThuliumFramesError

_COMMANDS = ("demo", "doctor", "export", "fetch", "report", "serve", "status", "verify")
_INTERRUPTED = 130


class _TerminatedError(BaseException):
    """SIGTERM came. The program unwinds as after Ctrl-C, so that it leaves nothing behind."""


class _Commands(click.Group):
    """The commands, each in a module of its own, which is loaded when it is asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        for wanted in [name] if name in _COMMANDS else _COMMANDS:  # click suggests one of all that are loaded
            self.commands[wanted] = getattr(import_module(f"{__name__}.{wanted}"), wanted)
        return self.commands.get(name)


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(package_name="thulium-frames", message="%(prog)s %(version)s")
@debug_option
def cli() -> None:
    """Thulium call records as frames, files and a Parquet lake.

    \b
    Example:
      thulium-frames demo lake
      thulium-frames export lake --url acme --user api_user --from 2024-07-01
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    save_memory()
    prepare_streams()
    _configure_logging()
    try:
        return cli.main(list(arguments), prog_name="thulium-frames", standalone_mode=False) or 0
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except _TerminatedError:
        return 128 + signal.SIGTERM
    except click.ClickException as error:
        return _refused(error)
    except ThuliumFramesError as error:
        return _failed(error, error.exit_code)
    except SystemExit:  # click raises it when the reader of help or of a file has gone
        return 0
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:  # of help, which click prints itself
            abandon(sys.stdout)
            return _refused(OutputError(error))
        return _failed(error, 1)
    finally:
        settle_streams()


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(shown, super().format(record).split("\n")))


def _configure_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _refused(error: click.ClickException) -> int:
    text = io.StringIO()
    error.show(text)
    say(*text.getvalue().rstrip("\n").split("\n"), err=True)
    return error.exit_code


def _failed(error: Exception, code: int) -> int:
    if logging.getLogger("thulium_frames").isEnabledFor(logging.DEBUG):
        text = "".join(traceback.format_exception(error)).rstrip("\n")
    elif isinstance(error, ThuliumFramesError):
        text = f"Error: {error}"
    else:
        text = f"Error: unexpected {type(error).__name__}: {error}\nRun again with --debug and report it"
    say(*text.split("\n"), err=True)
    return code


def _terminate(*_: object) -> NoReturn:
    raise _TerminatedError

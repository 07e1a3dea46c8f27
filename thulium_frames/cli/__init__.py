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
from typing import NoReturn

import click

from thulium_frames.cli.demo import demo
from thulium_frames.cli.doctor import doctor
from thulium_frames.cli.export import export
from thulium_frames.cli.fetch import fetch
from thulium_frames.cli.options import HELP, debug_option
from thulium_frames.cli.report import report
from thulium_frames.cli.say import OutputError, abandon, prepare_streams, say, settle_streams, shown
from thulium_frames.cli.serve import serve
from thulium_frames.cli.status import status
from thulium_frames.cli.verify import verify
from thulium_frames.errors import ThuliumFramesError

_INTERRUPTED = 130


class _TerminatedError(BaseException):
    """SIGTERM came. The program unwinds as after Ctrl-C, so that it leaves nothing behind."""


@click.group(context_settings=HELP)
@click.version_option(package_name="thulium-frames", message="%(prog)s %(version)s")
@debug_option
def cli() -> None:
    """Thulium call records as frames, files and a Parquet lake.

    \b
    Example:
      thulium-frames demo lake
      thulium-frames export lake --url acme --user api_user --from 2024-07-01
    """


for _command in (export, fetch, status, verify, report, demo, serve, doctor):
    cli.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
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

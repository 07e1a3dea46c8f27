"""The command line within a shell line, as people write them: redirections, pipes, a home folder."""

import subprocess
from pathlib import Path

from tests.program import PROGRAM, environment


def sh(
    line: str, *arguments: object, url: str = "", cwd: Path, encoding: str = "utf-8", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which "$@" is the program with these arguments. `PIPESTATUS` is its exit code."""
    return subprocess.run(
        ["bash", "-c", f"{line}\nexit ${{PIPESTATUS[0]}}", "bash", *PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=environment(url, **{"HOME": str(cwd), **more}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding=encoding,
        check=False,
        timeout=300,
    )

"""The command line within a shell line, as people write them: redirections, pipes, a home folder."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "thulium_frames")


def sh(
    line: str, *arguments: object, url: str = "", cwd: Path, encoding: str = "utf-8", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which "$@" is the program with these arguments. `PIPESTATUS` is its exit code."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("THULIUM_")}
    system = {"THULIUM_URL": url, "THULIUM_USER": "demo", "THULIUM_PASSWORD": "demo", "HOME": str(cwd)}
    system |= {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", f"{line}\nexit ${{PIPESTATUS[0]}}", "bash", *PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=mine | {name: value for name, value in (system | more).items() if value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding=encoding,
        check=False,
        timeout=300,
    )

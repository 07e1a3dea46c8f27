"""Processes: the server, and the measured commands."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import msgspec
import tenacity

from tests.benchmarks.certificates import Certificates

ROOT: Final = Path(__file__).parents[2]
_LAUNCHER: Final = [sys.executable, "-S", "-E", str(Path(__file__).with_name("launcher.py"))]
_START_SECONDS: Final = 30.0
_ERROR: Final = re.compile(r"^[\w.]+(?:Error|Exception): .*", re.MULTILINE)
#: Switches off the telemetry of the peers.
_SILENT: Final = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DAFT_ANALYTICS_ENABLED": "0", "DO_NOT_TRACK": "true"}


class Cost(msgspec.Struct, frozen=True):
    """What one process used from its start to its end, in seconds and in megabytes of 10^6 bytes."""

    exit_code: int
    wall: float
    cpu: float
    peak_mb: float
    output: str = ""

    @property
    def failure(self) -> str | None:
        """The message of a failed process: its last line that names an error, otherwise its last line."""
        said = _ERROR.findall(self.output) or [self.output.strip().rsplit("\n", 1)[-1]]
        return f"exit code {self.exit_code}: {said[-1]}"[:200] if self.exit_code else None


def measured(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command to its end."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("THULIUM_")}
    done = subprocess.run(
        [*_LAUNCHER, *command],
        cwd=ROOT,
        env={**mine, **_SILENT, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    cost = msgspec.json.decode(done.stdout, type=Cost)
    return msgspec.structs.replace(cost, output=done.stderr.decode(errors="replace"))


def until_first_request(command: Sequence[str]) -> Cost:
    """Start a command, and end it once its first request has come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_START_SECONDS)
        settings = {
            "THULIUM_URL": f"http://127.0.0.1:{server.getsockname()[1]}",
            "THULIUM_USER": "demo",
            "THULIUM_PASSWORD": "demo",
        }
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdin=subprocess.DEVNULL)
        try:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
            wall = time.perf_counter() - began
        finally:
            process.kill()
            _, _, usage = os.wait4(process.pid, 0)
    return Cost(0, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


@dataclass(frozen=True)
class System:
    """A running server."""

    url: str
    certificates: Certificates | None = None

    def requests(self) -> int:
        """How many requests the API got since the last call of this method."""
        trust = ssl.create_default_context(cafile=self.certificates.authority) if self.certificates else True
        return int(httpx.get(f"{self.url}/reset", verify=trust).json()["requests"])


@contextmanager
def serving(folder: Path, rows: int, *options: str, certificates: Certificates | None = None) -> Iterator[System]:
    """A server of the first `rows` records of an archive, over TLS when there are certificates."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.server", str(folder)]
    command += ["--port", str(port), "--rows", str(rows), *options]
    if certificates:
        command += ["--chain", str(certificates.chain), "--key", str(certificates.key)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        system = System(f"http{'s' if certificates else ''}://127.0.0.1:{port}", certificates)
        _await(system, process)
        yield system
    finally:
        process.terminate()
        process.wait()


def _await(system: System, process: subprocess.Popen[bytes]) -> None:
    """Ask again until the server answers or has ended."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, httpx.TransportError)),
        stop=lambda state: process.poll() is not None or (state.seconds_since_start or 0) > _START_SECONDS,
        wait=tenacity.wait_fixed(0.02),
    )
    try:
        retrying(system.requests)
    except tenacity.RetryError as error:
        raise RuntimeError("the server did not start: install the extra `bench`") from error

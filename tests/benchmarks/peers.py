"""The programs that are measured, and the command of each."""

import sys
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.benchmarks.archive import FIRST_DAY
from tests.benchmarks.certificates import Certificates


@dataclass(frozen=True)
class Errand:
    """One export: its source, its size, its target folder, and the most requests that we may have in flight."""

    url: str
    rows: int
    last_day: date
    folder: Path
    workers: int | None = None
    certificates: Certificates | None = None

    @property
    def environment(self) -> dict[str, str]:
        system = {"THULIUM_URL": self.url, "THULIUM_USER": "demo", "THULIUM_PASSWORD": "demo"}
        system |= self.certificates.environment if self.certificates else {}
        return system | {"FIRST_DAY": str(FIRST_DAY), "LAST_DAY": str(self.last_day)}


@dataclass(frozen=True)
class Peer:
    """A program. `in_flight` is how many requests it may have at once; 0 means as many as the errand allows."""

    name: str
    script: str
    needs: tuple[str, ...]
    in_flight: int = 1

    @property
    def missing(self) -> str | None:
        """Why the program cannot run; None if it can."""
        absent = [name for name in self.needs if find_spec(name) is None]
        return f"{', '.join(absent)} is not installed" if absent else None

    @property
    def is_ours(self) -> bool:
        return self.in_flight == 0

    def command(self, errand: Errand) -> list[str]:
        arguments = [errand.url, errand.rows, errand.folder, self.in_flight or errand.workers or 0]
        return [sys.executable, "-m", f"tests.benchmarks.scripts.{self.script}", *map(str, arguments)]


class Export(Peer):
    """Our command line. The script names the HTTP library that sends its requests."""

    def command(self, errand: Errand) -> list[str]:
        dates = ["--from", str(FIRST_DAY), "--to", str(errand.last_day)]
        export = [*self._program, "export", str(errand.folder)]
        return [*export, *dates, *(["--workers", str(errand.workers)] if errand.workers else [])]

    @property
    def _program(self) -> list[str]:
        return [sys.executable, "-m", "tests.benchmarks.scripts.export_by", self.script]


class FixedExport(Export):
    """Our command line with a fixed number of requests in flight, which the script tells."""

    @property
    def _program(self) -> list[str]:
        return [sys.executable, "-m", "tests.benchmarks.scripts.fixed_export", self.script]


YARDSTICK: Final = Peer("httpx", "httpx_loop", ("httpx",))
EXPORT: Final = Export("export", "httpx", (), in_flight=0)
FAST_EXPORT: Final = Export("export fast", "pyreqwest", ("pyreqwest",), in_flight=0)
PEERS: Final = (
    YARDSTICK,
    Peer("httpx+polars", "httpx_polars", ("httpx", "polars")),
    Peer("daft", "daft_lake", ("daft",), in_flight=32),
    Peer("duckdb", "duckdb_lake", ("duckdb", "duckdb_extension_httpfs"), in_flight=8),
    Peer("polars-api", "polars_api_lake", ("polars_api",), in_flight=32),
    Peer("dlt", "dlt_lake", ("dlt",)),
    EXPORT,
    FAST_EXPORT,
    Peer("to_polars", "to_polars", (), in_flight=0),
)

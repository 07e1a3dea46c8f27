"""The conditions of the measurements. Peers run in turns, so a slow minute of the machine affects all of them."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from tests.benchmarks import analysis
from tests.benchmarks.archive import FIRST_DAY, build, load
from tests.benchmarks.certificates import issue
from tests.benchmarks.lakes import findings, make_lake, truth_of
from tests.benchmarks.peers import EXPORT, FAST_EXPORT, PEERS, YARDSTICK, Errand, FixedExport, Peer
from tests.benchmarks.process import Cost, System, measured, serving, until_first_request
from tests.benchmarks.results import Outcome, Result, Run

_PAGE: Final = 100
#: As many requests the system of the job found works on at once.
_CAPACITY: Final = 8
_THREE_YEARS: Final = date(2023, 12, 31)
_PROGRAM: Final = str(Path(sys.executable).with_name("thulium-frames"))
_STARTS: Final = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import thulium_frames": [sys.executable, "-c", "import thulium_frames"],
    "thulium-frames --help": [_PROGRAM, "--help"],
}
#: What is measured until its first request.
_FIRST_REQUESTS: Final = {
    "export, first request": ["export", "{lake}", "--from", str(FIRST_DAY)],
    "fetch, first request": ["fetch", "--from", str(FIRST_DAY)],
}
_DAYS_OF_THREE_YEARS: Final = 1_096
#: The peers of the job tls: how every other program trusts a private authority is its own affair.
_OVER_TLS: Final = (YARDSTICK, EXPORT, FAST_EXPORT)


@dataclass(frozen=True)
class Job:
    """One condition: a number of rows from a server with these options."""

    name: str
    rows: int
    note: str = ""
    server: Sequence[str] = ()
    is_faulty: bool = False
    dirty: bool = False
    workers: int | None = None
    only_ours: bool = False
    tls: bool = False

    def has(self, peer: Peer) -> bool:
        return (peer.is_ours or not self.only_ours) and (peer in _OVER_TLS or not self.tls)


def jobs(rows: Sequence[int]) -> list[Job]:
    """The jobs for these sizes. Faults are measured with the smallest size only."""
    few = min(rows)
    return [
        *(Job("download", number) for number in rows),
        Job("latency", 20_000, ", 50 ms a request", ("--latency", "0.05")),
        Job(
            "bounded",
            20_000,
            ", 50 ms a request, ours with --workers 8",
            ("--latency", "0.05"),
            workers=8,
            only_ours=True,
        ),
        Job("limit", 50_000, ", 100 requests a second, the others get 429", ("--limit", "100")),
        Job("unstable", few, ", equal dates in another order each time", ("--unstable",), is_faulty=True),
        Job("dirty", few, ', now and then "" for a number, or an unknown field', is_faulty=True, dirty=True),
        Job("tls", max(rows), ", over TLS", tls=True),
        *(Job("memory", number, ", ours alone", only_ours=True) for number in (50_000, 1_000_000)),
    ]


#: Jobs without the peers of an export.
OTHERS: Final = ("found", "noop", "startup", *analysis.JOBS)


class Bench:
    """Runs jobs in its own folder, and builds each archive once."""

    def __init__(self, folder: Path, runs: int, peers: Sequence[str], legs: int, tell: Callable[[str], object]) -> None:
        self._folder, self._runs, self._legs, self._tell = folder, runs, legs, tell
        self._peers = [peer for peer in PEERS if peer.name in peers]

    def results(self, chosen: Sequence[Job], others: Sequence[str]) -> Iterator[Result]:
        """Yields each result as soon as its job is done."""
        for dirty in (False, True):
            if same := [job for job in chosen if job.dirty == dirty]:
                archive = self._archive("dirty" if dirty else "clean", max(job.rows for job in same), dirty=dirty)
                for job in same:
                    yield self._compare(job, archive)
        for name, result in {"found": self._found, "noop": self._noop, "startup": self._startup}.items():
            if name in others:
                yield result()
        if set(analysis.JOBS) & set(others):
            yield from analysis.results(self._folder, self._legs, self._runs, others, self._tell)

    def _archive(self, name: str, rows: int, *, dirty: bool = False, calls_per_day: int = 800) -> Path:
        self._tell(f"inventing {rows:,} calls")
        folder = self._folder / name
        folder.mkdir()
        build(folder, rows, dirty=dirty, calls_per_day=calls_per_day)
        return folder

    def _compare(self, job: Job, folder: Path) -> Result:
        archive = load(folder, job.rows)
        truth = truth_of(archive) if job.is_faulty else None
        certificates = issue(self._folder / "certificates") if job.tls else None
        peers = [peer for peer in self._peers if job.has(peer)]
        runs: dict[str, list[Run]] = {peer.name: [] for peer in peers}
        with serving(folder, job.rows, *job.server, certificates=certificates) as system:
            errand = Errand(system.url, job.rows, archive.last_day, self._folder / "lake", job.workers, certificates)
            for number in range(self._runs):
                self._round(f"{job.name} {job.rows:,}, round {number + 1}", system, errand, runs, truth)
        title = f"{job.name}: {job.rows:,} rows, {archive.bytes_per_row:.0f} bytes of JSON each{job.note}"
        outcomes = [Outcome(peer.name, runs[peer.name], peer.missing) for peer in peers]
        return Result(job.name, title, outcomes, -(-job.rows // _PAGE))

    def _round(
        self, title: str, system: System, errand: Errand, runs: Mapping[str, list[Run]], truth: pl.DataFrame | None
    ) -> None:
        """Runs every peer once, except those that failed before."""
        yardstick = None
        for peer in self._peers:
            earlier = runs.get(peer.name)
            if earlier is None or peer.missing or any(run.cost.exit_code for run in earlier):
                continue
            self._tell(f"{title}: {peer.name}")
            run = self._run(peer, system, errand, truth)
            if peer is YARDSTICK and not run.cost.exit_code:
                yardstick = run.cost.wall
            earlier.append(msgspec.structs.replace(run, ratio=run.cost.wall / yardstick if yardstick else None))

    def _run(self, peer: Peer, system: System, errand: Errand, truth: pl.DataFrame | None) -> Run:
        with _empty(errand.folder):
            system.requests()
            cost = measured(peer.command(errand), errand.environment)
            return Run(cost, system.requests(), findings(errand.folder, truth))

    def _found(self) -> Result:
        """Compares the number of requests in flight that an export finds with fixed ones, where more are slower."""
        folder = self._archive("slowed", 20_000)
        fixed = [FixedExport(f"{number} fixed", str(number), (), in_flight=0) for number in (4, _CAPACITY, 32)]
        runs: dict[str, list[Run]] = {peer.name: [] for peer in (EXPORT, *fixed)}
        with serving(folder, 20_000, "--latency", "0.02", "--capacity", str(_CAPACITY)) as system:
            errand = Errand(system.url, 20_000, load(folder, 20_000).last_day, self._folder / "lake")
            for number in range(self._runs):
                self._tell(f"found, round {number + 1}")
                for peer in (EXPORT, *fixed):
                    runs[peer.name].append(self._run(peer, system, errand, None))
        title = f"found: 20,000 rows, 20 ms a request, {_CAPACITY} of them at once"
        return Result("found", title, [Outcome(name, several) for name, several in runs.items()], 200)

    def _noop(self) -> Result:
        """Exports three years of a small centre, then measures the same export again, when all days are settled."""
        folder = self._archive("small", 20_000, calls_per_day=20)
        with serving(folder, 20_000) as system, _empty(self._folder / "lake") as lake:
            errand = Errand(system.url, 20_000, _THREE_YEARS, lake)
            self._tell("exporting three years")
            self._again(errand, system)
            runs = [self._again(errand, system) for _ in range(self._runs)]
        return Result("noop", "noop: 1,096 settled days exported again", [Outcome(EXPORT.name, runs)], 0)

    def _again(self, errand: Errand, system: System) -> Run:
        cost = measured(EXPORT.command(errand), errand.environment)
        return Run(cost, system.requests(), findings(errand.folder, None))

    def _startup(self) -> Result:
        """What comes before the work, for example until an export sends its first request."""
        lake = self._folder / "three years"
        make_lake(lake, days=_DAYS_OF_THREE_YEARS)
        starts = {**_STARTS, "status of 1,096 days": [_PROGRAM, "status", str(lake)]}
        costs: dict[str, list[Cost]] = {}
        for _ in range(5 * self._runs):
            for name, command in starts.items():
                costs.setdefault(name, []).append(measured(command, {}))
            for name, arguments in _FIRST_REQUESTS.items():
                with _empty(self._folder / "lake"):
                    given = [argument.format(lake=self._folder / "lake") for argument in arguments]
                    costs.setdefault(name, []).append(until_first_request([_PROGRAM, *given]))
        outcomes = [Outcome(name, [Run(cost) for cost in several]) for name, several in costs.items()]
        return Result("startup", "startup", outcomes)


@contextmanager
def _empty(folder: Path) -> Iterator[Path]:
    """Makes the folder and removes it at the end, with everything that peers put beside it."""
    folder.mkdir()
    try:
        yield folder
    finally:
        for used in folder.parent.glob(f"{folder.name}*"):
            shutil.rmtree(used)

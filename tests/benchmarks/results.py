"""The results of jobs: all as JSON, and each as a table."""

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from os import cpu_count
from statistics import median
from typing import Final

import msgspec
from rich.table import Table

from tests.benchmarks.lakes import Findings
from tests.benchmarks.process import Cost

_PACKAGES: Final = (
    *("thulium-frames", "httpx", "polars", "pyarrow", "pandas", "msgspec", "granian", "pyreqwest"),
    *("daft", "duckdb", "polars-api", "dlt"),
)


class Run(msgspec.Struct, frozen=True):
    """One process, the number of its requests, and what it wrote."""

    cost: Cost
    requests: int | None = None
    found: Findings | None = None
    ratio: float | None = None
    """Its wall time divided by that of the job's yardstick in the same round."""

    @property
    def rows(self) -> int | None:
        """How many rows it wrote, or reports that it read."""
        said = self.cost.output.strip()
        return self.found.rows if self.found else int(said) if said.isdecimal() else None


class Outcome(msgspec.Struct, frozen=True):
    """All runs of one peer, or the reason why it did not run."""

    peer: str
    runs: list[Run]
    not_run: str | None = None

    @property
    def lacks(self) -> str:
        """What the peer did wrong, in words."""
        found = self.runs[-1].found if self.runs else None
        if self.not_run:
            return f"not run: {self.not_run}"
        if failure := next((run.cost.failure for run in self.runs if run.cost.failure), None):
            return f"fails: {failure}"
        if found is None:
            return ""
        named = (
            (found.lost, "rows lost"),
            (found.repeated, "rows twice"),
            (found.changed, "rows with another number"),
            (found.unknown_lost, "unknown fields lost"),
        )
        return ", ".join(f"{number:,} {what}" for number, what in named if number)


class Result(msgspec.Struct, frozen=True):
    """The result of one job."""

    job: str
    title: str
    outcomes: list[Outcome]
    least_requests: int | None = None
    yardstick: str = "httpx"
    """The peer that the ratios refer to."""


class Report(msgspec.Struct, frozen=True):
    """The machine and the packages of the measurement, and all results."""

    machine: str
    python: str
    packages: dict[str, str]
    results: list[Result]


def report(results: Sequence[Result]) -> Report:
    """The results, with all facts that are needed to repeat them."""
    machine = f"{platform.system()} {platform.machine()}, {cpu_count()} cores"
    return Report(machine, platform.python_version(), dict(_versions()), list(results))


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def table(result: Result) -> Table:
    """Medians, each followed by the lowest and the highest value of all runs."""
    shown = Table()
    requests = f"requests\nof {result.least_requests}"
    names = (
        "",
        "wall s",
        f"x {result.yardstick}",
        "CPU s",
        "peak MB",
        requests,
        "rows",
        "bytes\na row",
        "what it lacks",
    )
    rows = [[outcome.peer, *_figures(outcome.runs), outcome.lacks] for outcome in result.outcomes]
    columns = [(name, cells) for name, *cells in zip(names, *rows, strict=True) if any(cells)]
    for name, _ in columns:
        is_text = name in (names[0], names[-1])
        shown.add_column(name, justify="left" if is_text else "right", no_wrap=name != names[-1], max_width=60)
    for row in zip(*(cells for _, cells in columns), strict=True):
        shown.add_row(*row)
    return shown


def _figures(runs: Sequence[Run]) -> Iterator[str]:
    good = [run for run in runs if not run.cost.exit_code]
    yield _spread(good, lambda run: run.cost.wall, _seconds)
    yield _spread(good, lambda run: run.ratio, "{:.2f}".format)
    yield _spread(good, lambda run: run.cost.cpu, _seconds)
    yield _spread(good, lambda run: run.cost.peak_mb, "{:,.0f}".format)
    yield _middle(run.requests for run in good)
    yield _middle(run.rows for run in good)
    yield _middle(run.found.bytes / max(1, run.found.rows) for run in good if run.found)


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _spread(runs: Iterable[Run], figure: Callable[[Run], float | None], shown: Callable[[float], str]) -> str:
    values = [value for run in runs if (value := figure(run)) is not None]
    if not values:
        return ""
    least, middle, most = (shown(function(values)) for function in (min, median, max))
    return middle if least == most else f"{middle} ({least}–{most})"


def _middle(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):,.0f}" if known else ""

"""The cost of figures and of a report, compared with DuckDB on the same lake."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from tests.benchmarks.archive import FIRST_DAY, build, load
from tests.benchmarks.peers import EXPORT, Errand
from tests.benchmarks.process import measured, serving
from tests.benchmarks.results import Outcome, Result, Run

JOBS: Final = ("analysis", "report")
_YARDSTICK: Final = "duckdb"
#: With so many calls a day, the default number of legs covers two years.
_CALLS_PER_DAY: Final = 1_600
_END_OF_YEAR: Final = str(date(FIRST_DAY.year, 12, 31))
_DUCKDB: Final = [sys.executable, "-m", "tests.benchmarks.scripts.duckdb_figures"]
_FIGURES: Final = [sys.executable, "-m", "tests.benchmarks.scripts.figures"]


@dataclass(frozen=True)
class Question:
    """What is asked of a lake, and the commands that answer it: DuckDB's, and ours."""

    job: str
    title: str
    duckdb: list[str]
    ours: list[str]


def _questions(lake: str, page: str) -> list[Question]:
    year = ["--from", str(FIRST_DAY), "--to", _END_OF_YEAR]
    report = [sys.executable, "-m", "thulium_frames", "report", lake, *year, "-o", page]
    return [
        *(
            Question("analysis", f"metrics.{name}", [*_DUCKDB, lake, name], [*_FIGURES, lake, name])
            for name in ("summary", "by_interval", "calls")
        ),
        Question("report", "the report of a year", [*_DUCKDB, lake, "report", _END_OF_YEAR], report),
    ]


def results(
    folder: Path, legs: int, runs: int, chosen: Sequence[str], tell: Callable[[str], object]
) -> Iterator[Result]:
    """One result for each question of the chosen jobs."""
    lake = _lake(folder, legs, tell)
    for question in _questions(str(lake), str(folder / "report.html")):
        if question.job in chosen:
            tell(question.title)
            rounds = [_round(question) for _ in range(runs)]
            outcomes = [Outcome(name, [round_[name] for round_ in rounds]) for name in (_YARDSTICK, "ours")]
            title = f"{question.job}: {question.title}, lake of {legs:,} legs"
            yield Result(question.job, title, outcomes, yardstick=_YARDSTICK)


def _lake(folder: Path, legs: int, tell: Callable[[str], object]) -> Path:
    tell(f"exporting {legs:,} legs")
    source, lake = folder / "analysed", folder / "analysed_lake"
    source.mkdir()
    build(source, legs, calls_per_day=_CALLS_PER_DAY)
    with serving(source, legs) as system:
        errand = Errand(system.url, legs, load(source, legs).last_day, lake)
        cost = measured(EXPORT.command(errand), errand.environment)
    if cost.failure:
        raise RuntimeError(f"the lake to analyse was not made: {cost.failure}")
    return lake


def _round(question: Question) -> dict[str, Run]:
    """DuckDB and then ours, each as a process."""
    theirs, ours = measured(question.duckdb, {}), measured(question.ours, {})
    return {_YARDSTICK: Run(theirs, ratio=1.0), "ours": Run(ours, ratio=ours.wall / theirs.wall)}

"""The benchmarks run in their smallest size. They measure every installed peer; the tests judge no speed."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.benchmarks.scripts import duckdb_figures, figures
from tests.truth import frame_of
from thulium_frames.simulator import Centre

ROWS = 250
PEERS = ["httpx", "httpx+polars", "export", "export fast", "to_polars"]
OVER_TLS = ["httpx", "export", "export fast"]
LEGS = 2_500


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """The printed and the written results."""
    output = tmp_path_factory.mktemp("benchmarks") / "results.json"
    options = ["--rows", str(ROWS), "--runs", "1", "--only", "download", "unstable", "dirty", "tls", "startup"]
    options += ["analysis", "report", "--legs", str(LEGS)]
    command = [sys.executable, "-m", "tests.benchmarks", *options, "--peers", *PEERS, "-o", str(output)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(output.read_bytes())


def test_each_job_is_printed_and_written(told: tuple[str, dict[str, Any]]) -> None:
    printed, written = told
    assert [result["job"] for result in written["results"]] == [
        *("download", "unstable", "tls", "dirty", "startup"),
        *("analysis", "analysis", "analysis", "report"),
    ]
    assert all(result["title"] in printed for result in written["results"])


def test_all_peers_were_measured(told: tuple[str, dict[str, Any]]) -> None:
    download = told[1]["results"][0]
    assert [outcome["peer"] for outcome in download["outcomes"]] == PEERS
    for outcome in download["outcomes"]:
        (run,) = outcome["runs"]
        assert run["cost"]["exit_code"] == 0, run["cost"]["output"]
        assert run["requests"] >= download["least_requests"] == 3


def test_lakes_have_all_rows(told: tuple[str, dict[str, Any]]) -> None:
    lakes = {outcome["peer"]: outcome["runs"][0]["found"] for outcome in told[1]["results"][0]["outcomes"]}
    assert {peer: found and found["rows"] for peer, found in lakes.items()} == {
        "httpx": None,
        "httpx+polars": ROWS,
        "export": ROWS,
        "export fast": ROWS,
        "to_polars": None,
    }


def test_both_libraries_are_measured_over_tls(told: tuple[str, dict[str, Any]]) -> None:
    tls = told[1]["results"][2]
    assert [outcome["peer"] for outcome in tls["outcomes"]] == OVER_TLS
    for outcome in tls["outcomes"]:
        (run,) = outcome["runs"]
        assert run["cost"]["exit_code"] == 0, run["cost"]["output"]
        assert run["ratio"] is not None


def test_ours_lacks_nothing(told: tuple[str, dict[str, Any]]) -> None:
    for result in told[1]["results"][1:4]:
        (found,) = (outcome["runs"][0]["found"] for outcome in result["outcomes"] if outcome["peer"] == "export")
        assert found | {"bytes": 0} == dict.fromkeys(found, 0) | {"rows": ROWS}


def test_figures_and_reports_are_compared_with_duckdb(told: tuple[str, dict[str, Any]]) -> None:
    for result in told[1]["results"][5:]:
        assert [outcome["peer"] for outcome in result["outcomes"]] == [result["yardstick"], "ours"]
        for outcome in result["outcomes"]:
            (run,) = outcome["runs"]
            assert run["cost"]["exit_code"] == 0, run["cost"]["output"]
            assert run["ratio"] > 0


@pytest.mark.parametrize("question", ["summary", "by_interval", "calls"])
def test_duckdb_is_asked_for_the_same_numbers(tmp_path: Path, question: str) -> None:
    legs = frame_of(Centre(calls_per_day=1_500).calls(date(2024, 10, 28)))
    (tmp_path / "call_date=2024-10-28").mkdir()
    legs.write_parquet(tmp_path / "call_date=2024-10-28" / "connections.parquet")
    ours = figures.answer(legs.lazy(), question).filter(pl.col("legs") > 0)
    theirs = pl.DataFrame(duckdb_figures.answer(str(tmp_path), question))
    theirs = theirs.cast({name: kind for name, kind in ours.schema.items() if name in theirs.columns})
    assert_frame_equal(ours.select(theirs.columns), theirs, abs_tol=1e-9)
    assert set(ours.columns) - set(theirs.columns) <= {"interval_seconds", "last_leg_utc"}

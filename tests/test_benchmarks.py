"""The benchmarks run in their smallest size. They measure every installed peer; the tests judge no speed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROWS = 250
PEERS = ["httpx", "httpx+polars", "export", "export fast", "to_polars"]
OVER_TLS = ["httpx", "export", "export fast"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """The printed and the written results."""
    output = tmp_path_factory.mktemp("benchmarks") / "results.json"
    options = ["--rows", str(ROWS), "--runs", "1", "--only", "download", "unstable", "dirty", "tls", "startup"]
    command = [sys.executable, "-m", "tests.benchmarks", *options, "--peers", *PEERS, "-o", str(output)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(output.read_bytes())


def test_each_job_is_printed_and_written(told: tuple[str, dict[str, Any]]) -> None:
    printed, written = told
    assert [result["job"] for result in written["results"]] == ["download", "unstable", "tls", "dirty", "startup"]
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

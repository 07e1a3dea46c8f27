"""The command line as people and scripts use it, with real sockets and real files.

Processes are started where they are what is tested. `test_ends.py` and `test_outputs.py` start more.
"""

import dataclasses
import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.cli.shell import sh
from tests.commands import COMMANDS
from tests.conftest import FIRST, LAST, Connect
from tests.program import PROGRAM, environment, here
from thulium_frames import SCHEMA, Lake, scan_lake
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, create_app, running

DAYS = ["--from", str(FIRST), "--to", str(LAST)]

#: What no two runs have in common.
OF_ONE_RUN = re.compile(r"[\d.]+ s$|request id \w+", re.MULTILINE)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(url: str, tmp_path: Path) -> Run:
    def run(
        *arguments: object, url: str = url, password: str = "demo", **more: str
    ) -> subprocess.CompletedProcess[str]:
        return here(*arguments, url=url, cwd=tmp_path, THULIUM_PASSWORD=password, **more)

    return run


AS_THEY_END = {
    "help": (["--help"], 0),
    "an older lake": (["status", "lake"], 0),
    "one file": (["fetch", *DAYS, "--limit", "3", "-o", "calls.csv", "--columns", "src"], 0),
    "wrong use": (["fetch", "--limit", "0"], 2),
    "a wrong password": (["export", "new", *DAYS, "--password-file", "wrong"], 3),
    "no lake": (["verify", "nowhere", "--json"], 5),
}


@pytest.mark.parametrize("name", AS_THEY_END)
def test_a_process_says_and_ends_with_what_the_command_line_does_within_the_tests(
    run: Run, url: str, tmp_path: Path, name: str
) -> None:
    run("export", "lake", *DAYS)
    (tmp_path / "wrong").write_text("wrong-secret")
    (tmp_path / "wrong").chmod(0o600)
    arguments, code = AS_THEY_END[name]
    done, process = run(*arguments), sh('"$@"', *arguments, url=url, cwd=tmp_path)
    assert (done.returncode, process.returncode) == (code, code)
    for said, said_by_it in ((done.stdout, process.stdout), (done.stderr, process.stderr)):
        assert OF_ONE_RUN.sub("", said) == OF_ONE_RUN.sub("", said_by_it)


@pytest.mark.parametrize("name", [None, *COMMANDS])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_shows_an_example(run: Run, name: str | None, flag: str) -> None:
    done = run(*([name] if name else []), flag)
    assert done.returncode == 0
    assert "Example:\n" in done.stdout
    assert f"thulium-frames {name or 'demo'}" in done.stdout


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout.startswith("thulium-frames 0.")


def test_export_makes_a_lake_and_then_keeps_it(run: Run, connect: Connect, tmp_path: Path) -> None:
    first, second = run("export", "lake", *DAYS, "--json"), run("export", "lake", *DAYS, "--json")
    rows = connect().connections(date_from=FIRST, date_to=LAST).count()
    assert (first.returncode, first.stderr) == (0, "")
    told = json.loads(first.stdout)
    assert told["rows"] == rows
    assert (told["days_written"], told["days_skipped"]) == (7, 0)
    assert told["requests"] >= rows / 100
    assert told["seconds"] > 0
    told = json.loads(second.stdout)
    assert (told["rows"], told["days_written"], told["days_skipped"], told["requests"]) == (0, 0, 7, 0)
    assert scan_lake(tmp_path / "lake").collect().height == rows


def test_export_tells_people_what_it_did(run: Run) -> None:
    done = run("export", "lake", *DAYS)
    assert "of 7 days, 0 days already there;" in done.stdout
    assert done.stderr == ""
    assert "wrote 0 calls of 0 days, 7 days already there; 0 requests" in run("export", "lake", *DAYS).stdout
    assert "of 7 days, 0 days already" in run("export", "lake", *DAYS, "--refresh").stdout


def test_status_and_verify_speak_to_people_and_to_scripts(run: Run, tmp_path: Path) -> None:
    run("export", "lake", *DAYS)
    (tmp_path / "lake" / "call_date=2024-10-25" / "connections.parquet").unlink()
    status = run("status", "lake")
    assert "days       6, from 2024-10-23 to 2024-10-29" in status.stdout
    assert "missing    1: 2024-10-25" in status.stdout
    told = json.loads(run("status", "lake", "--json").stdout)
    assert (told["days"], told["missing"], told["unsettled"]) == (6, ["2024-10-25"], [])
    assert (told["system"], told["first_day"], told["last_day"]) == ("http://127.0.0.1", "2024-10-23", "2024-10-29")
    assert "6 days" in run("verify", "lake").stdout
    (tmp_path / "lake" / "call_date=2024-10-24" / "connections.parquet").write_bytes(b"PAR1")
    damaged = run("verify", "lake")
    assert damaged.returncode == 5
    assert "2024-10-24: " in damaged.stdout
    told = json.loads(run("verify", "lake", "--json").stdout)
    assert list(told["damaged"]) == ["2024-10-24"]
    assert run("status", "lake").returncode == 5
    assert run("export", "lake", *DAYS).returncode == 5


READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "parquet": pl.read_parquet,
    "arrow": lambda path: pl.DataFrame(pa.ipc.open_file(path).read_all()),
    "ndjson": lambda path: pl.read_ndjson(path, schema_overrides={"date": pl.String, "date_utc": pl.String}),
    "csv": lambda path: pl.read_csv(path, infer_schema=False),
}


@pytest.mark.parametrize("suffix", READERS)
def test_fetch_writes_one_file(run: Run, connect: Connect, tmp_path: Path, suffix: str) -> None:
    done = run("fetch", *DAYS, "-o", f"calls.{suffix}")
    frame = connect().connections(date_from=FIRST, date_to=LAST).to_polars()
    read = READERS[suffix](tmp_path / f"calls.{suffix}")
    assert (done.returncode, done.stderr) == (0, "")
    assert read.columns == SCHEMA.names
    assert [path.name for path in tmp_path.iterdir()] == [f"calls.{suffix}"]
    if suffix in ("parquet", "arrow"):
        assert read.equals(frame)
    assert read["connection_id"].to_list() == frame["connection_id"].to_list()
    tags = [json.loads(text) for text in read["tags"]] if suffix == "csv" else read["tags"].to_list()
    assert tags == frame["tags"].to_list()


def test_the_ending_of_a_file_may_be_in_capitals(run: Run, tmp_path: Path) -> None:
    assert run("fetch", *DAYS, "--limit", 3, "-o", "CALLS.CSV").returncode == 0
    assert pl.read_csv(tmp_path / "CALLS.CSV").height == 3


def test_a_system_that_refuses_is_not_a_file_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    done = run("fetch", *DAYS, "-o", "calls.csv", password="wrong-secret")
    assert (done.returncode, done.stdout) == (3, "")
    assert "401" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_csv_holds_nested_columns_as_json(run: Run, connect: Connect, tmp_path: Path) -> None:
    run("fetch", *DAYS, "-o", "calls.csv", "--columns", "rating")
    told = [json.loads(text) if text else None for text in pl.read_csv(tmp_path / "calls.csv")["rating"]]
    assert told == connect().connections(date_from=FIRST, date_to=LAST).to_polars()["rating"].to_list()
    assert any(told)


def test_fetch_takes_columns_and_a_limit(run: Run, connect: Connect, tmp_path: Path) -> None:
    run("fetch", *DAYS, "--columns", "src, date", "--limit", 5, "-o", "calls.parquet")
    frame = connect().connections(date_from=FIRST, date_to=LAST).to_polars()
    assert pl.read_parquet(tmp_path / "calls.parquet").equals(frame.select("src", "date").head(5))


def test_fetch_without_a_file_shows_a_table(run: Run) -> None:
    done = run("fetch", *DAYS, "--limit", 3)
    assert done.stdout.count("2024-10-23") == 3
    assert "The first 3 calls" in done.stdout


def test_a_preview_shows_what_a_record_says_as_text(run: Run) -> None:
    row = {"date": "2024-10-23 10:00:00", "src": "[red]123", "user": "Bob [/x] :phone:", "dst_user": "\x1b[31mred"}
    content = {"count": 1, "result": [row | {"customer_id": 913628, "tags": ["[vip]"]}]}
    columns = "date,date_utc,src,user,dst_user,customer_id,tags"
    with running(answering(content)) as url:
        done = run("fetch", "--from", FIRST, "--to", FIRST, "--columns", columns, "--limit", 1, url=url)
    assert (done.returncode, done.stderr) == (0, "")
    shown = ["2024-10-23 10:00", "2024-10-23 08:00", "[red]123", "Bob [/x] :phone:", "\N{REPLACEMENT CHARACTER}[31mred"]
    for value in [*shown, "913628", "['[vip]']"]:
        assert f" {value} " in done.stdout


def test_who_reads_the_output_may_leave(url: str) -> None:
    command = [*PROGRAM, "fetch", *DAYS]
    with subprocess.Popen(
        command, env=environment(url), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.close()
        assert reader.stderr is not None
        assert reader.stderr.read() == b""
    assert reader.returncode == 0


def test_a_closed_stdin_is_no_terminal(url: str) -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *PROGRAM, "fetch", *DAYS]
    done = subprocess.run(command, env=environment(url), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    asked = [*command, "--password-file", "-"]
    done = subprocess.run(asked, env=environment(url), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the password file - is empty" in done.stderr


def test_filters_reach_the_system(run: Run, connect: Connect, tmp_path: Path) -> None:
    frame = connect().connections().to_polars()
    number = frame["src"].drop_nulls()[0]
    run("fetch", "--src", number, "-o", "calls.parquet")
    assert pl.read_parquet(tmp_path / "calls.parquet").equals(frame.filter(pl.col("src") == number))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export"], "Missing argument"),
        (["export", "lake", "--from", "1 July"], "--from is a date"),
        (["export", "lake", "--from", "2024-07-02", "--to", "2024-07-01"], "is after --to"),
        (["export", "lake", "--from", "2024-07-02 10:00"], "whole days"),
        (["export", "lake", "--queue-id", "first"], "not a valid integer"),
        (["export", "lake", "--password", "demo"], "No such option"),
        (["export", "lake", "--url", "http://acme.thulium.com"], "--allow-http"),
        (["fetch", "--columns", "date,colour"], "there is no column colour"),
        (["fetch", "--columns", "src,date,src"], "names a column twice"),
        (["fetch", "-o", "calls.xlsx"], "FILE.parquet"),
        (["fetch", "-o", "nowhere/calls.csv"], "there is no folder nowhere"),
        (["fetch", "--limit", "0"], "not in the range"),
        (["nothing"], "No such command"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(
    run: Run, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_missing_settings_end_with_2(run: Run) -> None:
    assert "--url or THULIUM_URL" in run("export", "lake", url="").stderr
    no_password = run("export", "lake", password="")
    assert no_password.returncode == 2
    assert "THULIUM_PASSWORD_FILE" in no_password.stderr


def test_a_wrong_password_ends_with_3_at_once(run: Run, tmp_path: Path) -> None:
    done = run("export", "lake", *DAYS, password="wrong-secret")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Error: the system answered 401")
    assert "API user" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert "wrong-secret" not in done.stderr
    assert not list(tmp_path.rglob("*.parquet"))


def test_an_address_where_nobody_listens_ends_with_3(run: Run) -> None:
    with running(Starlette()) as url:
        pass
    done = run("export", "lake", *DAYS, url=url)
    assert done.returncode == 3
    assert "Error: the connection failed" in done.stderr
    assert "an export continues where it stopped" in done.stderr


def answering(content: object) -> Starlette:
    async def answer(_request: Request) -> Response:
        return JSONResponse(content)

    return Starlette(routes=[Route("/api/connections", answer)])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"count": 1, "result": [{"date": "2024-10-99 10:00", "connection_id": "7.1", "src": "48123"}]}, "2024-10-99"),
        ({"count": 1, "result": [{"date": "2031-01-01 10:00"}]}, "2031-01-01 10:00"),
        ({"count": 3, "result": []}, "could not be proven"),
        ({"count": 0, "result": [{"date": "2024-10-23 10:00"}]}, "could not be proven"),
    ],
)
def test_data_that_break_the_contract_end_with_4(run: Run, tmp_path: Path, content: object, says: str) -> None:
    with running(answering(content)) as url:
        done = run("export", "lake", "--from", FIRST, "--to", FIRST, url=url)
    assert (done.returncode, done.stdout) == (4, "")
    assert says in done.stderr
    assert "48123" not in done.stderr
    assert not list(tmp_path.rglob("*.parquet"))


def test_debug_shows_requests_and_the_traceback_but_no_secret(run: Run) -> None:
    done = run("--debug", "export", "lake", *DAYS, "--src", "48123456789", password="wrong-secret")
    assert done.returncode == 3
    assert "Traceback" in done.stderr
    assert "wrong-secret" not in done.stderr
    assert "48123456789" not in done.stderr.replace(" ".join(PROGRAM), "")
    fine = run("export", "lake", *DAYS, "--debug")  # other filters are fine: the failed run wrote no day
    assert fine.returncode == 0
    assert "offset=0" in fine.stderr


class Held:
    """Answers some requests and holds the others until their client leaves."""

    def __init__(self, app: ASGIApp, answered: int) -> None:
        self.is_holding = threading.Event()
        self._app = app
        self._left = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._left -= 1
            if self._left < 0:
                self.is_holding.set()
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
        await self._app(scope, receive, send)


@pytest.fixture
def held() -> Iterator[tuple[str, Held]]:
    app = Held(create_app(GeneratedCalls(Centre(calls_per_day=3000), FIRST, LAST)), answered=150)
    with running(app) as url:
        yield url, app


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_export_leaves_whole_days_only(
    held: tuple[str, Held], tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    url, app = held
    command = [*PROGRAM, "export", "lake", *DAYS]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environment(url), stdout=pipe, stderr=pipe, text=True) as export:
        assert app.is_holding.wait(300)
        export.send_signal(sent)
        _, errors = export.communicate(timeout=300)
    assert export.returncode == code
    assert "the same command continues" in errors
    files = {path.name for path in (tmp_path / "lake").rglob("*") if path.is_file()}
    assert files <= {"connections.parquet", "_thulium_frames.json", ".thulium_frames.lock"}
    lake = Lake(tmp_path / "lake")
    assert lake.verify().is_clean
    assert f"Stopped. {len(lake.status().days)} day" in errors
    assert len(lake.status().days) < 7


def read_terminal(main: int) -> bytes:
    """The next output on a terminal; empty when no process has the terminal open any more."""
    try:
        return os.read(main, 4096)
    except OSError:  # Linux raises it when no process has the terminal open
        return b""


def test_progress_is_a_bar_on_a_terminal_only(url: str, tmp_path: Path) -> None:
    main, terminal = pty.openpty()
    command = [*PROGRAM, "export", "lake", *DAYS]
    nothing = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(url, TERM="xterm"), stdin=nothing, stdout=nothing, stderr=terminal
    ) as export:
        os.close(terminal)
        shown = b"".join(iter(lambda: read_terminal(main), b"")).decode()
    os.close(main)
    assert export.returncode == 0
    assert "calls" in shown
    assert "━" in shown


def test_a_password_is_asked_for_on_a_terminal_and_not_shown(url: str, tmp_path: Path) -> None:
    main, terminal = pty.openpty()
    command = [*PROGRAM, "export", "lake", *DAYS]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(url, THULIUM_PASSWORD=""),
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    ):  # fmt: skip
        os.close(terminal)
        shown = b""
        while b": " not in shown:
            shown += os.read(main, 1000)
        os.write(main, b"demo\n")
        while b"requests" not in shown:
            shown += os.read(main, 1000)
    os.close(main)
    assert f"Password of demo at {url}" in shown.decode()
    assert shown.count(b"demo") == 1


def test_demo_shows_a_month(run: Run, tmp_path: Path) -> None:
    done = run("demo", "lake", url="", password="")
    assert done.returncode == 0, done.stderr
    assert "calls of 31 days (0 already there)" in done.stdout
    assert "Monday" in done.stdout
    assert "(31 already there) with 0 requests" in run("demo", "lake", url="", password="").stdout
    assert scan_lake(tmp_path / "lake").collect().height > 10_000
    assert "a temporary lake: wrote" in run("demo").stdout


def test_serve_stands_in_for_thulium(run: Run, tmp_path: Path) -> None:
    run("export", "lake", *DAYS)
    with subprocess.Popen(
        [*PROGRAM, "serve", "lake", "--port", "0"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        announced = server.stdout.readline()
        address = announced.split("/api/connections")[0].removeprefix("Serving ")
        done = run("export", "copy", *DAYS, url=address)
        server.send_signal(signal.SIGINT)
    assert address.startswith("http://127.0.0.1:")
    assert done.returncode == 0, done.stderr
    assert scan_lake(tmp_path / "copy").collect().equals(scan_lake(tmp_path / "lake").collect())


def test_serve_invents_a_centre(run: Run) -> None:
    command = [*PROGRAM, "serve", "--port", "0", "--days", "3", "--calls-per-day", "40", "--seed", "5"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split("/api/connections")[0].removeprefix("Serving ")
        done = run("fetch", "--limit", "2", url=address)
        server.send_signal(signal.SIGTERM)
    assert done.returncode == 0, done.stderr
    assert server.returncode == 143


def test_every_fault_of_the_simulator_has_its_flag(run: Run) -> None:
    names = {"fault_seed" if field.name == "seed" else field.name for field in dataclasses.fields(Faults)}
    flags = {f"--{name.replace('_', '-')}" for name in names}
    assert flags <= {flag for parameter in COMMANDS["serve"].params for flag in parameter.opts}
    told = run("serve", "-h").stdout
    assert {flag for flag in flags if flag not in told} == set()


def test_serve_misbehaves_as_it_is_told(run: Run) -> None:
    command = [*PROGRAM, "serve", "--port", "0", "--days", "2", "--calls-per-day", "40", "--fault-seed", "7"]
    faults = ["--server-errors", "1", "--failures-first", "1", "--count-as-text", "--outage", "3", "3"]
    with subprocess.Popen([*command, *faults], env=environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split("/api/connections")[0].removeprefix("Serving ")
        done = run("--debug", "export", "lake", "--json", url=address)
        server.send_signal(signal.SIGTERM)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("try 1 failed") == 2


def test_a_fault_out_of_its_range_is_wrong_use(tmp_path: Path) -> None:
    assert sh('"$@"', "serve", "--server-errors", "2", cwd=tmp_path).returncode == 2
    told = sh('"$@"', "serve", "--drift-until", "1", cwd=tmp_path)
    assert (told.returncode, "drift_until must be 2 or more" in told.stderr) == (2, True)


def test_a_taken_port_is_told(url: str, tmp_path: Path) -> None:
    done = sh('"$@"', "serve", "--port", url.rpartition(":")[2], cwd=tmp_path)
    assert done.returncode == 2
    assert "Choose another with --port" in done.stderr

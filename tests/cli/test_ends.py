"""How commands end, and what a terminal is shown, where the output, the arguments or the data are not as usual."""

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.cli.shell import sh
from tests.commands import COMMANDS
from tests.conftest import FIRST, LAST
from tests.program import PROGRAM, ROOT, here
from thulium_frames import Lake, Thulium
from thulium_frames.errors import SettingsError
from thulium_frames.simulator import running

DAYS = ("--from", FIRST, "--to", LAST)
RUN = '"$@"'
FULL = "Error: the output cannot be written: No space left on device\n"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, url: str) -> Path:
    path = tmp_path_factory.mktemp("lake") / "lake"
    with Thulium(url, "demo", "demo") as thulium:
        thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(path)
    return path


@pytest.fixture
def damaged(lake: Path, tmp_path: Path) -> Path:
    shutil.copytree(lake, tmp_path / "damaged")
    for day in (FIRST, LAST):
        (tmp_path / "damaged" / f"call_date={day}" / "connections.parquet").write_bytes(b"PAR1")
    return tmp_path / "damaged"


# --- an output that cannot be written


SAYING = [
    *(["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)),
    *(["status", "LAKE"], ["status", "LAKE", "--json"], ["verify", "LAKE"], ["verify", "LAKE", "--json"]),
    *(["doctor"], ["doctor", "--json"], ["export", "LAKE", *DAYS], ["export", "LAKE", *DAYS, "--json"]),
    *(["fetch", *DAYS, "--limit", 3], ["fetch", *DAYS, "--limit", 3, "-o", "calls.csv"], ["report", "LAKE"]),
    *(["demo", "DEMO"], ["serve", "--port", "0"], ["serve", "LAKE", "--port", "0"]),
]


@pytest.mark.parametrize("arguments", SAYING, ids=lambda arguments: " ".join(map(str, arguments)))
def test_a_full_device_is_one_line(lake: Path, url: str, tmp_path: Path, arguments: list[object]) -> None:
    asked = [lake if one == "LAKE" else one for one in arguments]
    done = sh(f"{RUN} > /dev/full", *asked, url=url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, FULL)


@pytest.mark.parametrize("arguments", [["verify", "LAKE"], ["status", "LAKE"], ["verify", "LAKE", "--json"]])
def test_a_full_device_is_told_of_a_damaged_lake_too(damaged: Path, tmp_path: Path, arguments: list[str]) -> None:
    asked = [damaged if one == "LAKE" else one for one in arguments]
    assert sh(f"{RUN} > /dev/full", *asked, cwd=tmp_path).returncode == 2


def test_errors_that_nobody_can_be_told_leave_their_exit_code(lake: Path, tmp_path: Path) -> None:
    for closed in ("2> /dev/full", "2>&-", "2>&1 | true"):
        assert sh(f"{RUN} {closed}", "status", tmp_path / "nowhere", cwd=tmp_path).returncode == 5
        assert sh(f"{RUN} {closed}", "fetch", "--limit", "0", cwd=tmp_path).returncode == 2
    assert sh(f"{RUN} 2> /dev/full", "status", lake, cwd=tmp_path).returncode == 0


#: A reader that leaves without reading, and none from the beginning.
LEFT = ["| true", ">&-"]


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("arguments", [["verify"], ["status"], ["verify", "--json"], ["status", "--json"]])
def test_a_damaged_lake_ends_with_5_whoever_reads(
    damaged: Path, tmp_path: Path, arguments: list[str], left: str
) -> None:
    done = sh(f"{RUN} {left}", *arguments, damaged, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (5, "")


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["status", "LAKE"], ["verify", "LAKE", "--json"], ["fetch", *DAYS, "--limit", 3]],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_command_that_succeeded_ends_with_0_whoever_reads(
    lake: Path, url: str, tmp_path: Path, arguments: list[object], left: str
) -> None:
    asked = [lake if one == "LAKE" else one for one in arguments]
    done = sh(f"{RUN} {left}", *asked, url=url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


# --- encodings, and what a terminal takes for a command


NAMES = {"user": "Łukasz Żółć", "dst_user": "Дмитро Ковальчук", "src": "+48 600"}
HOSTILE = "a\x1b[31mred\x07\r\x08\x9b2J\x7f\u202egnp\u2028z"
CONTROLS = [*map(chr, [*range(10), *range(11, 32), *range(127, 160)]), "\u2028", "\u202e"]


def answering(**fields: object) -> Starlette:
    record = {"date": f"{FIRST} 10:00:00", "connection_id": "1729670400.1", **fields}

    async def answer(request: Request) -> Response:
        rows = [] if request.query_params.get("offset", "0") != "0" else [record]
        return JSONResponse({"count": 1, "result": rows})

    return Starlette(routes=[Route("/api/connections", answer)])


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    with running(answering(**NAMES)) as url:
        yield url


ENCODINGS = ["cp1250", "ascii", "latin-1", "iso8859-2", "utf-8"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_replaces_what_the_encoding_cannot_hold(names: str, tmp_path: Path, encoding: str) -> None:
    asked = ("fetch", "--from", FIRST, "--to", FIRST, "--columns", "user,dst_user,src")
    done = sh(RUN, *asked, url=names, cwd=tmp_path, encoding=encoding, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    for name in NAMES.values():
        assert f" {name.encode(encoding, 'replace').decode(encoding)} " in done.stdout


@pytest.fixture
def foreign(lake: Path, tmp_path: Path) -> Path:
    """A lake whose folder, filters and damage have names in other letters."""
    path = tmp_path / "Львів-Łódź"
    shutil.copytree(lake, path)
    manifest = path / "_thulium_frames.json"
    told = json.loads(manifest.read_text())
    told["origin"]["filters"] = {"user_login": "Дмитро", "tags": ["żółć"]}
    manifest.write_text(json.dumps(told))
    (path / "Ковальчук.parquet").write_bytes(b"")
    return path


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lines_and_errors_replace_what_the_encoding_cannot_hold(foreign: Path, tmp_path: Path, encoding: str) -> None:
    def run(*arguments: object, code: int) -> str:
        done = here(*arguments, cwd=tmp_path, encoding=encoding)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def held(text: str) -> str:
        return text.encode(encoding, "replace").decode(encoding)

    assert held("user_login Дмитро, tags ['żółć']") in run("status", foreign.name, code=0)
    assert held("Ковальчук.parquet: not a file of this lake") in run("verify", foreign.name, code=5)
    assert held("there is no lake at Дмитро") in run("status", "Дмитро", code=5)
    assert held("No such command 'Дмитро'") in run("Дмитро", code=2)
    assert held("Дмитро is a folder") in run("report", foreign.name, "-o", "Дмитро/", code=2)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", ["status", "verify"])
def test_json_keeps_every_character_in_any_encoding(foreign: Path, tmp_path: Path, encoding: str, command: str) -> None:
    done = here(command, foreign.name, "--json", cwd=tmp_path, encoding=encoding)
    told = json.loads(done.stdout)
    assert told["lake"] == foreign.name
    if command == "status":
        assert told["filters"] == {"user_login": "Дмитро", "tags": ["żółć"]}
    else:
        assert told["strangers"] == [f"{foreign.name}/Ковальчук.parquet"]


def test_progress_is_shown_in_any_encoding(lake: Path, url: str, tmp_path: Path) -> None:
    shutil.copytree(lake, tmp_path / "lake")
    main, terminal = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "THULIUM_URL": url,
        "THULIUM_USER": "demo",
        "THULIUM_PASSWORD": "demo",
    }
    command = [*PROGRAM, "export", "lake", *map(str, DAYS), "--refresh"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment | {"PYTHONIOENCODING": "ascii", "TERM": "xterm"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal,
    ) as export:  # fmt: skip
        os.close(terminal)
        seen = b"".join(iter(lambda: read_terminal(main), b""))
    os.close(main)
    assert export.returncode == 0
    assert b"calls" in seen
    assert seen.isascii()


def read_terminal(main: int) -> bytes:
    try:
        return os.read(main, 4096)
    except OSError:  # nobody writes to it any more
        return b""


@pytest.fixture
def hostile(lake: Path, tmp_path: Path) -> Path:
    """A lake that says what a terminal would take for commands."""
    path = tmp_path / "hostile"
    shutil.copytree(lake, path)
    manifest = path / "_thulium_frames.json"
    told = json.loads(manifest.read_text())
    told["origin"] |= {"system": f"{HOSTILE}\nsystem", "filters": {"src": f"{HOSTILE}\nsrc", "tags": [HOSTILE]}}
    manifest.write_text(json.dumps(told))
    (path / "\x1b[2J\nstranger.parquet").write_bytes(b"")
    return path


def assert_plain(text: str) -> None:
    assert [control for control in CONTROLS if control in text] == []


COMMANDS_WITH_JSON = ["status", "verify", "export"]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("report", []), *((name, more) for name in COMMANDS_WITH_JSON for more in ([], ["--json"]))],
)
def test_no_text_of_a_lake_commands_a_terminal(
    hostile: Path, url: str, tmp_path: Path, command: str, arguments: list[str]
) -> None:
    done = here(command, hostile, *arguments, url=url, cwd=tmp_path)
    assert done.returncode == {"status": 0, "verify": 5, "report": 0, "export": 5}[command], done.stderr
    assert_plain(done.stdout + done.stderr)
    if command == "status" and not arguments:
        assert len(done.stdout.splitlines()) == 5
    if command == "status" and arguments:
        assert json.loads(done.stdout)["system"] == f"{HOSTILE}\nsystem"


def test_the_footer_of_a_day_commands_no_terminal(lake: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    shutil.copytree(lake, tmp_path / "lake")
    path = tmp_path / "lake" / f"call_date={FIRST}" / "connections.parquet"
    table = pq.read_table(path, partitioning=None)
    footer = json.dumps({"day": f"{HOSTILE}", "rows": 3, "read_at": "2024-10-30"})
    with pq.ParquetWriter(path, table.schema) as file:
        file.write_table(table)
        file.add_key_value_metadata({"thulium_frames": footer})
    for command in ("status", "verify"):
        done = here(command, "lake", cwd=tmp_path)
        assert done.returncode == 5
        assert "red" in done.stdout
        assert_plain(done.stdout)


@pytest.mark.parametrize("arguments", [[], ["--debug"]])
def test_no_record_and_no_error_of_a_server_commands_a_terminal(tmp_path: Path, arguments: list[str]) -> None:
    with running(answering(date=f"2024-99-99 {HOSTILE}", **{HOSTILE: "x"}, user=HOSTILE)) as url:
        done = here("fetch", "--from", FIRST, "--to", FIRST, *arguments, url=url, cwd=tmp_path)
    assert done.returncode == 4
    assert_plain(done.stderr)
    with running(answering(**{HOSTILE: "x"}, user=HOSTILE)) as url:
        found = here("doctor", *arguments, url=url, cwd=tmp_path)
        shown = here("fetch", "--columns", "user", *arguments, url=url, cwd=tmp_path)
    assert "red" in found.stdout
    assert "red" in shown.stdout
    assert_plain(found.stdout + found.stderr + shown.stdout + shown.stderr)


# --- what is asked


WRONG: dict[str, tuple[list[str], str]] = {
    "no date": (["--from", "1 July"], "--from is a date"),
    "no last date": (["--to", "tomorrow"], "--to is a date"),
    "not in the calendar": (["--from", "2024-02-30"], "--from '2024-02-30' is not in the calendar"),
    "the wrong way": (["--from", "2024-07-02", "--to", "2024-07-01"], "--from 2024-07-02 is after --to 2024-07-01"),
    "a negative number": (["--queue-id", "-3"], "--queue-id is a whole number from 0"),
    "an empty text": (["--user-login", ""], "--user-login is printable text"),
}  # fmt: skip
OF_AN_EXPORT = {
    "an hour": (["--from", "2024-07-02 10:00"], "--from is a day"),
    "a last hour": (["--to", "2024-07-02 10:00"], "--to is a day"),
    "tomorrow": (["--from", str(datetime.now(UTC).date() + timedelta(days=2))], "is in the future: today is "),
}
PYTHON_NAMES = ("date_from", "date_to", "queue_id", "user_login")


ASKED = [*(("fetch", name) for name in WRONG), *(("export", name) for name in ["the wrong way", *OF_AN_EXPORT])]


@pytest.mark.parametrize(("command", "name"), ASKED)
def test_errors_speak_of_flags(url: str, tmp_path: Path, command: str, name: str) -> None:
    arguments, says = (WRONG | OF_AN_EXPORT)[name]
    done = here(command, *(["lake"] if command == "export" else []), *arguments, url=url, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [word for word in PYTHON_NAMES if word in done.stderr] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [2**63, 99999999999999999999])
def test_a_filter_beyond_all_numbers_finds_nothing(url: str, tmp_path: Path, number: int) -> None:
    done = here("export", "lake", *DAYS, "--customer-id", number, "--json", url=url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["days_written"], told["requests"]) == (0, 7, 0)
    assert Lake(tmp_path / "lake").status().origin["filters"] == {"customer_id": number}


# --- the time zone


def test_a_time_zone_can_be_given_wherever_a_system_is_read(url: str, tmp_path: Path) -> None:
    for command in ("export", "fetch", "doctor"):
        assert {"--time-zone"} <= {flag for parameter in COMMANDS[command].params for flag in parameter.opts}
    day = ("--from", FIRST, "--to", FIRST)
    assert here("export", "flag", *day, "--time-zone", "Europe/Kyiv", url=url, cwd=tmp_path).returncode == 0
    assert here("export", "env", *day, url=url, cwd=tmp_path, THULIUM_TIME_ZONE="Europe/Kyiv").returncode == 0
    both = here("export", "both", *day, "--time-zone", "UTC", url=url, cwd=tmp_path, THULIUM_TIME_ZONE="Europe/Kyiv")
    assert both.returncode == 0
    zones = [Lake(tmp_path / name).status().origin["time_zone"] for name in ("flag", "env", "both")]
    assert zones == ["Europe/Kyiv", "Europe/Kyiv", "UTC"]
    refused = here("export", "flag", *day, url=url, cwd=tmp_path)
    assert (refused.returncode, "time zone Europe/Kyiv, not of Europe/Warsaw" in refused.stderr) == (5, True)


def test_doctor_says_how_to_try_another_zone(tmp_path: Path) -> None:
    noon = int(datetime(2024, 10, 23, 12, tzinfo=UTC).timestamp())
    with running(answering(connection_id=f"{noon}.1")) as url:
        fits = here("doctor", "--time-zone", "Atlantic/South_Georgia", url=url, cwd=tmp_path)
        fits_not = here("doctor", url=url, cwd=tmp_path)
    assert "Atlantic/South_Georgia fits" in fits.stdout
    assert "Europe/Warsaw does not fit the ids of most calls: try --time-zone" in fits_not.stdout


@pytest.mark.parametrize(
    "zone", ["Europe/Warszawa", "Europe", "../etc/passwd", "/etc/passwd", "zone.tab", "CEST+", "."]
)
def test_a_zone_that_there_is_not_is_refused(url: str, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    with pytest.raises(SettingsError, match="there is no time zone"):
        Thulium(url, "demo", "demo", time_zone=zone)
    monkeypatch.setenv("THULIUM_TIME_ZONE", zone)
    with pytest.raises(SettingsError, match="there is no time zone"):
        Thulium(url, "demo", "demo")


@pytest.mark.parametrize("command", ["export", "fetch", "doctor"])
def test_a_zone_that_there_is_not_is_wrong_use(url: str, tmp_path: Path, command: str) -> None:
    lake, zone = ["lake"] if command == "export" else [], "../etc/passwd"
    done = here(command, *lake, "--time-zone", zone, url=url, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: there is no time zone '{zone}'")
    assert done.stderr == here(command, *lake, url=url, cwd=tmp_path, THULIUM_TIME_ZONE=zone).stderr


# --- who may be served a lake


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", "", "0", "::ffff:0.0.0.0"])
def test_a_lake_is_not_served_to_others_without_a_password(lake: Path, tmp_path: Path, host: str) -> None:
    done = sh(RUN, "serve", lake, "--host", host, "--port", "0", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--password-file" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def ask(url: str, password: str, cwd: Path) -> int:
    return here("fetch", "--limit", "1", url=url, cwd=cwd, THULIUM_PASSWORD=password).returncode


@pytest.mark.parametrize("source", ["LAKE", ""])
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_with_a_password_of_its_own_it_is(lake: Path, tmp_path: Path, host: str, source: str) -> None:
    (tmp_path / "secret").write_text("my-own-secret\n")
    (tmp_path / "secret").chmod(0o600)
    where = [str(lake)] if source else []
    command = [*PROGRAM, "serve", *where, "--host", host, "--port", "0", "--password-file", str(tmp_path / "secret")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        url = said.split("/api/connections")[0].removeprefix("Serving ").replace("0.0.0.0", "127.0.0.1")
        codes = [ask(url, password, tmp_path) for password in ("demo", "my-own-secret")]
        server.terminate()
    assert codes == [3, 0]
    assert "my-own-secret" not in said
    assert f"password from {tmp_path / 'secret'}" in said


def test_a_password_of_stdin_is_taken_and_one_open_to_others_is_not(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "open").write_text("secret")
    (tmp_path / "open").chmod(0o644)
    done = sh(RUN, "serve", lake, "--port", "0", "--password-file", "open", cwd=tmp_path)
    assert (done.returncode, "chmod 600" in done.stderr) == (2, True)
    command = [*PROGRAM, "serve", str(lake), "--port", "0", "--password-file", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write("my-own-secret\n")
        server.stdin.close()
        url = server.stdout.readline().split("/api/connections")[0].removeprefix("Serving ")
        codes = [ask(url, password, tmp_path) for password in ("demo", "my-own-secret")]
        server.terminate()
    assert codes == [3, 0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "::1"])
def test_a_lake_is_served_to_this_machine_as_before(lake: Path, host: str) -> None:
    command = [*PROGRAM, "serve", str(lake), "--host", host, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        server.terminate()
        assert server.stderr is not None
        errors = server.stderr.read()
    assert said.endswith("for user demo, password demo; Ctrl-C ends it.\n") or "cannot listen" in errors

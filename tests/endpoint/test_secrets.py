"""Only the password's own system sees it: no output, log, traceback, repr, pickle, child process or file does."""

import base64
import logging
import pickle
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.cli.test_cli import DAYS
from tests.conftest import FIRST, IMPATIENT, LAST
from tests.program import PROGRAM, environment, here
from thulium_frames import Lake, Thulium
from thulium_frames.errors import ApiError, ThuliumFramesError
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, create_app, running

PASSWORD = "zażółć: \"gęślą\" 'jaźń' \\ %41&x=ł"
USER = "użytkownik"
#: The password in every form in which it is sent or could be escaped.
FORMS = {
    PASSWORD,
    quote(PASSWORD),
    PASSWORD.encode("unicode_escape").decode(),
    repr(PASSWORD)[1:-1],
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    "gęślą",
    "jaźń",
}


def assert_nothing_told(text: str) -> None:
    assert [form for form in FORMS if form in text] == []


@pytest.fixture
def url() -> Iterator[str]:
    calls = GeneratedCalls(Centre(seed=3, calls_per_day=60), FIRST, LAST)
    with running(create_app(calls, user=USER, password=PASSWORD)) as address:
        yield address


@pytest.fixture
def angry_url() -> Iterator[str]:
    faults = Faults(seed=1, server_errors=0.5, html_pages=0.3)
    calls = GeneratedCalls(Centre(seed=3, calls_per_day=60), FIRST, LAST)
    with running(create_app(calls, user=USER, password=PASSWORD, faults=faults)) as address:
        yield address


@pytest.mark.usefixtures("library")
def test_it_reaches_the_system_whole(url: str) -> None:
    assert Thulium(url, USER, PASSWORD).connections().count() > 0


@pytest.mark.parametrize("source", ["THULIUM_PASSWORD", "THULIUM_PASSWORD_FILE", "--password-file", "stdin", "netrc"])
def test_every_source_on_the_command_line_works_and_tells_nothing(url: str, tmp_path: Path, source: str) -> None:
    plain = "plain-gęślą"
    password = plain if source == "netrc" else PASSWORD
    secret = tmp_path / "secret"
    secret.write_text(f"machine 127.0.0.1 login {USER} password {plain}\n" if source == "netrc" else password + "\n")
    secret.chmod(0o600)
    more = {
        "THULIUM_PASSWORD": {"THULIUM_PASSWORD": password},
        "THULIUM_PASSWORD_FILE": {"THULIUM_PASSWORD_FILE": str(secret)},
        "netrc": {"NETRC": str(secret)},
    }.get(source, {})
    flags = {"--password-file": ["--password-file", str(secret)], "stdin": ["--password-file", "-"]}.get(source, [])
    flags = ["--netrc"] if source == "netrc" else flags
    with running(
        create_app(GeneratedCalls(Centre(calls_per_day=20), FIRST, LAST), user=USER, password=password)
    ) as url:
        done = subprocess.run(
            [*PROGRAM, "--debug", "export", "lake", *DAYS, *flags],
            cwd=tmp_path,
            env={**environment(url, THULIUM_PASSWORD=""), "THULIUM_USER": USER, **more},
            input=password,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert_nothing_told(done.stdout + done.stderr)
    assert plain not in done.stdout + done.stderr


def test_the_lake_holds_nothing_of_it(url: str, tmp_path: Path) -> None:
    Thulium(url, USER, PASSWORD).connections(date_from=FIRST, date_to=LAST).write_parquet(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert_nothing_told(path.read_bytes().decode("utf-8", errors="replace"))
            assert USER not in path.read_bytes().decode("utf-8", errors="replace")


@pytest.mark.usefixtures("library")
def test_no_log_at_any_level_tells_it(angry_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Thulium(angry_url, USER, PASSWORD, retries=IMPATIENT) as thulium:
        for _ in range(5):
            try:
                thulium.connections().count()
            except ApiError as error:
                assert_nothing_told(str(error))
    assert len(caplog.records) > 5
    assert_nothing_told(caplog.text)


@pytest.mark.usefixtures("library")
def test_no_error_and_no_traceback_tells_it(angry_url: str) -> None:
    told = 0
    for user, password in ((USER, PASSWORD), (USER, PASSWORD + "x")):
        for _ in range(4):
            try:
                Thulium(angry_url, user, password, retries=IMPATIENT).connections(date_from=FIRST).to_polars()
            except ThuliumFramesError as error:
                told += 1
                assert_nothing_told(f"{error} {error!r} {''.join(traceback.format_exception(error))}")
    assert told >= 4


@pytest.mark.usefixtures("library")
def test_a_system_that_echoes_the_credentials_is_not_repeated() -> None:
    async def echo(request: Request) -> JSONResponse:
        sent = base64.b64decode(request.headers["Authorization"].split()[1]).decode()
        return JSONResponse({"request_id": sent, "errors": [{"message": f"who is {sent}?", "code": sent}]}, 400)

    with running(Starlette(routes=[Route("/api/connections", echo)])) as url, pytest.raises(ApiError) as caught:
        Thulium(url, USER, PASSWORD).connections().count()
    assert "400" in str(caught.value)
    assert_nothing_told(f"{caught.value} {caught.value.request_id}")


@pytest.mark.usefixtures("library")
def test_no_repr_tells_it(url: str) -> None:
    thulium = Thulium(url, USER, PASSWORD)
    calls = thulium.connections(date_from=FIRST)
    thulium.connections().count()
    shown = [thulium, calls, calls.scan(), vars(thulium), vars(thulium.client), Lake("lake"), calls.scan().explain()]
    assert_nothing_told(" ".join(map(repr, shown)))


@pytest.mark.usefixtures("library")
def test_it_is_not_pickled(url: str) -> None:
    thulium = Thulium(url, USER, PASSWORD)
    for secretive in (thulium, thulium.connections(), thulium.client):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(secretive)


@pytest.mark.usefixtures("library")
def test_a_url_with_credentials_works_and_is_shown_without_them(url: str) -> None:
    thulium = Thulium(url.replace("://", f"://{quote(USER)}:{quote(PASSWORD, safe='')}@"))
    assert thulium.connections().count() > 0
    assert thulium.url == url
    assert_nothing_told(f"{thulium!r} {vars(thulium)}")


def test_no_child_process_inherits_it_from_an_argument(url: str) -> None:
    Thulium(url, USER, PASSWORD).connections().count()
    child = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True)
    assert_nothing_told(child.stdout)


def test_a_password_file_that_others_can_read_is_refused(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    for mode in (0o640, 0o604, 0o660, 0o666):
        secret.chmod(mode)
        done = here("doctor", "--password-file", secret, url=url)
        assert done.returncode == 2
        assert "chmod 600" in done.stderr
        assert_nothing_told(done.stderr)

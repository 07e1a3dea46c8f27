"""What pyreqwest does by itself, and where it leaves the work to httpx."""

import inspect
import logging
import os
import ssl
import subprocess
import sys
import threading
import traceback
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from tests.endpoint.test_client import NOBODY, PAGE, PASSWORD, PHONE, PRIVATE, QUICK, ask, asking, client_of
from tests.scripted import Answer, serving
from thulium_frames.endpoint.by_pyreqwest import PyreqwestSender
from thulium_frames.endpoint.client import Client
from thulium_frames.endpoint.deadline import Deadline
from thulium_frames.endpoint.exchange import HandOverError
from thulium_frames.endpoint.retries import RetryPolicy
from thulium_frames.endpoint.settings import resolve
from thulium_frames.endpoint.transport import best_library
from thulium_frames.endpoint.trust import Trust
from thulium_frames.errors import ApiError

exceptions = pytest.importorskip("pyreqwest.exceptions", reason="the extra `fast` is not installed")

pytestmark = [
    pytest.mark.parametrize("library", ["pyreqwest"], indirect=True),
    pytest.mark.usefixtures("library"),
]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


# --- errors


def foreign_errors() -> list[type[Exception]]:
    kinds = [kind for kind in vars(exceptions).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    return [kind for kind in kinds if issubclass(kind, exceptions.PyreqwestError)]


def an_error(kind: type[Exception], words: str = "what happened") -> Exception:
    causes = [{"message": f"for url (http://x/?src={PHONE})"}, {"message": words}]
    details = {"causes": causes, "status": 500, "doc": "x", "pos": 0}
    return kind(words, details) if "details" in inspect.signature(kind).parameters else kind(words)


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def raise_it(*_: object) -> object:
        raise error

    monkeypatch.setattr("thulium_frames.endpoint.by_pyreqwest._headers", raise_it)


@pytest.mark.parametrize("kind", foreign_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_library_becomes_one_of_ours(monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    fail(monkeypatch, an_error(kind))
    with asking([PAGE]) as (client, _), pytest.raises(ApiError) as caught:
        ask(client, PRIVATE)
    assert type(caught.value.__cause__) is kind
    assert PHONE not in "".join(traceback.format_exception(caught.value))


def test_the_errors_of_the_library_are_enumerated() -> None:
    assert {exceptions.ConnectError, exceptions.BuilderError, exceptions.JSONDecodeError} <= set(foreign_errors())
    assert len(foreign_errors()) >= 20


@pytest.mark.parametrize(
    ("kind", "tries"),
    [
        (exceptions.ReadTimeoutError, QUICK.first_tries),
        (exceptions.ConnectError, QUICK.first_tries),
        (exceptions.BodyDecodeError, QUICK.first_tries),
        (exceptions.BuilderError, 1),
    ],
)
def test_only_what_may_pass_is_sent_again(monkeypatch: pytest.MonkeyPatch, kind: type[Exception], tries: int) -> None:
    fail(monkeypatch, an_error(kind))
    with asking([PAGE]) as (client, _), pytest.raises(ApiError):
        ask(client)
    assert client.requests == tries


def test_an_error_tells_what_happened_and_no_filter() -> None:
    with client_of(NOBODY) as client, pytest.raises(ApiError, match=r"^the connection failed: .*refused") as caught:
        ask(client, PRIVATE)
    assert PHONE not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("is_over", "told"), [(True, "no answer within 60 s"), (False, "no connection within 10 s")])
def test_a_limit_is_told(monkeypatch: pytest.MonkeyPatch, is_over: bool, told: str) -> None:
    fail(monkeypatch, an_error(exceptions.ConnectTimeoutError))
    monkeypatch.setattr(Deadline, "is_over", is_over)
    monkeypatch.setattr(Deadline, "check", lambda _: None)
    with (
        asking([PAGE], retries=RetryPolicy(budget=1e6, first_wait=0.001)) as (client, _),
        pytest.raises(ApiError, match=rf"^{told}\n"),
    ):
        ask(client)


def test_a_header_that_is_no_text_counts_as_missing() -> None:
    odd = Answer(b"HTTP/1.1 200 OK\r\nX-Request-Id: \xff\r\n" + PAGE.raw.partition(b"\r\n")[2])
    with asking([odd]) as (client, _):
        assert ask(client).count == 3


# --- what is left to httpx


def assert_sent_by(library: str, url: str) -> None:
    with client_of(url) as client:
        assert [ask(client).count for _ in range(2)] == [3, 3]
        assert (client.library, client.requests) == (library, 2)


@pytest.mark.usefixtures("pem")
def test_a_system_over_tls_is_asked_by_pyreqwest(tls: ssl.SSLContext) -> None:
    with serving([PAGE], tls) as script:
        assert_sent_by("pyreqwest", script.url)


@pytest.mark.usefixtures("pem")
def test_a_system_whose_tls_pyreqwest_does_not_speak_is_asked_by_httpx(
    tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "thulium_frames")
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    with serving([PAGE], tls) as script:
        assert_sent_by("httpx", script.url)
    assert "pyreqwest cannot go on: received fatal alert" in caplog.text
    assert "requests are sent by httpx" in caplog.text


@pytest.mark.usefixtures("pem")
def test_requests_under_way_together_are_all_handed_over(tls: ssl.SSLContext) -> None:
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    counts: list[int] = []
    with serving([PAGE], tls) as script, client_of(script.url) as client:
        threads = [threading.Thread(target=lambda: counts.append(ask(client).count)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert counts == [3] * 4
    assert client.requests == script.requests == 4


def test_a_folder_of_authorities_is_left_to_httpx(
    tls: ssl.SSLContext, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyreqwest would trust those of the folder and those of the file."""
    monkeypatch.setenv("SSL_CERT_DIR", str(pem.parent))
    with serving([PAGE], tls) as script:
        assert_sent_by("httpx", script.url)
    with serving([PAGE]) as script:  # where there is no certificate, it does not matter
        assert_sent_by("pyreqwest", script.url)


@pytest.mark.usefixtures("pem")
def test_a_file_of_authorities_is_left_to_httpx_where_the_platform_adds_its_own(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with serving([PAGE], tls) as script:
        assert_sent_by("httpx", script.url)


def test_a_machine_without_certificates_is_left_to_httpx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere"))
    with serving([PAGE]) as script:
        assert_sent_by("httpx", script.url)


def test_a_proxy_is_left_to_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving([PAGE]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        settings = resolve("http://acme.invalid", "user", PASSWORD, allow_http=True)
        with closing(Client(settings, workers=1, retries=QUICK)) as client:
            assert ask(client).count == 3
    assert client.library == "httpx"


def test_the_variables_of_a_proxy_are_not_read_by_pyreqwest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, NOBODY)
    with serving([PAGE]) as script:
        assert_sent_by("pyreqwest", script.url)


def test_a_redirect_to_https_is_left_to_httpx() -> None:
    """Which certificates are to be trusted was not looked at."""
    sender = PyreqwestSender(resolve(NOBODY, "user", PASSWORD), Trust(), Deadline(), connections=1)
    with closing(sender), pytest.raises(HandOverError):
        sender.send("https://127.0.0.1/")


def test_a_library_can_be_chosen() -> None:
    with serving([PAGE]) as script:
        client = Client(resolve(script.url, "user", PASSWORD), workers=1, retries=QUICK, library="httpx")
        with closing(client):
            assert ask(client).count == 3
    assert client.library == "httpx"


def test_the_faster_library_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best_library() == "pyreqwest"
    monkeypatch.setattr("thulium_frames.endpoint.transport.find_spec", lambda _: None)
    assert best_library() == "httpx"


def run(code: str) -> None:
    """Run code in a process that has not loaded the library yet. (A plugin of pytest loads it in this one.)"""
    imports = """
import os, sys, threading
from tests.endpoint.test_client import PAGE, ask, client_of
from tests.scripted import serving
assert "pyreqwest" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", imports + code], check=True, cwd=Path(__file__).parents[2], timeout=60)


def test_threads_may_end_in_any_order() -> None:
    """The library crashes the process when the thread that loaded it has ended, so one stays."""
    run("""
with serving([PAGE]) as script, client_of(script.url) as client:
    for _ in range(20):
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (client.library, script.requests) == ("pyreqwest", 80)
""")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_fork_is_left_to_httpx() -> None:
    """The library would wait there for ever."""
    run("""
with serving([PAGE]) as script, client_of(script.url) as client:
    assert ask(client).count == 3
    if not (child := os.fork()):
        with client_of(script.url) as another:
            counts = [ask(client).count, ask(another).count]
        client.close()
        os._exit((counts, client.library, another.library) != ([3, 3], "httpx", "httpx"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (ask(client).count, client.library) == (3, "pyreqwest")
""")

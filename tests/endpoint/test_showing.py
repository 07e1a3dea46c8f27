"""What a server says reaches no terminal as it came."""

import json
import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint.test_client import PAGE, PASSWORD, ask, client_of, failure_of, redirect
from tests.scripted import Answer, answer, serving
from thulium_frames.endpoint.settings import Secret
from thulium_frames.endpoint.showing import printable, shown
from thulium_frames.errors import ApiError

ODD = "\x1b[2J\x1b]0;title\x07\x08\x7f\x85\x9b31m\u202e\u2066\u200f\ufeff\ud800"
KEPT = "zażółć Ж 🐢"


def assert_harmless(text: str) -> None:
    assert [character for character in text if not character.isprintable() and character != "\n"] == []


@given(st.text(st.characters(exclude_categories=[])))
def test_every_character_left_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)


def test_letters_stay_and_white_space_becomes_a_blank() -> None:
    assert printable(f"{KEPT}\r\n\t\xa0\u2028x") == f"{KEPT}     x"


def test_the_password_is_taken_out_before_the_text_is_cut() -> None:
    assert shown("x" * 490 + PASSWORD, Secret(PASSWORD)) == "x" * 490 + "***"
    assert len(shown("x" * 10_000, Secret(PASSWORD))) == 500


def an_error(text: str) -> bytes:
    return json.dumps({"request_id": f"id-{text}", "errors": [{"message": f"{KEPT}{text}", "code": text}]}).encode()


HEADER = ODD.encode("utf-8", "surrogatepass").decode("latin-1").replace("\x85", "").replace("\xa0", "")
ANSWERS = {
    "a message": answer(an_error(ODD), 400),
    "a message that may pass": answer(an_error(ODD), 500),
    "a message with status 200": answer(an_error(ODD)),
    "a message with raw characters": answer(an_error("!").replace(b"!", b"\x1b[2J\x07\xc2\x9b"), 400),
    "a reason": answer(b"", 400, f"Bad {HEADER} Request"),
    "a reason that may pass": answer(b"", 503, f"{HEADER}"),
    "a request id": answer(b"", 400, X_Request_Id=f"id-{HEADER}"),
    "a redirect to another host": redirect(f"http://localhost/{HEADER}"),
    "a redirect to an odd host": redirect(f"http://local{HEADER}host/"),
    "a redirect to another page": redirect("/login/%1b%c2%9b\u202e?x=1".encode().decode("latin-1")),
    "an odd status line": Answer(f"HTTP/1.1 200{HEADER}\r\n\r\n".encode("latin-1")),
    "an odd header": Answer(f"HTTP/1.1 200 OK\r\nX{HEADER}: x\r\n\r\n".encode("latin-1")),
    "a page": answer(f"<html>{HEADER}".encode("latin-1")),
    "a name in another shape": answer(json.dumps({ODD: 1, "a": ODD}).encode()),
}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("given", ANSWERS)
def test_no_error_and_no_log_holds_a_character_that_steers_a_terminal(
    given: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    error, _ = failure_of([ANSWERS[given], *[PAGE] * ("another page" in given)] * 4)
    assert_harmless(f"{error}{getattr(error, 'request_id', '')}")
    assert len(str(error).splitlines()) <= 2
    for record in caplog.records:
        assert_harmless(record.getMessage())
    if "message" in given:
        assert KEPT in str(error)


@pytest.mark.usefixtures("library")
def test_a_proxy_that_refuses_steers_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even in the traceback that `--debug` shows."""
    with serving([answer(b"", 502, "\x1b[31mNo\x07 Tunnel")]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with client_of("https://acme.invalid") as client, pytest.raises(ApiError, match="No") as caught:
            ask(client)
    assert_harmless("".join(traceback.format_exception(caught.value)))


@pytest.mark.usefixtures("library")
def test_a_password_that_a_redirect_repeats_is_not_shown() -> None:
    error, _ = failure_of([redirect("/login/abc123secret?x=1"), PAGE] * 4, password="abc123secret")
    assert "/login/***" in str(error)

"""The client over real sockets, against scripted answers."""

import base64
import gzip
import inspect
import json
import logging
import os
import re
import signal
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import trustme
import zstandard

from tests.endpoint.libraries import BY_HTTPX
from tests.scripted import Answer, Script, Then, answer, serving
from thulium_frames.endpoint.client import Client, StoppedError
from thulium_frames.endpoint.concurrency import Concurrency
from thulium_frames.endpoint.pacing import Pace
from thulium_frames.endpoint.retries import RetryPolicy, TryAgainError
from thulium_frames.endpoint.settings import resolve
from thulium_frames.endpoint.transport import Transport
from thulium_frames.errors import (
    ApiError,
    AuthenticationError,
    ContractError,
    ForeignAnswerError,
    RequestRejectedError,
    SettingsError,
    ThuliumFramesError,
    UnreadableAnswerError,
)
from thulium_frames.records import Page, read_page

pytestmark = pytest.mark.usefixtures("library")

PASSWORD = "tajne-hasło"
PHONE = "48600700800"
QUERY = [("limit", "100"), ("offset", "200"), ("date_from", "2024-07-01 00:00"), ("date_to", "2024-07-02 00:00")]
PRIVATE = [*QUERY, ("src", PHONE), ("user_login", "j.doe"), ("tags[]", "chory"), ("tags[]", "a&b=c ż")]
QUICK = RetryPolicy(tries=4, first_tries=3, budget=60, first_wait=0.001, max_wait=0.001)

PAGE = answer(b'{"count": 3, "result": []}')
NOBODY = "http://127.0.0.1:1"


class FakeTime(threading.Event):
    """A clock that stands still, and a stop signal. Waiting for the signal moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.waits: list[float] = []
        self.pace = Pace(Concurrency(1))

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.now += timeout
        return self.is_set()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """Pauses take no time: waiting moves this clock."""
    time = FakeTime()

    def pace_of(concurrency: Concurrency) -> Pace:
        time.pace = Pace(concurrency, time.clock)
        return time.pace

    monkeypatch.setattr("thulium_frames.endpoint.client.Pace", pace_of)
    return time


class Leaving(threading.Event):
    """A stop signal that is set as soon as anybody waits for it: the reader leaves."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # it never waits
        self.set()
        return True


@contextmanager
def client_of(
    url: str, *, user: str = "api_user", password: str = PASSWORD, workers: int = 4, retries: RetryPolicy = QUICK
) -> Iterator[Client]:
    client = Client(resolve(url, user, password), workers=workers, retries=retries)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def asking(answers: Sequence[Answer], **settings: Any) -> Iterator[tuple[Client, Script]]:
    with serving(answers) as script, client_of(script.url, **settings) as client:
        yield client, script


def ask(client: Client, query: Sequence[tuple[str, str]] = QUERY, stop: threading.Event | None = None) -> Page:
    return client.get(query, partial(read_page, time_zone="Europe/Warsaw"), stop or threading.Event())


def failure_of(
    answers: Sequence[Answer], stop: threading.Event | None = None, **settings: Any
) -> tuple[ThuliumFramesError, int]:
    """The error that is raised in the end, and the number of requests before it."""
    with asking(answers, **settings) as (client, script), pytest.raises(ThuliumFramesError) as caught:
        ask(client, stop=stop)
    assert client.requests == script.requests
    return caught.value, script.requests


def envelope(*messages: str, request_id: str = "req-42") -> bytes:
    errors = [{"message": message, "code": 17} for message in messages]
    return json.dumps({"request_id": request_id, "errors": errors}).encode()


# --- what the client sends


def test_the_query_is_sent_as_it_is_to_the_one_path() -> None:
    with asking([PAGE]) as (client, script):
        assert ask(client, PRIVATE).count == 3
    target = urlsplit(script.seen[0].target)
    assert target.path == "/api/connections"
    assert parse_qsl(target.query, keep_blank_values=True, strict_parsing=True) == PRIVATE


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("api_user", "password"),
        ("żółw", "zażółć gęślą jaźń €🐢"),
        ("api_user", "with:colon \"quotes\" 'too'"),
        ("user@example.org", " blanks around "),
        ("api user", "100 % & + / \\ ?"),
    ],
)
def test_credentials_go_in_the_header_as_utf8(user: str, password: str) -> None:
    with asking([PAGE], user=user, password=password) as (client, script):
        ask(client)
    scheme, encoded = script.seen[0].headers["Authorization"].split(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded).decode() == f"{user}:{password}"


def test_a_request_says_who_asks_and_what_is_understood() -> None:
    with asking([PAGE]) as (client, script):
        ask(client)
    headers = script.seen[0].headers
    assert headers["User-Agent"] == f"thulium-frames/{version('thulium-frames')}"
    assert headers["Accept"] == "application/json"
    assert {"gzip", "zstd"} <= {encoding.strip() for encoding in headers["Accept-Encoding"].split(",")}


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_compressed_body_is_read(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    with asking([answer(compress(b'{"count": 3, "result": []}'), Content_Encoding=encoding)]) as (client, _):
        assert ask(client).count == 3


def test_a_chunked_body_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b'9\r\n{"count":\r\nf\r\n 3, "result":[]\r\n1\r\n}\r\n0\r\n\r\n'
    with asking([Answer(head + body)]) as (client, _):
        assert ask(client).count == 3


def test_one_connection_serves_many_requests() -> None:
    with asking([PAGE]) as (client, script):
        for _ in range(5):
            ask(client)
    assert [seen.connection for seen in script.seen] == [1] * 5


def test_requests_of_several_threads_are_all_counted() -> None:
    with asking([PAGE], workers=3) as (client, script):
        threads = [threading.Thread(target=lambda: [ask(client) for _ in range(10)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert client.requests == script.requests == 40
    assert script.connections <= 3


# --- temporary failures are retried


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_an_error_that_may_pass_is_tried_again(status: int) -> None:
    with asking([answer(status=status), answer(status=status), PAGE]) as (client, script):
        assert ask(client).count == 3
    assert client.requests == script.requests == 3


CUT = Answer(answer(b'{"count": 3, "result": []}').raw[:-9], Then.CLOSE)
BROKEN = {
    "a reset before the answer": Answer(b"", Then.RESET),
    "a close before the answer": Answer(b"", Then.CLOSE),
    "a reset in the middle of the head": Answer(b"HTTP/1.1 200 OK\r\nContent-Le", Then.RESET),
    "a reset in the middle of the body": Answer(CUT.raw, Then.RESET),
    "a close in the middle of the body": CUT,
    "a close in the middle of a chunk": Answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", Then.CLOSE
    ),
    "no HTTP": Answer(b"SSH-2.0-OpenSSH_9.6\r\n", Then.CLOSE),
    "cut JSON": answer(b'{"count": 3, "result": ['),
    "an empty body": answer(b""),
    "a login page": answer(b"<!DOCTYPE html><html>Zaloguj</html>", Content_Type="text/html"),
    "damaged compression": answer(b"this is not gzip", Content_Encoding="gzip"),
}
#: What a system says twice in a row with status 200, it will say again.
SETTLED = {
    "an error envelope": answer(envelope("nie teraz")),
    "another shape": answer(b'{"data": []}'),
}
BROKEN_OR_SETTLED = BROKEN | SETTLED


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_answer_is_tried_again(broken: str) -> None:
    with asking([BROKEN[broken], BROKEN[broken], PAGE]) as (client, script):
        assert ask(client).count == 3
    assert client.requests == script.requests == 3


@pytest.mark.parametrize("settled", SETTLED)
def test_an_answer_that_will_hardly_change_is_asked_for_twice(settled: str) -> None:
    with asking([SETTLED[settled], PAGE, SETTLED[settled], BROKEN["cut JSON"], SETTLED[settled], PAGE]) as (client, _):
        assert [ask(client).count, ask(client).count] == [3, 3]
    with asking([PAGE, SETTLED[settled]]) as (client, script):
        ask(client)
        with pytest.raises(ThuliumFramesError):
            ask(client)
    assert script.requests == 3


def test_the_same_error_is_the_same_whatever_its_request_id() -> None:
    answers = [answer(envelope("nie teraz", request_id=f"req-{number}")) for number in range(9)]
    assert failure_of(answers)[1] == 2


def test_errors_with_status_200_that_differ_have_all_their_tries() -> None:
    answers = [answer(envelope(f"zajęty {number}")) for number in range(9)]
    assert failure_of(answers)[1] == QUICK.tries


@pytest.mark.parametrize(
    ("broken", "kind", "shown"),
    [
        ("a reset before the answer", ApiError, "connection failed"),
        ("a close in the middle of the body", ApiError, "connection failed"),
        ("no HTTP", ApiError, "connection failed"),
        ("cut JSON", UnreadableAnswerError, "cut short"),
        ("an empty body", UnreadableAnswerError, "empty"),
        ("a login page", UnreadableAnswerError, "login page"),
        ("an error envelope", ApiError, "nie teraz"),
        ("another shape", ForeignAnswerError, "data"),
        ("damaged compression", UnreadableAnswerError, "compression"),
    ],
)
def test_an_answer_that_stays_broken_is_an_error_that_says_so(
    broken: str, kind: type[ThuliumFramesError], shown: str
) -> None:
    error, requests = failure_of([BROKEN_OR_SETTLED[broken]])
    assert type(error) is kind
    assert shown in str(error)
    assert requests in ((2,) if broken in SETTLED else (QUICK.first_tries, QUICK.tries))


@pytest.mark.parametrize("status", [501, 505])
def test_what_the_server_does_not_support_is_asked_for_once(status: int) -> None:
    error, requests = failure_of([answer(status=status)])
    assert type(error) is ApiError
    assert requests == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_an_error_that_stays_ends_after_the_tries(status: int) -> None:
    error, requests = failure_of([answer(status=status)])
    assert isinstance(error, ApiError)
    assert error.status == status
    assert requests == QUICK.tries


def test_a_system_that_never_answered_is_given_up_sooner() -> None:
    with client_of(NOBODY) as client, pytest.raises(ApiError, match="given up after 3 failed tries"):
        ask(client)
    assert client.requests == QUICK.first_tries


def test_a_system_that_has_answered_is_tried_longer() -> None:
    with asking([PAGE, Answer(b"", Then.RESET)]) as (client, script):
        ask(client)
        with pytest.raises(ApiError, match="given up after 4 failed tries"):
            ask(client)
    assert script.requests == 1 + QUICK.tries


def test_each_request_has_its_own_tries() -> None:
    failed = answer(status=500)
    with asking([failed, failed, failed, PAGE, failed, failed, failed, PAGE]) as (client, script):
        assert [ask(client).count for _ in range(2)] == [3, 3]
    assert script.requests == 8


def test_no_request_goes_on_for_longer_than_its_budget() -> None:
    error, requests = failure_of([answer(status=500)], retries=RetryPolicy(budget=0, first_wait=0.001))
    assert "given up after 1 failed tries" in str(error)
    assert requests == 1


# --- the system asks the client to slow down


def test_being_told_to_wait_costs_no_try() -> None:
    told = answer(status=429, Retry_After="0")
    with asking([*[told] * 10, PAGE]) as (client, script):
        assert ask(client).count == 3
    assert script.requests == 11


NOW = datetime(2024, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [429, 503, 500, 502, 504, 408])
@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        (7, {"Retry_After": "7"}),
        (
            7,
            {
                "Date": format_datetime(NOW, usegmt=True),
                "Retry_After": format_datetime(NOW + timedelta(seconds=7), usegmt=True),
            },
        ),
    ],
)
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(
    time: FakeTime, status: int, seconds: int, headers: dict[str, str]
) -> None:
    start = time.now
    with asking([answer(b"", status, **headers), PAGE]) as (client, script):
        assert ask(client, stop=time).count == 3
    assert script.requests == 2
    assert seconds <= time.now - start < seconds + 1


@pytest.mark.parametrize("status", [429, 503, 500, 502, 504, 408])
def test_retry_after_makes_everybody_wait_and_halves_the_concurrency(time: FakeTime, status: int) -> None:
    with asking([answer(status=status, Retry_After="7"), PAGE], workers=4) as (client, script):
        with pytest.raises((StoppedError, ApiError)):
            ask(client, stop=Leaving())
        assert (script.requests, time.pace.allowed) == (1, 2)
        start = time.now
        assert ask(client, stop=time).count == 3
    assert time.now - start >= 7


@pytest.mark.parametrize("status", [429, 503, 500, 502, 504])
def test_429_and_5xx_halve_the_concurrency_also_without_a_time(time: FakeTime, status: int) -> None:
    with asking([answer(status=status), PAGE], workers=4) as (client, _):
        ask(client, stop=time)
    assert time.pace.allowed == 2


@pytest.mark.parametrize("status", [408, 425])
def test_other_errors_leave_the_concurrency(time: FakeTime, status: int) -> None:
    with asking([answer(status=status), PAGE], workers=4) as (client, _):
        ask(client, stop=time)
    assert time.pace.allowed == 4


def test_answers_raise_the_concurrency_again(time: FakeTime) -> None:
    with asking([answer(status=429), PAGE], workers=4) as (client, _):
        for _ in range(5):
            ask(client, stop=time)
    assert time.pace.allowed == 3  # more than twice as many as are used is not tried


def test_a_wait_longer_than_the_budget_is_not_begun(time: FakeTime) -> None:
    error, requests = failure_of([answer(status=429, Retry_After="3600")], stop=time)
    assert "429" in str(error)
    assert (requests, time.waits) == (1, [])


@pytest.mark.parametrize(
    "given",
    [
        answer(status=429, Retry_After="3600"),
        answer(status=429, Retry_After=format_datetime(datetime(2099, 1, 1, tzinfo=UTC), usegmt=True)),
        answer(status=429, Retry_After="9" * 400),
        answer(status=503, Retry_After="3600"),
        answer(status=500, Retry_After="61"),
        answer(status=429, Retry_After="60"),
    ],
)
def test_being_told_to_wait_for_longer_than_the_budget_is_no_refusal(time: FakeTime, given: Answer) -> None:
    with asking([given]) as (client, script):
        for _ in range(2):  # the next request is not held up
            with pytest.raises(ApiError, match=r"^told to slow down for longer than 60 s: the system answered") as told:
                ask(client, stop=time)
            assert type(told.value) is ApiError
            assert told.value.status == int(given.raw.split()[1])
    assert (script.requests, time.waits) == (2, [])


def test_a_429_without_a_time_ends_with_the_budget(time: FakeTime) -> None:
    waits = RetryPolicy(budget=60, first_wait=8, max_wait=20)
    with asking([answer(status=429)], retries=waits) as (client, _), pytest.raises(ApiError) as told:
        ask(client, stop=time)
    assert str(told.value).startswith("told to slow down for longer than 60 s: the system answered 429")
    assert type(told.value) is ApiError
    assert time.now - 1000 <= 60


def test_a_request_with_less_time_left_than_the_common_pause_ends_at_once(
    time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has waited for half of its 60 seconds when another request is told to wait for 31."""

    def tell_to_wait(timeout: float) -> bool:
        time.now += timeout
        time.pace.slow_down(time.now, 31)
        return False

    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", tell_to_wait)
    patient = RetryPolicy(budget=60, first_wait=59, max_wait=59)
    with asking([answer(status=500), PAGE], retries=patient) as (client, script):
        with pytest.raises(ApiError, match=r"^told to slow down for longer than 60 s\nGET") as told:
            ask(client, stop=stop)
        assert type(told.value) is ApiError
        assert script.requests == 1
        assert ask(client, stop=time).count == 3
    assert time.waits == [31]


@pytest.mark.parametrize(("seconds", "level"), [(7, logging.INFO), (40, logging.WARNING)])
def test_a_pause_that_everybody_keeps_is_told_once(
    time: FakeTime, caplog: pytest.LogCaptureFixture, seconds: int, level: int
) -> None:
    caplog.set_level(logging.INFO, "thulium_frames")
    with asking([answer(status=429, Retry_After=str(seconds)), PAGE]) as (client, _):
        ask(client, stop=time)
        time.pace.slow_down(began=time.now, pause=0.5)
    told = [record for record in caplog.records if "asks to slow down" in record.getMessage()]
    assert [record.levelno for record in told] == [level]
    assert f"{seconds} s" in told[0].getMessage()


# --- the budget


def test_no_wait_is_begun_that_would_end_after_the_budget(time: FakeTime) -> None:
    slow = RetryPolicy(tries=99, first_tries=99, budget=100, first_wait=40, max_wait=40)
    error, requests = failure_of([answer(status=500)], stop=time, retries=slow)
    assert sum(time.waits) < 100
    assert requests == 1 + len(time.waits)
    assert "given up after" in str(error)


def test_the_time_of_the_tries_counts(time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[float] = []

    def take_30_seconds(_: object, __: object, seconds: float, ___: int) -> NoReturn:
        allowed.append(seconds)
        time.now += min(30, seconds)
        raise TryAgainError(ApiError("too late"))

    monkeypatch.setattr(Transport, "get", take_30_seconds)
    slow = RetryPolicy(tries=99, first_tries=99, budget=100, timeout=60, first_wait=0.1, max_wait=0.1)
    with client_of(NOBODY, retries=slow) as client, pytest.raises(ApiError):
        ask(client, stop=time)
    assert allowed[:2] == [60, 60]
    assert all(seconds <= 100 - 30 * number for number, seconds in enumerate(allowed))
    assert len(allowed) == 4
    assert time.now < 1100.001


def test_waiting_for_a_turn_costs_nothing_of_the_budget(time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking([PAGE], workers=1) as (client, _):
        stop = threading.Event()
        held = time.pace.turn(stop)
        held.__enter__()

        def let_go(_: float | None) -> bool:
            time.now += 10_000
            held.__exit__(None, None, None)
            return False

        monkeypatch.setattr(time.pace._changed, "wait", let_go)
        assert ask(client, stop=stop).count == 3


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "\xb2", "Mon, 99 Jul 2024 12:00:00 GMT", "12:00"])
def test_a_time_to_wait_that_cannot_be_read_is_no_time(time: FakeTime, text: str) -> None:
    with asking([answer(status=429, Retry_After=text), PAGE]) as (client, _):
        assert ask(client, stop=time).count == 3
    assert sum(time.waits) < 1


@pytest.mark.parametrize(
    ("date", "retry_after"),
    [
        (NOW, NOW),
        (NOW, NOW - timedelta(hours=1)),
    ],
)
def test_a_date_that_has_passed_waits_for_nothing(time: FakeTime, date: datetime, retry_after: datetime) -> None:
    dates = {"Date": format_datetime(date, usegmt=True), "Retry_After": format_datetime(retry_after, usegmt=True)}
    with asking([answer(b"", 429, **dates), PAGE]) as (client, _):
        assert ask(client, stop=time).count == 3
    assert sum(time.waits) < 1


# --- permanent refusals


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRejectedError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, RequestRejectedError),
        (405, RequestRejectedError),
        (422, RequestRejectedError),
    ],
)
def test_a_refusal_is_not_tried_again(status: int, kind: type[ApiError]) -> None:
    error, requests = failure_of([answer(envelope("Brak uprawnień"), status, Retry_After="1")])
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.status, error.request_id) == (status, "req-42")
    assert str(status) in str(error)
    assert "Brak uprawnień" in str(error)
    assert "req-42" in str(error)
    assert requests == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "--user"), (401, "API user"), (403, "GET connections"), (404, "--url")],
)
def test_a_refusal_says_what_to_do(status: int, advice: str) -> None:
    error, _ = failure_of([answer(status=status)])
    assert advice in str(error)


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    ("body", "headers", "request_id"),
    [
        (envelope("a", request_id="of the body"), {}, "of the body"),
        (envelope("a", request_id="of the body"), {"X_Request_Id": "of the header"}, "of the body"),
        (b"", {"X_Request_Id": "of the header"}, "of the header"),
        (b"<html>", {"X_Request_Id": "of the header"}, "of the header"),
        (b"{}", {}, None),
    ],
)
def test_the_request_id_is_told(status: int, body: bytes, headers: dict[str, str], request_id: str | None) -> None:
    error, _ = failure_of([answer(body, status, **headers)])
    assert isinstance(error, ApiError)
    assert error.request_id == request_id
    assert request_id is None or request_id in str(error)


def test_the_request_id_of_an_error_with_status_200_is_told_too() -> None:
    error, _ = failure_of([answer(envelope("nie teraz"))])
    assert isinstance(error, ApiError)
    assert error.request_id == "req-42"
    assert "req-42" in str(error)


def test_all_messages_of_an_envelope_are_told() -> None:
    error, _ = failure_of([answer(envelope("zły limit", "zła data"), 400)])
    assert "zły limit" in str(error)
    assert "zła data" in str(error)
    assert "17" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"errors": "x"}',
        b'{"errors": [1, null]}',
        b'{"errors": [{}]}',
        b'{"errors": {}}',
        b"\xff",
        b"[" * 200_000,
        b'{"errors": ' * 50_000,
    ],
)
def test_an_envelope_of_another_shape_is_no_trouble(body: bytes) -> None:
    error, _ = failure_of([answer(body, 400)])
    assert isinstance(error, RequestRejectedError)


def test_a_long_message_is_cut() -> None:
    error, _ = failure_of([answer(envelope("x" * 100_000), 400)])
    assert len(str(error)) < 1000


# --- redirects


def redirect(target: str, status: int = 302) -> Answer:
    return answer(b"", status, Location=target)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_host_is_followed_with_the_password(status: int) -> None:
    with asking([redirect("/v2/api/connections", status), PAGE]) as (client, script):
        assert ask(client).count == 3
    assert [urlsplit(seen.target).path for seen in script.seen] == ["/api/connections", "/v2/api/connections"]
    assert urlsplit(script.seen[1].target).query == urlsplit(script.seen[0].target).query
    assert script.seen[1].headers["Authorization"] == script.seen[0].headers["Authorization"]
    assert client.requests == 2


def test_an_answer_to_another_question_is_none() -> None:
    """A redirect that changes the query would return calls that nobody asked for."""
    error, _ = failure_of([redirect("/api/connections?limit=5"), PAGE] * 5)
    assert isinstance(error, UnreadableAnswerError)
    assert "redirects to another page, /api/connections" in str(error)


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "user:pass@localhost"])
def test_a_redirect_to_another_host_is_refused(host: str, status: int) -> None:
    with serving([PAGE]) as other:
        error, requests = failure_of([redirect(f"http://{host}:{other.port}/api/connections", status)])
    assert isinstance(error, RequestRejectedError)
    assert host.rpartition("@")[2] in str(error)
    assert "--url" in str(error)
    assert "pass@" not in str(error)
    assert (requests, other.requests) == (1, 0)


def test_a_redirect_to_another_port_is_refused() -> None:
    with serving([PAGE]) as other:
        error, _ = failure_of([redirect(f"{other.url}/api/connections")])
    assert isinstance(error, RequestRejectedError)
    assert other.requests == 0


def test_a_redirect_to_another_host_is_refused_also_after_one_within_it() -> None:
    with serving([PAGE]) as other:
        error, requests = failure_of([redirect("/a"), redirect(f"http://localhost:{other.port}/")])
    assert isinstance(error, RequestRejectedError)
    assert (requests, other.requests) == (2, 0)


def test_redirects_in_a_circle_have_an_end() -> None:
    error, requests = failure_of([redirect("/api/connections")])
    assert isinstance(error, RequestRejectedError)
    assert "circle" in str(error)
    assert requests < 10


@pytest.mark.parametrize("target", ["", "https://[::1", "ftp://127.0.0.1/", "http://", "mailto:a@b"])
def test_a_redirect_to_nowhere_is_an_error_of_ours(target: str) -> None:
    error, _ = failure_of([redirect(target)])
    assert isinstance(error, ApiError)


def test_a_redirect_without_a_target_is_refused() -> None:
    error, requests = failure_of([answer(status=302)])
    assert isinstance(error, RequestRejectedError)
    assert requests == 1


# --- what messages and logs say, and what they keep secret


@pytest.mark.parametrize(
    "given",
    [answer(envelope("zajęty"), 500), answer(b"<html>"), Answer(b"", Then.RESET), answer(b"[]"), answer(b"", 404)],
)
def test_a_message_says_where_it_was(given: Answer) -> None:
    error, _ = failure_of([given])
    assert "GET http://127.0.0.1:" in str(error)
    assert "/api/connections" in str(error)
    for name, value in QUERY:
        assert f"{name}={value}" in str(error)


def test_what_was_given_up_says_what_how_often_and_what_to_do() -> None:
    error, _ = failure_of([answer(envelope("zajęty"), 500, "Internal Server Error")])
    assert "500 Internal Server Error: zajęty" in str(error)
    assert re.search(r"given up after 4 failed tries and \d+ s", str(error))
    assert "continues where it stopped" in str(error)
    assert len(str(error).splitlines()) <= 2


@pytest.mark.parametrize(
    "given",
    [
        answer(status=500),
        answer(status=400),
        answer(status=401),
        answer(b"<html>"),
        answer(b"[]"),
        Answer(b"", Then.RESET),
        redirect("http://localhost:1/"),
        redirect("/api/connections"),
    ],
)
def test_no_message_and_no_log_tells_a_filter_or_the_password(caplog: pytest.LogCaptureFixture, given: Answer) -> None:
    caplog.set_level(logging.DEBUG, "thulium_frames")
    with asking([PAGE, given]) as (client, _):
        ask(client, PRIVATE)
        with pytest.raises(ThuliumFramesError) as caught:
            ask(client, PRIVATE)
    told = "\n".join([str(caught.value), *(record.getMessage() for record in caplog.records)])
    assert "date_from=2024-07-01 00:00" in told
    for secret in (PHONE, "j.doe", "chory", PASSWORD, base64.b64encode(f"api_user:{PASSWORD}".encode()).decode()):
        assert secret not in told


def test_the_library_below_logs_no_filter_either(caplog: pytest.LogCaptureFixture) -> None:
    """Users who turn on logging in a notebook must not find phone numbers there."""
    caplog.set_level(logging.INFO)
    login = f"/login?next=%2Fapi%2Fconnections%3Fsrc%3D{PHONE}"
    with asking([redirect(login), PAGE, redirect("/api/connections/"), PAGE]) as (client, script):
        ask(client, PRIVATE)
        ask(client, PRIVATE)
    assert any("/login" in seen.target and PHONE in seen.target for seen in script.seen)
    assert "/login" in caplog.text
    assert PHONE not in caplog.text


def test_requests_and_new_tries_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "thulium_frames")
    with asking([PAGE, answer(status=500), PAGE]) as (client, _):
        ask(client)
        caplog.clear()
        ask(client)
    levels = [(record.levelno, record.name) for record in caplog.records if record.name == "thulium_frames"]
    assert levels == [(logging.INFO, "thulium_frames"), (logging.DEBUG, "thulium_frames")]


def test_the_library_that_sends_the_requests_is_told(caplog: pytest.LogCaptureFixture, library: str) -> None:
    caplog.set_level(logging.DEBUG, "thulium_frames")
    with asking([PAGE]) as (client, _):
        ask(client)
        ask(client)
    assert client.library == library
    assert [record.getMessage() for record in caplog.records].count(f"requests are sent by {library}") == 1


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_password_that_the_system_repeats_is_not_shown(caplog: pytest.LogCaptureFixture, status: int) -> None:
    caplog.set_level(logging.DEBUG, "thulium_frames")
    error, _ = failure_of([answer(envelope(f"złe hasło {PASSWORD} użytkownika"), status)])
    assert "złe hasło" in str(error)
    assert PASSWORD not in str(error) + caplog.text


def test_the_cause_of_a_failed_connection_is_kept(library: str) -> None:
    error, _ = failure_of([Answer(b"", Then.RESET)])
    assert type(error.__cause__).__module__.partition(".")[0] == library


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def assert_refused(tls: ssl.SSLContext, host: str, shown: str) -> None:
    with serving([PAGE], tls) as script:
        client = client_of(f"https://{host}:{script.port}")
        with client as asked, pytest.raises(ApiError, match=shown):
            ask(asked)
    assert (asked.requests, script.requests) == (1, 0)


@pytest.mark.usefixtures("trusted")
def test_a_private_authority_is_trusted_through_ssl_cert_file(tls: ssl.SSLContext) -> None:
    with serving([PAGE], tls) as script, client_of(script.url) as client:
        assert ask(client).count == 3


def test_a_certificate_that_is_not_trusted_is_refused_at_once(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert_refused(tls, "127.0.0.1", r"certificate is not trusted.*SSL_CERT_FILE")


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_refused_at_once(tls: ssl.SSLContext) -> None:
    assert_refused(tls, "localhost", "certificate")


def test_a_file_of_authorities_that_is_not_there_is_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    with client_of("https://127.0.0.1:1") as client, pytest.raises(SettingsError, match="SSL_CERT_FILE"):
        ask(client)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("proxy", ["nonsense://proxy", "socks5://proxy:1080"])
def test_a_proxy_that_cannot_be_used_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, name: str, proxy: str) -> None:
    monkeypatch.setenv(name, proxy)
    with client_of("acme") as client, pytest.raises(SettingsError):
        ask(client)


def test_a_proxy_is_told_the_host_in_the_open_and_the_question_by_the_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy sees a plain http request whole. For https it only learns the host to which it opens a tunnel."""
    with serving([answer(b"", 502, "No Tunnel")]) as proxy:
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
            client = Client(
                resolve(f"{scheme}://acme.invalid", "api_user", PASSWORD, allow_http=True), workers=1, retries=QUICK
            )
            with closing(client), pytest.raises(ApiError):
                ask(client, [("src", "48600100200")])
    targets = {seen.target for seen in proxy.seen}
    assert targets == {"http://acme.invalid/api/connections?src=48600100200", "acme.invalid:443"}


def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, NOBODY)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with asking([PAGE]) as (client, _):
        assert ask(client).count == 3


# --- no error of another library reaches the caller


def foreign_errors() -> list[type[Exception]]:
    named = [getattr(httpx, name) for name in httpx.__all__]
    return [kind for kind in named if inspect.isclass(kind) and issubclass(kind, Exception)]


def an_error(kind: type[Exception]) -> Exception:
    given = inspect.signature(kind).parameters
    request = httpx.Request("GET", NOBODY)
    known = {"message": "what happened", "request": request, "response": httpx.Response(500, request=request)}
    return kind(**{name: known[name] for name in given if name in known})


@BY_HTTPX
@pytest.mark.parametrize("kind", foreign_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_httpx_becomes_one_of_ours(monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    def fail(*_: object, **__: object) -> httpx.Response:
        raise an_error(kind)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fail)
    with client_of(NOBODY) as client, pytest.raises(ApiError) as caught:
        ask(client)
    assert type(caught.value.__cause__) is kind


def test_the_errors_of_httpx_are_enumerated() -> None:
    assert {httpx.ConnectError, httpx.ReadTimeout, httpx.InvalidURL, httpx.StreamConsumed} <= set(foreign_errors())
    assert len(foreign_errors()) >= 25


@BY_HTTPX
@pytest.mark.parametrize(
    ("kind", "tries"),
    [
        (httpx.ReadTimeout, QUICK.first_tries),
        (httpx.ConnectError, QUICK.first_tries),
        (httpx.RemoteProtocolError, QUICK.first_tries),
        (httpx.UnsupportedProtocol, 1),
        (httpx.LocalProtocolError, 1),
    ],
)
def test_only_what_may_pass_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, kind: type[httpx.TransportError], tries: int
) -> None:
    def fail(*_: object, **__: object) -> httpx.Response:
        raise kind("what happened")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fail)
    with client_of(NOBODY) as client, pytest.raises(ApiError):
        ask(client)
    assert client.requests == tries


@pytest.mark.parametrize("url", [f"https://{'a' * 64}.invalid", f"https://{'ż' * 64}.invalid"], ids=["ASCII", "IDN"])
def test_an_address_that_cannot_be_asked_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(ThuliumFramesError), client_of(url) as client:
        ask(client)


def test_an_error_of_the_reader_is_its_own_and_not_tried_again() -> None:
    def refuse(_: bytes) -> Page:
        raise ContractError("not as promised")

    with asking([PAGE]) as (client, script), pytest.raises(ContractError, match=r"not as promised\nGET http"):
        client.get(QUERY, refuse, threading.Event())
    assert script.requests == 1


# --- a reader leaves early


def test_an_interrupt_ends_a_request_at_once() -> None:
    """Of the thread that gets signals, however long the answer may still take."""

    class Interrupting(list[Answer]):
        def __getitem__(self, _: Any) -> Any:
            os.kill(os.getpid(), signal.SIGINT)
            may_end.wait(60)
            return PAGE

    may_end = threading.Event()
    patient = RetryPolicy(timeout=600, budget=600)
    with serving([PAGE]) as script, client_of(script.url, retries=patient) as client:
        script.answers = Interrupting([PAGE])
        with pytest.raises(KeyboardInterrupt):
            ask(client)
        may_end.set()


@pytest.mark.parametrize("given", [answer(status=500), answer(status=429, Retry_After="3600")])
def test_a_stop_ends_a_wait(given: Answer) -> None:
    patient = RetryPolicy(first_wait=3600, max_wait=3600, budget=10_000)
    with asking([given], retries=patient) as (client, script), pytest.raises(StoppedError):
        ask(client, stop=Leaving())
    assert script.requests == 1


def test_a_stop_from_another_thread_ends_a_retry_that_waits() -> None:
    stop, ended = threading.Event(), threading.Event()

    def work() -> None:
        try:
            ask(client, stop=stop)
        except (StoppedError, ApiError):
            ended.set()

    with asking([answer(status=500)], retries=RetryPolicy(first_wait=3600, max_wait=3600, budget=10_000)) as (
        client,
        _,
    ):
        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        stop.set()
        worker.join(10)
    assert ended.is_set()


def test_who_has_left_sends_nothing() -> None:
    stop = threading.Event()
    stop.set()
    with asking([PAGE]) as (client, script), pytest.raises(StoppedError):
        ask(client, stop=stop)
    assert (client.requests, script.requests) == (0, 0)

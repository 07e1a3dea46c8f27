import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx
import pytest

from tests.simulator.talk import PATH, USER, Heard, ask, hear, line, outcome
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, SimulatedThulium, create_app, running

SOURCE = GeneratedCalls(Centre(seed=3, calls_per_day=60), date(2024, 7, 1), date(2024, 7, 7))
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
def _no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@contextmanager
def faulty(**faults: Any) -> Iterator[tuple[str, SimulatedThulium]]:
    app = create_app(SOURCE, faults=Faults(**faults))
    with running(app) as url:
        yield url, app


def get(url: str) -> httpx.Response:
    return httpx.get(url + PATH, auth=USER, trust_env=False, verify=False, timeout=None)


def test_a_reset_before_the_answer_leaves_nothing() -> None:
    with faulty(resets_before=1.0) as (url, app), line(url) as connection:
        ask(connection)
        assert hear(connection) == (b"", "reset")
        assert app.dealt == {"resets_before": 1}


def test_a_reset_may_come_on_a_connection_that_served_before() -> None:
    with (
        faulty(outage=(2, 2)) as (url, _),
        httpx.Client(auth=USER, base_url=url, trust_env=False, verify=False) as client,
    ):
        assert client.get(PATH).status_code == 200
        with pytest.raises(httpx.ReadError):
            client.get(PATH)
        assert client.get(PATH).status_code == 200


def test_a_reset_in_the_middle_leaves_half_a_body() -> None:
    with faulty(resets_middle=1.0) as (url, _), line(url) as connection:
        ask(connection)
        heard = hear(connection)
    assert heard.end == "reset"
    assert heard.data.startswith(HEAD)
    assert len(heard.body) == heard.promised // 2 > 0


def test_a_connection_is_closed_after_the_answer_although_nothing_said_so() -> None:
    with faulty(closes_after=1.0) as (url, _), line(url) as connection:
        ask(connection)
        heard = hear(connection)
    assert heard.end == "closed"
    assert heard.data.startswith(HEAD)
    assert len(heard.body) == heard.promised
    assert b"connection:" not in heard.data.partition(b"\r\n\r\n")[0].lower()


def test_a_stalled_answer_hangs_in_the_middle_and_is_given_up_when_its_reader_leaves() -> None:
    with faulty(stalls=1.0, stall_seconds=3600) as (url, _), line(url) as connection:
        ask(connection)
        heard = Heard(connection.recv(65536), "")
        while len(heard.body) < heard.promised // 2:
            heard = Heard(heard.data + connection.recv(65536), "")
        connection.settimeout(0.1)
        assert hear(connection) == (b"", "silent")
    assert len(heard.body) == heard.promised // 2 > 0


def test_a_patient_reader_gets_all_of_a_stalled_answer() -> None:
    with faulty(stalls=1.0, stall_seconds=0.05) as (url, app):
        assert get(url).json()["count"] == len(app.truth())


def test_a_stall_may_end_in_a_reset() -> None:
    with faulty(stalls=1.0, stall_seconds=0.05, resets_middle=1.0) as (url, app), line(url) as connection:
        ask(connection)
        assert hear(connection).end == "reset"
    assert app.dealt == {"stalls": 1, "resets_middle": 1}


def test_an_outage_resets_every_connection_until_it_ends() -> None:
    with faulty(outage=(2, 4)) as (url, app):
        assert [outcome(url) for _ in range(6)] == ["200", "ReadError", "ReadError", "ReadError", "200", "200"]
    assert (app.requests, app.dealt) == (6, {"outage": 3})


def test_a_restart_resets_all_connections_and_refuses_new_ones_for_a_while() -> None:
    with faulty(restart_at=1, restart_seconds=3600) as (url, app):  # the server can stop during the restart
        with line(url) as idle, line(url) as connection:
            ask(connection)
            assert [hear(connection).end, hear(idle).end] == ["reset", "reset"]
        with pytest.raises(httpx.ConnectError):
            get(url)
        assert app.requests == 1


def test_a_server_that_was_restarted_answers_again() -> None:
    with faulty(restart_at=1, restart_seconds=0.01) as (url, app):
        while outcome(url) != "200":
            pass
        assert (app.requests, app.dealt) == (2, {"restart_at": 1})


@pytest.mark.parametrize(
    "faults",
    [{"resets_before": 0.01}, {"resets_middle": 0.01}, {"closes_after": 0.01}, {"outage": (9, 9)}, {"restart_at": 9}],
)
def test_faults_of_connections_are_never_ignored_by_another_server(faults: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="running or serve"):
        asyncio.run(elsewhere(create_app(SOURCE, faults=Faults(**faults))))


def test_other_faults_need_no_server_of_ours() -> None:
    answer = asyncio.run(elsewhere(create_app(SOURCE, faults=Faults(stalls=1.0, stall_seconds=0.01))))
    assert answer.status_code == 200


async def elsewhere(app: SimulatedThulium) -> httpx.Response:
    """The application's answer without any socket."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t", auth=USER) as client:
        return await client.get(PATH)

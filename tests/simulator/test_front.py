import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.simulator.talk import ALL_FIELDS, PATH, USER, connected, everything, faults_of, outcome
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, SimulatedThulium, create_app, running

SOURCE = GeneratedCalls(Centre(seed=3, calls_per_day=60), date(2024, 7, 1), date(2024, 7, 7))
ROWS = [dict(record.row) for day in SOURCE.days() for record in SOURCE.records(day)]
DENIED = ["200", "200", "401 refused", "401 refused"]


@contextmanager
def faulty(**faults: Any) -> Iterator[tuple[httpx.Client, SimulatedThulium]]:
    app = create_app(SOURCE, faults=Faults(**faults))
    with connected(app) as client:
        yield client, app


def outcomes(requests: int, **faults: Any) -> list[str]:
    with running(create_app(SOURCE, faults=Faults(**faults))) as url:
        return [outcome(url) for _ in range(requests)]


def test_without_faults_all_is_well() -> None:
    with faulty() as (client, app):
        assert everything(client) == ROWS == app.truth()
        assert app.requests > 1
        assert not app.dealt


def test_only_requests_to_the_api_count_and_suffer() -> None:
    with faulty(server_errors=1.0) as (client, app):
        assert client.get("/login").status_code == 200
        assert client.get("/").status_code == 404
        assert (app.requests, app.dealt) == (0, {})
        assert client.get("/api/nothing").status_code >= 500


def test_server_errors_come_in_the_envelope_or_as_a_page() -> None:
    with faulty(server_errors=1.0) as (client, app):
        answers = [client.get(PATH) for _ in range(60)]
    kinds = {(answer.status_code, answer.headers["Content-Type"]) for answer in answers}
    assert kinds == {
        (status, kind) for status in (500, 502, 503, 504) for kind in ("application/json", "text/html; charset=utf-8")
    }
    assert app.dealt == {"server_errors": 60}
    told = [answer.json() for answer in answers if answer.headers["Content-Type"] == "application/json"]
    assert all(list(body) == ["request_id", "errors"] for body in told)


def test_too_many_requests_are_told_to_wait_some_seconds() -> None:
    with faulty(rate_limit=2, rate_window=3600) as (client, app):
        answers = [client.get(PATH) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert all(3500 < int(answer.headers["Retry-After"]) <= 3600 for answer in answers[2:])
        assert answers[3].json()["errors"][0]["code"] == 429
        assert app.dealt == {"rate_limit": 2}


def test_too_many_requests_may_be_told_to_wait_until_a_date() -> None:
    with faulty(rate_limit=1, rate_window=3600, retry_after="date") as (client, _):
        client.get(PATH)
        told = client.get(PATH).headers["Retry-After"]
    assert told.endswith(" GMT")
    assert timedelta(minutes=59) < parsedate_to_datetime(told) - datetime.now(UTC) <= timedelta(hours=1, seconds=2)


def test_a_redirect_leads_to_a_login_page_that_looks_like_success() -> None:
    with faulty(redirects=1.0) as (client, _):
        answer = client.get(PATH)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
        page = client.get(PATH, follow_redirects=True)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "password" in page.text


def test_a_redirect_may_lead_to_another_host() -> None:
    with faulty(redirects=1.0, redirect_to="https://elsewhere.invalid/login?next=api") as (client, _):
        assert client.get(PATH).headers["Location"] == "https://elsewhere.invalid/login?next=api"


def test_a_page_for_people_may_come_with_the_status_of_success() -> None:
    with faulty(html_pages=1.0) as (client, _):
        answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.text.startswith("<!DOCTYPE html>")


def test_the_password_may_expire_and_the_method_be_forbidden() -> None:
    assert outcomes(4, unauthorized_from=3) == DENIED
    assert outcomes(3, forbidden=True) == ["403 refused"] * 3


def test_a_truncated_body_is_a_beginning_of_the_true_one_and_says_its_own_length() -> None:
    with faulty() as (client, _):
        whole = client.get(PATH).content
    with faulty(truncated=1.0) as (client, _):
        answers = [client.get(PATH) for _ in range(5)]
    assert len({len(answer.content) for answer in answers}) == 5
    for answer in answers:
        assert int(answer.headers["Content-Length"]) == len(answer.content) < len(whole)
        assert whole.startswith(answer.content)
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra|Invalid"):
            json.loads(answer.content)


def test_a_flipped_bit_is_one_bit() -> None:
    with faulty() as (client, _):
        whole = client.get(PATH).content
    with faulty(bit_flips=1.0) as (client, _):
        answers = [client.get(PATH).content for _ in range(5)]
    for answer in answers:
        assert len(answer) == len(whole)
        assert sum((a ^ b).bit_count() for a, b in zip(answer, whole, strict=True)) == 1
    assert len(set(answers)) == 5


def test_latency_delays_and_changes_nothing() -> None:
    with faulty(latency=0.01) as (client, app):
        assert everything(client) == app.truth()
        assert not app.dealt


def test_what_is_beyond_the_capacity_waits() -> None:
    began = time.monotonic()
    with faulty(latency=0.01, capacity=2) as (client, app), ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.get(PATH).json(), range(6)))
        assert app.requests == 6
    assert all(answer == answers[0] for answer in answers)
    assert time.monotonic() - began >= 3 * 0.01


def test_compressed_answers_can_be_spoilt_too() -> None:
    app = create_app(SOURCE, compress=True, faults=Faults(truncated=1.0))
    with running(app) as url, httpx.stream("GET", url + PATH, auth=USER, trust_env=False, verify=False) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(raw) == int(answer.headers["Content-Length"])


def test_only_the_first_requests_fail_when_so_asked() -> None:
    assert outcomes(5, resets_before=1.0, failures_first=2) == ["ReadError"] * 2 + ["200"] * 3


MIX: dict[str, Any] = {
    **{"server_errors": 0.2, "resets_before": 0.2, "resets_middle": 0.1, "truncated": 0.2, "html_pages": 0.1},
    **{"redirects": 0.1, "closes_after": 0.2, "stalls": 0.1, "stall_seconds": 0.001, "outage": (10, 12)},
}


def test_the_same_requests_meet_the_same_faults_and_another_seed_other_ones() -> None:
    one, again, other = outcomes(40, seed=1, **MIX), outcomes(40, seed=1, **MIX), outcomes(40, seed=2, **MIX)
    assert one == again != other
    assert one[9:12] == ["ReadError"] * 3
    assert "200" in one
    assert len(set(one)) > 5


def test_a_reader_that_tries_again_gets_through_all_faults_at_once_to_the_truth() -> None:
    forms = {"page_cap": 7, "newest_first": True, "twin_legs": 0.2, "unknown_fields": 0.2}
    app = create_app(SOURCE, faults=faults_of(seed=5, rate_limit=1000, drift=30, drift_until=60, **MIX, **forms))
    with running(app) as url:
        while app.requests < 60:
            outcome(url)
        rows = persistent(url)
    key = json.dumps
    assert sorted(map(key, rows)) == sorted(map(key, app.truth())) != sorted(map(key, ROWS))
    assert set(app.dealt) >= {"server_errors", "resets_before", "resets_middle", "truncated", "stalls", "outage"}


def persistent(url: str) -> list[dict[str, Any]]:
    """All rows. A request that fails is sent again, as often as necessary."""
    rows: list[dict[str, Any]] = []
    count = None
    while count is None or len(rows) < count:
        try:
            parameters = {**ALL_FIELDS, "offset": str(len(rows))}
            body = httpx.get(url + PATH, params=parameters, auth=USER, trust_env=False, verify=False).json()
            count, received = body["count"], body["result"]
        except (httpx.TransportError, ValueError, KeyError):
            continue
        rows += received
    return rows

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulator.talk import PATH, connected, everything, page
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, LakeCalls, create_app, running
from thulium_frames.simulator.faults import DateTo

FIRST, LAST = date(2024, 7, 1), date(2024, 7, 7)
SOURCE = GeneratedCalls(Centre(seed=3, calls_per_day=60), FIRST, LAST)
ROWS: list[dict[str, Any]] = [dict(record.row) for day in SOURCE.days() for record in SOURCE.records(day)]
SAMPLE = next(row for row in ROWS if row["tags"] and row["topic_id"] and row["customer_id"])
CALLER = next(row for row in ROWS if row["user_login"])


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with connected(create_app(SOURCE)) as client:
        yield client


def assert_refused(answer: httpx.Response, status: int, *, problems: int = 1) -> None:
    assert answer.status_code == status
    body = answer.json()
    assert list(body) == ["request_id", "errors"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert len(body["errors"]) == problems
    assert all(error["message"] and error["code"] == status for error in body["errors"])


def test_all_rows_are_served_page_by_page(client: httpx.Client) -> None:
    assert everything(client) == ROWS


def test_limit_and_offset_cut_a_page_and_leave_the_count(client: httpx.Client) -> None:
    assert page(client, {"limit": "3", "offset": "5"}) == (len(ROWS), ROWS[5:8])


def test_a_page_behind_the_end_is_empty(client: httpx.Client) -> None:
    assert page(client, {"offset": str(len(ROWS))}) == (len(ROWS), [])
    assert page(client, {"offset": "999999999999"}) == (len(ROWS), [])


@pytest.mark.parametrize("name", ["src", "dst", "connection_id", "queue_id", "topic_id", "customer_id"])
def test_a_field_selects_the_rows_that_have_its_value(client: httpx.Client, name: str) -> None:
    expected = [row for row in ROWS if row[name] == SAMPLE[name]]
    assert everything(client, {name: str(SAMPLE[name])}) == expected


def test_user_login_is_the_calling_user(client: httpx.Client) -> None:
    expected = [row for row in ROWS if row["user_login"] == CALLER["user_login"]]
    assert everything(client, {"user_login": CALLER["user_login"]}) == expected


def test_an_id_is_exact_text(client: httpx.Client) -> None:
    assert page(client, {"connection_id": SAMPLE["connection_id"] + "0"}) == (0, [])
    assert page(client, {"connection_id": SAMPLE["connection_id"].split(".")[0]}) == (0, [])


@pytest.mark.parametrize("tags", [["vip"], ["vip", "pilne"], ["vip", "vip"], ["unheard of"]])
def test_rows_must_have_all_the_tags(client: httpx.Client, tags: list[str]) -> None:
    expected = [row for row in ROWS if all(tag in row["tags"] for tag in tags)]
    assert everything(client, {"tags[]": tags}) == expected


def test_filters_narrow_each_other(client: httpx.Client) -> None:
    expected = [row for row in ROWS if row["queue_id"] == 35 and row["date"] < "2024-07-03" and "vip" in row["tags"]]
    assert everything(client, {"queue_id": "35", "date_to": "2024-07-02", "tags[]": "vip"}) == expected


@pytest.mark.parametrize(
    ("date_from", "date_to"),
    [
        ("2024-07-02", "2024-07-02"),
        ("2024-07-02", "2024-07-04 12:30"),
        ("2024-07-02 10:15", "2024-07-03"),
        (ROWS[10]["date"], ROWS[10]["date"]),
        ("2024-07-05", "2024-07-02"),
        ("2000-01-01", "9999-12-31"),
        ("2024-06-30 23:59", "2024-07-01 00:00"),
    ],
)
def test_dates_include_the_whole_unit_they_name(client: httpx.Client, date_from: str, date_to: str) -> None:
    expected = [
        row for row in ROWS if date_from <= row["date"] and row["date"][: len(date_to)] <= date_to
    ]  # text of this form sorts by time
    assert everything(client, {"date_from": date_from, "date_to": date_to}) == expected
    assert everything(client, {"date_from": date_from}) == [row for row in ROWS if row["date"] >= date_from]


@pytest.mark.parametrize("flag", ["true", "1"])
def test_tags_and_topics_are_served_only_when_asked_for(client: httpx.Client, flag: str) -> None:
    def fields(**flags: str) -> set[str]:
        return set(client.get(PATH, params=flags).json()["result"][0])

    assert fields(include_tags=flag, include_topics=flag) == set(ROWS[0])
    assert fields(include_tags=flag) == set(ROWS[0]) - {"topic_id"}
    assert fields(include_topics=flag) == set(ROWS[0]) - {"tags"}
    assert fields(include_tags="0", include_topics="no") == set(ROWS[0]) - {"tags", "topic_id"}


def test_unknown_parameters_are_ignored(client: httpx.Client) -> None:
    assert page(client, {"colour": "blue", "tags": "vip"}) == page(client)


@pytest.mark.parametrize(
    "parameters",
    [{"limit": limit} for limit in ("0", "101", "-1", "ten", "", "1.5", "9" * 30)]
    + [{"offset": offset} for offset in ("-1", "x", "")]
    + [{"date_from": "2024-02-30"}, {"date_to": "2024-07-01 25:00"}, {"date_to": ""}]
    + [{name: "abc"} for name in ("queue_id", "topic_id", "customer_id")],
)
def test_a_parameter_that_makes_no_sense_is_refused(client: httpx.Client, parameters: dict[str, str]) -> None:
    assert_refused(client.get(PATH, params=parameters), 400)


def test_all_that_makes_no_sense_is_told_at_once(client: httpx.Client) -> None:
    assert_refused(client.get(PATH, params={"limit": "x", "offset": "y"}), 400, problems=2)


def test_every_answer_has_an_id_of_its_own(client: httpx.Client) -> None:
    assert len({client.get(PATH).headers["X-Request-Id"] for _ in range(3)}) == 3


@pytest.mark.parametrize("path", ["/", "/api", "/api/connections/", "/api/connections/1"])
def test_an_unknown_path_is_refused_in_the_envelope(client: httpx.Client, path: str) -> None:
    assert_refused(client.get(path), 404)


def test_only_reading_is_allowed(client: httpx.Client) -> None:
    answer = client.post(PATH)
    assert_refused(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Basic", "Basic !!!", "Basic ZGVtbw==", "Bearer ZGVtbzpkZW1v", "Basic ZGVtbzpkZW1vIQ==", "Basic żółw"],
)
def test_without_the_right_credentials_nothing_is_told(client: httpx.Client, authorization: str | None) -> None:
    headers = [] if authorization is None else [(b"Authorization", authorization.encode())]
    answer = httpx.get(client.base_url.join(PATH), headers=headers, trust_env=False, verify=False)
    assert_refused(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_a_password_may_hold_colons_and_polish_letters() -> None:
    app = create_app(SOURCE, user="użytkownik", password="za:żółć:gęślą")
    with running(app) as url:
        right = httpx.get(url + PATH, auth=("użytkownik", "za:żółć:gęślą"), trust_env=False, verify=False)
        wrong = httpx.get(url + PATH, auth=("użytkownik", "za:zolc"), trust_env=False, verify=False)
    assert (right.status_code, wrong.status_code) == (200, 401)


def test_a_user_with_a_colon_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="colon"):
        create_app(SOURCE, user="a:b")


def test_the_newest_rows_may_come_first() -> None:
    with connected(create_app(SOURCE, max_limit=40, faults=Faults(newest_first=True))) as client:
        assert everything(client) == sorted(ROWS, key=lambda row: str(row["date"]), reverse=True)
        assert_refused(client.get(PATH, params={"limit": "41"}), 400)


def test_shuffled_ties_differ_between_requests_and_lose_nothing() -> None:
    busy = GeneratedCalls(Centre(seed=3, calls_per_day=5000), FIRST, FIRST)
    minute, _ = Counter(str(record.row["date"]) for record in busy.records(FIRST)).most_common(1)[0]
    with connected(create_app(busy, faults=Faults(shuffle_ties=True))) as client:
        answers = [page(client, {"date_from": minute, "date_to": minute})[1] for _ in range(5)]
    orders = [tuple(row["connection_id"] + row["dst_user_login"] for row in answer) for answer in answers]
    assert len(set(orders)) == 5
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_answers_are_compressed_only_on_request() -> None:
    with connected(create_app(SOURCE, compress=True)) as client:
        assert client.get(PATH).headers["Content-Encoding"] == "gzip"
        assert everything(client) == ROWS
        assert "Content-Encoding" not in client.get(PATH, headers={"Accept-Encoding": "identity"}).headers


def test_answers_are_plain_otherwise(client: httpx.Client) -> None:
    assert "Content-Encoding" not in client.get(PATH).headers


def test_a_lake_without_days_has_no_calls(tmp_path: Path) -> None:
    with connected(create_app(LakeCalls(tmp_path))) as client:
        assert page(client) == (0, [])


def test_a_page_may_be_shorter_than_its_limit_asks() -> None:
    with connected(create_app(SOURCE, faults=Faults(page_cap=7))) as client:
        assert page(client, {"limit": "50"}) == (len(ROWS), ROWS[:7])
        assert page(client, {"limit": "3"}) == (len(ROWS), ROWS[:3])
        assert everything(client) == ROWS


def test_the_count_may_be_text() -> None:
    with connected(create_app(SOURCE, faults=Faults(count_as_text=True))) as client:
        assert client.get(PATH).json()["count"] == str(len(ROWS))


def test_all_numbers_may_be_text_while_filters_still_work() -> None:
    app = create_app(SOURCE, faults=Faults(numbers_as_text=True, unknown_fields=0.5))
    with connected(app) as client:
        told = everything(client, {"queue_id": "35"})
    expected = [row for row in app.truth() if row["queue_id"] == 35]
    assert [row["duration"] for row in told] == [str(row["duration"]) for row in expected]
    crm = next(row["crm"] for row in told if "crm" in row)
    assert (crm["id"], crm["last"]["price"], crm["owner"]) == ("77", "1000.0", None)
    assert {type(row["is_new"]) for row in told if "is_new" in row} == {bool}


@pytest.mark.parametrize(("means", "seconds"), [("unit", 60), ("second", 1), ("exclusive", 0)])
def test_date_to_may_cover_less_than_it_names(means: DateTo, seconds: int) -> None:
    precise = GeneratedCalls(Centre(seed=3, calls_per_day=3000, seconds=True), FIRST, FIRST)
    app = create_app(precise, faults=Faults(date_to_means=means))
    dates = Counter(str(row["date"]) for row in app.truth())
    minute = next(date[:16] for date in sorted(dates) if date.endswith(":00") and date > "2024-07-01 10")
    with connected(app) as client:
        told = everything(client, {"date_from": minute, "date_to": minute})
    assert [row["date"] for row in told] == [
        row["date"] for row in app.truth() if str(row["date"])[:16] == minute and int(str(row["date"])[17:]) < seconds
    ]
    assert bool(told) == (seconds > 0)

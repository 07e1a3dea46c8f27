"""The doctor reports how a system answers, in every possible case, and shows no call."""

import json
from datetime import date

import pytest

from tests.conftest import FIRST, LAST, Connect
from tests.program import here
from thulium_frames.doctor import Findings, examine
from thulium_frames.endpoint.transport import best_library
from thulium_frames.errors import AuthenticationError
from thulium_frames.simulator import Centre, Faults, GeneratedCalls, create_app, running


def findings(connect: Connect, faults: Faults | None = None, *, seconds: bool = False, **settings: str) -> Findings:
    calls = GeneratedCalls(Centre(seed=3, calls_per_day=150, seconds=seconds), FIRST, LAST)
    with running(create_app(calls, faults=faults or Faults())) as url:
        thulium = connect(url, **settings)
        found = examine(thulium)
        assert thulium.requests <= 5
        assert found.calls == thulium.connections().count()
    return found


def test_the_vendor_s_page_is_what_it_finds_by_default(connect: Connect) -> None:
    found = findings(connect)
    assert (found.page_rows, found.order, found.same_order_twice) == (100, "oldest first", True)
    assert (found.has_seconds, found.date_to, found.time_zone_fits) == (False, "included", True)
    assert found.rescued == {}


@pytest.mark.parametrize(
    ("faults", "name", "value"),
    [
        (Faults(newest_first=True), "order", "newest first"),
        (Faults(page_cap=30), "page_rows", 30),
        (Faults(date_to_means="exclusive"), "date_to", "excluded"),
        (Faults(), "grain", "minute"),
        (Faults(bounds_by_day=True), "grain", "day"),
        (Faults(date_from_by_day=True), "grain", "day"),
        (Faults(date_from_by_day=True, newest_first=True), "grain", "day"),
        (Faults(bounds_by_day=True, date_to_means="exclusive"), "grain", "day"),
        (Faults(unknown_fields=1.0), "same_order_twice", True),
        (Faults(numbers_as_text=True, count_as_text=True), "rescued", {}),
    ],
)
def test_what_differs_is_told(connect: Connect, faults: Faults, name: str, value: object) -> None:
    assert getattr(findings(connect, faults), name) == value


def test_the_library_that_sends_the_requests_is_told(connect: Connect) -> None:
    assert findings(connect).sent_by == best_library()


def test_an_order_that_changes_is_told(connect: Connect) -> None:
    with running(
        create_app(GeneratedCalls(Centre(calls_per_day=5000), FIRST, FIRST), faults=Faults(shuffle_ties=True))
    ) as url:
        assert examine(connect(url)).same_order_twice is False


def test_seconds_are_told(connect: Connect) -> None:
    assert findings(connect, seconds=True).has_seconds is True
    assert findings(connect, Faults(date_to_means="second"), seconds=True).date_to == "excluded"


def test_a_wrong_time_zone_is_told(connect: Connect) -> None:
    assert findings(connect, time_zone="America/New_York").time_zone_fits is False


def test_fields_that_did_not_fit_are_named_with_how_many_rows_they_struck(connect: Connect) -> None:
    rescued = findings(connect, Faults(unknown_fields=1.0)).rescued
    assert len(rescued) > 1
    assert all(0 < rows <= 100 for rows in rescued.values())


def test_a_system_without_calls_tells_little_and_says_so(connect: Connect) -> None:
    holiday = date(2024, 1, 1)
    with running(create_app(GeneratedCalls(Centre(), holiday, holiday))) as url:
        found = examine(connect(url))
        told = here("doctor", url=url)
    assert (found.calls, found.order, found.date_to, found.has_seconds, found.time_zone_fits) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert told.stdout.count("too few calls to tell") == 6


def test_no_call_is_shown(connect: Connect, url: str) -> None:
    words, content = here("doctor", url=url), here("doctor", "--json", url=url)
    assert words.stdout.startswith(f"The settings work: {url} answers demo, password from THULIUM_PASSWORD.\n")
    told = json.loads(content.stdout)
    assert (told["system"], told["user"], told["password_from"], told["order"]) == (
        url,
        "demo",
        "THULIUM_PASSWORD",
        "oldest first",
    )
    page = connect().connections().head(100).to_polars()
    for name in ("src", "dst", "user", "connection_id", "filename"):
        for value in page[name].drop_nulls():
            assert value not in words.stdout + content.stdout


def test_settings_that_do_not_work_end_as_anywhere(connect: Connect, url: str) -> None:
    done = here("doctor", url=url, THULIUM_PASSWORD="wrong")
    assert done.returncode == 3
    assert "401" in done.stderr
    another = create_app(GeneratedCalls(Centre(), FIRST, FIRST), password="another")
    with running(another) as other, pytest.raises(AuthenticationError):
        examine(connect(other))

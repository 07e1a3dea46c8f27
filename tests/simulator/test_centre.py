import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import mean
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doses import examples
from thulium_frames.simulator import Centre, GeneratedCall

WARSAW = ZoneInfo("Europe/Warsaw")
MONDAY = date(2024, 7, 1)
FIELDS = [
    *("date", "src", "dst", "disposition", "duration", "billsec", "operator", "filename", "user", "user_login"),
    *("dst_user", "dst_user_login", "customer_id", "outbound_id", "outbound_result", "connection_id", "type", "rating"),
    *("queue_id", "topic_id", "ticket_id", "tags", "disconnected_by", "transferred_to"),
]
HOLIDAYS = [(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26)]

any_day = st.dates(date(2015, 1, 1), date(2035, 12, 31))
small = Centre(seed=5, calls_per_day=40)


def made(day: date, days: int = 1, centre: Centre | None = None) -> list[GeneratedCall]:
    chosen = centre or Centre()
    return [call for number in range(days) for call in chosen.calls(day + timedelta(days=number))]


@given(any_day)
@settings(max_examples=examples(30))
def test_the_same_day_is_made_twice_alike(day: date) -> None:
    assert small.calls(day) == Centre(seed=5, calls_per_day=40).calls(day)


def test_a_day_does_not_depend_on_the_days_made_before_it() -> None:
    alone = Centre(seed=8, calls_per_day=300).calls(date(2024, 7, 5))
    for number in range(10):
        after = Centre(seed=8, calls_per_day=300).calls(date(2024, 6, 28) + timedelta(days=number))
        assert number != 7 or after == alone


def test_a_row_that_is_changed_by_its_reader_is_made_whole_again() -> None:
    small.calls(MONDAY)[0].row.clear()
    assert small.calls(MONDAY)[0].row


@pytest.mark.parametrize("hash_seed", ["0", "1", "4321"])
def test_another_process_makes_the_same_day(hash_seed: str) -> None:
    code = (
        "import datetime, hashlib; from thulium_frames.simulator import Centre;"
        "print(hashlib.sha256(repr(Centre(seed=2).calls(datetime.date(2024, 7, 1))).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(repr(Centre(seed=2).calls(MONDAY)).encode()).hexdigest()


def test_another_seed_makes_other_calls() -> None:
    assert Centre(seed=1).calls(MONDAY) != Centre(seed=2).calls(MONDAY)


@given(any_day, st.booleans())
@settings(max_examples=examples(40))
def test_every_row_is_dated_on_its_day_by_the_clock_of_warsaw(day: date, seconds: bool) -> None:
    for call in Centre(seed=5, calls_per_day=60, seconds=seconds).calls(day):
        clock = call.started.astimezone(WARSAW).replace(tzinfo=None)
        assert call.started.utcoffset() == timedelta(0)
        assert call.row["date"] == clock.isoformat(" ", "seconds" if seconds else "minutes")
        assert clock.date() == day


@given(any_day)
@settings(max_examples=examples(30))
def test_rows_stand_by_start_and_then_by_connection_id(day: date) -> None:
    calls = small.calls(day)
    assert calls == sorted(calls, key=lambda call: (call.started, str(call.row["connection_id"])))


def test_every_row_has_every_field_in_the_order_of_the_page() -> None:
    assert all(list(call.row) == FIELDS for call in made(MONDAY, 3))


def test_the_repeated_hour_of_october_occurs_twice() -> None:
    night = [call for call in Centre().calls(date(2024, 10, 27)) if str(call.row["date"])[11:13] == "02"]
    assert {call.started.hour for call in night} == {0, 1}


def test_the_missing_hour_of_march_never_occurs() -> None:
    hours = [str(call.row["date"])[11:13] for call in Centre().calls(date(2024, 3, 31))]
    assert "01" in hours
    assert "02" not in hours
    assert "03" in hours


@pytest.mark.parametrize(("month", "day"), HOLIDAYS)
def test_nobody_rings_on_a_public_holiday(month: int, day: int) -> None:
    assert Centre().calls(date(2024, month, day)) == []


def test_a_working_day_has_the_promised_number_of_rows_on_the_mean() -> None:
    days = [date(2024, 6, 3) + timedelta(days=number) for number in range(54)]
    rows = [len(Centre(calls_per_day=400).calls(day)) for day in days if day.weekday() < 5]
    assert 380 < mean(rows) < 420


def test_monday_is_busy_saturday_quiet_and_sunday_nearly_silent() -> None:
    monday, tuesday, *_, saturday, sunday = (len(Centre().calls(MONDAY + timedelta(days=n))) for n in range(7))
    assert monday > tuesday > 3 * saturday > 6 * sunday > 0


def test_the_day_peaks_at_ten_and_at_fourteen() -> None:
    hours = Counter(str(call.row["date"])[11:13] for call in made(MONDAY, 26))
    assert hours["10"] > hours["12"] < hours["14"]
    assert {hour for hour, _ in hours.most_common(2)} == {"10", "14"}


def test_an_id_tells_the_epoch_of_the_first_leg_and_is_unique_to_the_call() -> None:
    legs: dict[str, list[GeneratedCall]] = defaultdict(list)
    for call in made(MONDAY):
        legs[str(call.row["connection_id"])].append(call)
    assert all(int(name.split(".")[0]) == int(rows[0].started.timestamp()) for name, rows in legs.items())
    assert len({name.split(".")[1] for name in legs}) == len(legs)


def test_a_transfer_is_a_later_leg_with_the_same_id_and_another_agent() -> None:
    legs: dict[object, list[GeneratedCall]] = defaultdict(list)
    for call in made(MONDAY):
        legs[call.row["connection_id"]].append(call)
    transferred = [rows for rows in legs.values() if len(rows) > 1]
    assert transferred
    for first, second in transferred:
        assert first.started < second.started
        assert first.row["transferred_to"] == second.row["dst_user_login"] != first.row["dst_user_login"]
        assert second.row["user_login"] == first.row["dst_user_login"]
        assert first.row["disconnected_by"] == "Agent"


def test_an_abandoned_call_has_a_queue_but_no_agent_and_no_talk() -> None:
    abandoned = [c.row for c in made(MONDAY) if (c.row["disposition"], c.row["type"]) == ("NO ANSWER", "INBOUND")]
    assert abandoned
    assert all(row["queue_id"] and not row["dst_user_login"] and row["billsec"] == 0 for row in abandoned)


def test_some_callers_try_again_within_minutes() -> None:
    last: dict[object, datetime] = {}
    gaps = []
    for call in made(MONDAY):
        if call.row["type"] == "INBOUND" and call.row["src"]:
            gaps.append(call.started - last.get(call.row["src"], datetime(2000, 1, 1, tzinfo=UTC)))
            last[call.row["src"]] = call.started
    assert sum(gap < timedelta(minutes=10) for gap in gaps) > 20


def test_missed_callers_are_rung_back_the_same_day_or_the_next_morning() -> None:
    centre = Centre(calls_per_day=4000)
    yesterday, today = made(MONDAY, centre=centre), made(MONDAY + timedelta(days=1), centre=centre)
    rang = [{call.row["src"] for call in calls if call.row["type"] == "INBOUND"} for calls in (yesterday, today)]
    callbacks = [call for call in today if call.row["tags"] == ["oddzwonienie"]]
    numbers = {call.row["dst"] for call in callbacks}
    late = [call for call in callbacks if call.row["dst"] not in rang[1]]
    assert numbers <= rang[0] | rang[1]
    assert numbers & rang[1]
    assert late
    assert all("08:00" <= str(call.row["date"])[11:] <= "09:30" for call in late)


def test_dispositions_types_ratings_and_campaigns_all_occur() -> None:
    rows = [call.row for call in made(MONDAY, 5)]
    assert {row["disposition"] for row in rows} == {"ANSWERED", "NO ANSWER", "BUSY", "FAILED"}
    assert {row["type"] for row in rows} == {"INBOUND", "OUTBOUND"}
    ratings = [row["rating"] for row in rows if row["rating"] != ""]
    faces = {r["rate"] for r in ratings if isinstance(r, dict) and r["type"] == "face"}
    stars = {r["rate"] for r in ratings if isinstance(r, dict) and r["type"] == "stars"}
    assert (faces, stars) == ({"happy", "neutral", "sad"}, set("12345"))
    assert all((row["outbound_id"] == "") == (row["outbound_result"] == "") for row in rows)
    assert {row["outbound_id"] for row in rows} == {"", 7, 9}
    assert {len(row["tags"]) for row in rows if isinstance(row["tags"], list)} == {0, 1, 2, 3}


def test_numbers_are_polish_or_withheld_and_a_number_keeps_its_customer() -> None:
    rows = [call.row for call in made(MONDAY, 5) if call.row["type"] == "INBOUND"]
    customers = defaultdict(set)
    for row in rows:
        assert re.fullmatch(r"(48[0-9]{9})?", str(row["src"]))
        customers[row["src"]].add(row["customer_id"])
    assert customers.pop("") == {""}
    assert all(len(known) == 1 for known in customers.values())
    share = mean(known != {""} for known in customers.values())
    assert 0.5 < share < 0.7


def test_agents_have_polish_names_and_ascii_logins() -> None:
    agents = {(str(c.row["dst_user"]), str(c.row["dst_user_login"])) for c in made(MONDAY, 5) if c.row["dst_user"]}
    assert len(agents) >= 12
    assert all(login.isascii() for _, login in agents)
    assert any(not name.isascii() for name, _ in agents)


def test_an_answered_call_has_a_recording_named_by_queue_and_wall_clock() -> None:
    for call in made(MONDAY):
        clock = call.started.astimezone(WARSAW)
        stamp = rf"[a-z0-9_]+/{clock:%Y-%m-%d}/{clock:%Y-%m-%d_%H%M%S}_([0-9]+|anonim)\.[0-9]+\.wav"
        expected = stamp if call.row["disposition"] == "ANSWERED" else ""
        assert re.fullmatch(expected, str(call.row["filename"]))

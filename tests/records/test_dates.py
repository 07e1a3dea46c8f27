"""Dates as the field's tools write them: one wall clock, and the exact instant where an offset is written."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import IMPATIENT
from tests.records.test_decode import WARSAW, batch_of, body_of, raw_members, record_of, row_of, rows_of
from tests.scripted import answer, serving
from thulium_frames import Thulium
from thulium_frames.records import HeldCall, identity, read_page, to_batch
from thulium_frames.records.dates import are_canonical, read_moment

ZONES = [WARSAW, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Tehran", "Asia/Kathmandu", "UTC"]
UNREAD = "an unknown field"


def call_of(date: str, time_zone: str = WARSAW, **others: str) -> HeldCall:
    (call,) = read_page(body_of(record_of({"date": json.dumps(date), **others})), time_zone).calls
    return call


def told(date: str, time_zone: str = WARSAW, **others: str) -> tuple[datetime | None, datetime | None, dict[str, str]]:
    """What becomes of a date: `date`, `date_utc`, and what is rescued."""
    row = row_of({"date": json.dumps(date), **others}, time_zone)
    return row["date"], row["date_utc"], raw_members(row["rescued_data"])


# --- the wall clock


@pytest.mark.parametrize(
    ("written", "wall_clock"),
    [
        ("2024-07-01 10:05", "2024-07-01 10:05"),
        ("2024-07-01 10:05:59", "2024-07-01 10:05:59"),
        ("2024-07-01T10:05", "2024-07-01 10:05"),
        ("2024-07-01T10:05:00", "2024-07-01 10:05:00"),
        ("2024-07-01 9:05", "2024-07-01 09:05"),
        ("2024-07-01T9:05:07", "2024-07-01 09:05:07"),
        ("2024-07-01 0:00", "2024-07-01 00:00"),
        ("2024-07-01 10:05:59.5", "2024-07-01 10:05:59.500000"),
        ("2024-07-01T10:05:59.123", "2024-07-01 10:05:59.123000"),
        ("2024-07-01 10:05:59.123456", "2024-07-01 10:05:59.123456"),
        ("2024-07-01 10:05:00.000001", "2024-07-01 10:05:00.000001"),
        ("2024-07-01 10:05:59.000000", "2024-07-01 10:05:59"),
        ("2024-07-01 10:05:59.123456000", "2024-07-01 10:05:59.123456"),
        ("2024-07-01 9:05:59.25", "2024-07-01 09:05:59.250000"),
        ("2024-02-29T23:59", "2024-02-29 23:59"),
    ],
)
@pytest.mark.parametrize("others", [{}, {"x": "1"}])
def test_a_date_without_an_offset_is_the_wall_clock(written: str, wall_clock: str, others: dict[str, str]) -> None:
    date = datetime.fromisoformat(wall_clock)
    assert call_of(written, **others).date == wall_clock
    assert told(written, **others) == (date, date.replace(tzinfo=ZoneInfo(WARSAW)).astimezone(UTC), others)


@pytest.mark.parametrize(
    ("written", "wall_clock", "utc"),
    [
        ("2024-07-01T08:05:00Z", "2024-07-01 10:05:00", "2024-07-01 08:05:00"),
        ("2024-07-01 08:05Z", "2024-07-01 10:05", "2024-07-01 08:05"),
        ("2024-07-01 8:05 Z", "2024-07-01 10:05", "2024-07-01 08:05"),
        ("2024-01-01T08:05Z", "2024-01-01 09:05", "2024-01-01 08:05"),
        ("2024-07-01T10:05:00+02:00", "2024-07-01 10:05:00", "2024-07-01 08:05"),
        ("2024-07-01T10:05:00+0200", "2024-07-01 10:05:00", "2024-07-01 08:05"),
        ("2024-07-01T10:05:00+02", "2024-07-01 10:05:00", "2024-07-01 08:05"),
        ("2024-07-01 10:05:00 +0200", "2024-07-01 10:05:00", "2024-07-01 08:05"),
        ("2024-07-01 10:05 +02:00", "2024-07-01 10:05", "2024-07-01 08:05"),
        ("2024-07-01 9:05-05:30", "2024-07-01 16:35", "2024-07-01 14:35"),
        ("2024-07-01T00:15:00.25+14:00", "2024-06-30 12:15:00.250000", "2024-06-30 10:15:00.25"),
        ("2024-07-01 10:05-00:00", "2024-07-01 12:05", "2024-07-01 10:05"),
        ("2024-07-01 23:59:59.999999Z", "2024-07-02 01:59:59.999999", "2024-07-01 23:59:59.999999"),
        ("2024-10-27T00:30Z", "2024-10-27 02:30", "2024-10-27 00:30"),
        ("2024-10-27T01:30Z", "2024-10-27 02:30", "2024-10-27 01:30"),
        ("2024-10-27T02:30+02:00", "2024-10-27 02:30", "2024-10-27 00:30"),
        ("2024-10-27T02:30+01:00", "2024-10-27 02:30", "2024-10-27 01:30"),
        ("2024-03-31T02:30+01:00", "2024-03-31 03:30", "2024-03-31 01:30"),
        ("1880-01-01T10:00Z", "1880-01-01 11:24", "1880-01-01 10:00"),
    ],
)
@pytest.mark.parametrize("connection_id", ["null", '"1729992600.1"', '"1729989000.1"', '"1719820800.1"'])
def test_a_date_with_an_offset_is_an_instant_whatever_the_id_says(
    written: str, wall_clock: str, utc: str, connection_id: str
) -> None:
    date, instant = datetime.fromisoformat(wall_clock), datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert call_of(written, connection_id=connection_id).date == wall_clock
    assert told(written, connection_id=connection_id) == (date, instant, {})


def test_seconds_that_only_the_wall_clock_has_are_shown() -> None:
    assert call_of("1850-01-01T12:00Z", "America/New_York").date == "1850-01-01 07:03:58"


@pytest.mark.parametrize("time_zone", ZONES)
@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.integers(-24 * 60 + 1, 24 * 60 - 1),
    st.sampled_from(["", " "]),
    st.sampled_from(["auto", "minutes"]),
)
def test_every_instant_is_kept_exactly(time_zone: str, date: datetime, minutes: int, gap: str, precision: str) -> None:
    written = date.replace(tzinfo=timezone(timedelta(minutes=minutes)), fold=0)
    written = written.replace(second=0, microsecond=0) if precision == "minutes" else written
    text = f"{written.replace(tzinfo=None).isoformat(timespec=precision)}{gap}{written:%z}"
    moment = read_moment(text, ZoneInfo(time_zone))
    assert moment is not None
    assert moment.instant == (written - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert datetime.fromisoformat(moment.wall_clock) == written.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
    assert moment.is_whole


@given(st.datetimes(datetime(1970, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)), st.sampled_from(ZONES))
def test_an_instant_reaches_its_columns(instant: datetime, time_zone: str) -> None:
    shown = instant.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
    assert told(instant.isoformat(), time_zone) == (shown, instant, {})


# --- what is cut off, and what cannot be read


@pytest.mark.parametrize("offset", ["", "Z", "+02:00"])
@pytest.mark.parametrize("digits", ["1234567", "1234560001", "0000001", "9999999", "123456" + "0" * 50 + "1"])
def test_digits_beyond_microseconds_are_cut_off_and_kept_raw(digits: str, offset: str) -> None:
    written = f"2024-07-01 10:05:59.{digits}{offset}"
    date, instant, rescued = told(written)
    assert date is not None
    assert instant is not None
    assert (date.microsecond, instant.microsecond) == (int(digits[:6]), int(digits[:6]))
    assert rescued == {"date": f'"{written}"'}


UNREADABLE = [
    *("2024-02-30T10:00", "2023-02-29T10:00Z", "2024-13-01T10:00", "2024-00-10T10:00", "2024-07-00T10:00"),
    *("2024-07-01T24:00", "2024-07-01T25:61", "2024-07-01 25:61", "2024-07-01T10:60", "2024-07-01T10:00:60"),
    *("2024-07-01T24:00:00Z", "2024-07-01T23:59:60Z", "0000-00-00T00:00:00", "0000-00-00 00:00:00Z"),
    *("2024-07-01T10", "2024-07-01T", "2024-07-01Z", "2024-07-01T10:0", "2024-07-01 :05", "2024-07-01 010:05"),
    *("2024-07-01 10:00.5", "2024-07-01 10:00:00.", "2024-07-01 10:00:00,5", "2024-07-01 10:00:00.5.5"),
    *("2024-07-01  10:00", "2024-07-01TT10:00", "2024-07-01T 10:00", "2024-07-01_10:00", "20240701T1000"),
    *("2024-07-01 10:00 ", "\t2024-07-01 10:00", "2024-07-01 10:00\u00a0", "\ufeff2024-07-01 10:00"),
    *("2024-07-01 10:00+24:00", "2024-07-01 10:00+02:60", "2024-07-01 10:00+2", "2024-07-01 10:00+200"),
    *("2024-07-01 10:00  +02:00", "2024-07-01 10:00+ 02:00", "2024-07-01 10:00+02:0", "2024-07-01 10:00+02:00:00"),
    *("2024-07-01 10:00 0200", "2024-07-01 10:00+", "2024-07-01 10:00ZZ", "2024-07-01 10:00Z+02:00"),
    *("2024-07-01 10:00 Europe/Warsaw", "2024-07-01 10:00 CEST", "2024-07-01 10:00 AM", "٢٠٢٤-07-01 10:00"),
    *("2024-07-01 1٠:00", "12024-07-01 10:00", "-2024-07-01 10:00", "24-07-01 10:00", "1719820800", "now"),
    *("9999-12-31T23:30:00Z", "0001-01-01T00:30+02:00", "9999-12-31 23:30-02:00"),
]


@pytest.mark.parametrize("written", UNREADABLE)
@pytest.mark.parametrize("others", [{}, {"connection_id": '"1719820800.1"'}])
def test_what_is_not_in_the_calendar_or_of_another_form_is_kept_raw(written: str, others: dict[str, str]) -> None:
    assert call_of(written, **others).date is None
    assert told(written, **others) == (None, None, {"date": json.dumps(written)})


@pytest.mark.parametrize("time_zone", ZONES)
@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"])
@pytest.mark.parametrize("time", ["00:00", "00:00:00", "12:00", "23:59:59", "23:59:59.999999"])
@pytest.mark.parametrize("offset", ["", "Z", "+14:00", "-12:00", "+23:59"])
def test_the_ends_of_the_calendar_are_read_or_rescued(time_zone: str, day: str, time: str, offset: str) -> None:
    date, instant, rescued = told(f"{day} {time}{offset}", time_zone)
    assert (date is None) == bool(rescued)
    assert instant is None or date is not None
    if not offset:
        assert date == datetime.fromisoformat(f"{day} {time}")
    elif date is not None:
        assert instant == datetime.fromisoformat(f"{day} {time}{'+00:00' if offset == 'Z' else offset}")


@pytest.mark.parametrize("text", ["0001-01-01 00:00", "9999-12-31 23:59"])
def test_a_date_whose_instant_no_calendar_has_is_a_date_without_it(text: str) -> None:
    zone = WARSAW if text.startswith("0001") else "America/New_York"
    assert told(text, zone) == (datetime.fromisoformat(text), None, {})


@given(
    st.text("0123456789-:.TZ +", max_size=35) | st.from_regex(r"\A2024-0[0-9]-[0-9]{2}[T ][0-9]{1,2}:[0-9:.Z+]{2,}\Z")
)
def test_a_date_of_any_text_is_read_or_kept_raw(text: str) -> None:
    date, instant, rescued = told(text)
    assert (date is None) == (instant is None)
    assert date is not None or rescued == ({"date": json.dumps(text)} if text else {})
    assert (call_of(text).date is None) == (date is None)


# --- two paths, one meaning

CANONICAL = st.builds(
    lambda date, precision: date.isoformat(" ", precision),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
    st.sampled_from(["minutes", "seconds"]),
)


@given(st.lists(CANONICAL, min_size=1, max_size=5), st.sampled_from(ZONES))
def test_a_page_that_both_paths_can_read_is_the_same_on_both(dates: list[str], time_zone: str) -> None:
    records = [{"date": json.dumps(date), "connection_id": f'"{number}.1"'} for number, date in enumerate(dates)]
    strictly = read_page(body_of(*map(record_of, records)), time_zone).calls
    tolerantly = read_page(body_of(*(record_of({**record, UNREAD: "null"}) for record in records)), time_zone).calls
    assert [call.date for call in strictly] == [call.date for call in tolerantly] == dates
    assert [*map(identity, strictly)] == [*map(identity, tolerantly)]
    assert to_batch(strictly, time_zone).equals(to_batch(tolerantly, time_zone))


@pytest.mark.parametrize("date", ["2024-10-27 02:30", "2024-03-31 02:30:10", "2024-07-01 10:00"])
@pytest.mark.parametrize("connection_id", ["1729992600.1", "1729989000.1", "x"])
def test_the_same_moment_in_another_form_is_the_same_row(date: str, connection_id: str) -> None:
    record = {"date": json.dumps(date), "connection_id": json.dumps(connection_id)}
    assert batch_of(record_of(record)).equals(
        batch_of(record_of({**record, "date": json.dumps(date.replace(" ", "T"))}))
    )


def test_the_forms_may_be_mixed_on_a_page() -> None:
    forms = ["2024-07-01 10:02", "2024-07-01T10:00", "2024-07-01 9:59", "2024-07-01T08:01Z", "2024-07-01 10:00:00.5"]
    rows = rows_of(*(record_of({"date": json.dumps(form)}) for form in forms), record_of({"date": '"never"'}))
    assert [row["date"] and f"{row['date']:%M:%S.%f}" for row in rows] == [
        None, "59:00.000000", "00:00.000000", "00:00.500000", "01:00.000000", "02:00.000000",
    ]  # fmt: skip


def test_two_calls_of_the_repeated_hour_are_told_apart_by_their_instants() -> None:
    first, second = call_of("2024-10-27T02:30+02:00"), call_of("2024-10-27T02:30+01:00")
    assert first.date == second.date
    assert identity(first) != identity(second)


def test_columns_without_the_instant_are_built_from_any_form() -> None:
    calls = [call_of("2024-07-01T08:00:00.5Z"), call_of("2024-07-01 10:00")]
    batch = to_batch(calls, WARSAW, ["date", "src"])
    assert batch.column("date").to_pylist() == [
        datetime(2024, 7, 1, 10, 0),
        datetime(2024, 7, 1, 10, 0, 0, 500_000),
    ]


def test_a_field_of_the_name_date_utc_decides_nothing() -> None:
    date, instant, rescued = told("2024-07-01T10:00", date_utc="0")
    assert (date, instant) == (datetime(2024, 7, 1, 10), datetime(2024, 7, 1, 8, tzinfo=UTC))
    assert rescued == {"date_utc": "0"}


# --- in use


@pytest.mark.parametrize("time_zone", [WARSAW, "America/New_York"])
def test_windows_are_cut_by_the_wall_clock_of_the_system(time_zone: str) -> None:
    midnight = datetime(2024, 7, 1, tzinfo=ZoneInfo(time_zone))
    moments = [midnight + timedelta(minutes=minutes) for minutes in (0, 9 * 60, 24 * 60 - 1, 24 * 60)]
    records = [record_of({"date": f'"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"'}) for moment in moments]
    with (
        serving([answer(body_of(*records))]) as script,
        Thulium(script.url, "demo", "demo", time_zone=time_zone, retries=IMPATIENT) as thulium,
    ):
        frame = thulium.connections(date_from="2024-07-01", date_to="2024-07-01").to_polars()
    assert frame["date_utc"].to_list() == moments[:-1]
    assert frame["date"].to_list() == [moment.replace(tzinfo=None) for moment in moments[:-1]]


def test_the_minutes_of_calls_sort_as_text() -> None:
    forms = ["2024-07-01 9:59", "2024-07-01T10:00", "2024-07-01T10:01:00.25", "2024-07-01T08:02Z", "2024-07-01 10:03"]
    minutes = [(call_of(form).date or "")[:16] for form in forms]
    assert (
        minutes == sorted(minutes) == [f"2024-07-01 {time}" for time in ("09:59", "10:00", "10:01", "10:02", "10:03")]
    )


def test_no_long_text_stays_in_memory() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(200):
            assert not are_canonical([f"2024-07-01 {number}" + "9" * 100_000])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000_000

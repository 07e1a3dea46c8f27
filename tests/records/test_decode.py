import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.errors import ContractError, ForeignAnswerError, UnreadableAnswerError
from thulium_frames.records import ALWAYS_BUILT, columns, identity, read_page, to_batch
from thulium_frames.records.again import read_again
from thulium_frames.schema import ROW_ORDER, SCHEMA

WARSAW = "Europe/Warsaw"
PHONE = "48600700800"
DATE = '"2024-07-01 10:00"'

TEXTS = [
    "src", "dst", "disposition", "operator", "filename", "user", "user_login", "dst_user", "dst_user_login",
    "outbound_result", "connection_id", "type", "disconnected_by", "transferred_to",
]  # fmt: skip
NUMBERS = ["duration", "billsec", "customer_id", "outbound_id", "queue_id", "topic_id", "ticket_id"]
SENT = ["date", *TEXTS, *NUMBERS, "rating", "tags"]

#: The record on Thulium's page.
SAMPLE = """{"date": "2014-07-07 11:08", "src": "123123", "dst": "1234", "disposition": "ANSWERED", "duration": 129,
 "billsec": 104, "operator": "siptrunk",
 "filename": "sprzedaz\\/2014-07-07\\/2014-07-07_093545_921063395.234.wav", "user": "Bob Smith",
 "user_login": "bob_smith", "dst_user": "John Doe", "dst_user_login": "john_doe", "customer_id": 123456,
 "outbound_id": "", "connection_id": "1416225570.341", "type": "INBOUND", "rating": {"type": "face", "rate": "happy"},
 "queue_id": 34, "tags": ["tag1", "tag2", "tag3"], "disconnected_by": "Agent", "transferred_to": "Janusz"}"""

Row = dict[str, Any]
#: A record before it becomes JSON: each field's value as JSON text.
Tokens = Mapping[str, str]


def body_of(*records: str, count: str | None = None) -> bytes:
    return f'{{"count": {len(records) if count is None else count}, "result": [{", ".join(records)}]}}'.encode()


def record_of(tokens: Tokens, space: str = "") -> str:
    """A record as JSON. Without spaces it is read by the schema, many at once; with spaces perhaps one by one."""
    members = (f"{json.dumps(name)}:{space}{token}" for name, token in tokens.items())
    return "{" + f",{space}".join(members) + "}"


def batch_of(*records: str, time_zone: str = WARSAW) -> pa.RecordBatch:
    return to_batch(read_page(body_of(*records), time_zone).calls, time_zone)


def rows_of(*records: str, time_zone: str = WARSAW) -> list[Row]:
    rows: list[Row] = batch_of(*records, time_zone=time_zone).to_pylist()
    return rows


def row_of(tokens: Tokens, time_zone: str = WARSAW) -> Row:
    """The row of one record. It gets a date by default, because records without one are read value by value."""
    tokens = {"date": DATE, **tokens}
    (row,) = rows_of(record_of(tokens), time_zone=time_zone)
    assert rows_of(record_of(tokens, space=" "), time_zone=time_zone) == [row]
    return row


def raw_members(text: str | None) -> dict[str, str]:
    """The members of a compact JSON object, each value as its raw text; {} for None."""
    members, at, decoder = {}, 1, json.JSONDecoder()
    while text and text[at : at + 1] not in ("", "}"):
        name, end = decoder.raw_decode(text, at)
        _, until = decoder.raw_decode(text, end + 1)
        members[name] = text[end + 1 : until]
        at = until + 1
    assert text is None or (text[0], text[-1]) == ("{", "}")
    return members


def told(name: str, token: str) -> tuple[Any, dict[str, str]]:
    """What one value becomes: the value in its column, and the rescued values."""
    row = row_of({name: token})
    return row[name], raw_members(row["rescued_data"])


# --- the record on the vendor's page


def test_the_record_of_the_vendor_s_page_is_read() -> None:
    (row,) = rows_of(SAMPLE)
    assert row == {
        "date": datetime(2014, 7, 7, 11, 8),
        "src": "123123",
        "dst": "1234",
        "disposition": "ANSWERED",
        "duration": 129,
        "billsec": 104,
        "operator": "siptrunk",
        "filename": "sprzedaz/2014-07-07/2014-07-07_093545_921063395.234.wav",
        "user": "Bob Smith",
        "user_login": "bob_smith",
        "dst_user": "John Doe",
        "dst_user_login": "john_doe",
        "customer_id": 123456,
        "outbound_id": None,
        "outbound_result": None,
        "connection_id": "1416225570.341",
        "type": "INBOUND",
        "rating": {"type": "face", "rate": "happy"},
        "queue_id": 34,
        "topic_id": None,
        "ticket_id": None,
        "tags": ["tag1", "tag2", "tag3"],
        "disconnected_by": "Agent",
        "transferred_to": "Janusz",
        "date_utc": datetime(2014, 7, 7, 9, 8, tzinfo=UTC),
        "rescued_data": None,
    }


def test_the_schema_is_the_pinned_one() -> None:
    text, number = pa.string(), pa.int64()
    assert [(field.name, field.type) for field in SCHEMA] == [
        ("date", pa.timestamp("us")),
        ("src", text),
        ("dst", text),
        ("disposition", text),
        ("duration", number),
        ("billsec", number),
        ("operator", text),
        ("filename", text),
        ("user", text),
        ("user_login", text),
        ("dst_user", text),
        ("dst_user_login", text),
        ("customer_id", number),
        ("outbound_id", number),
        ("outbound_result", text),
        ("connection_id", text),
        ("type", text),
        ("rating", pa.struct([("type", text), ("rate", text)])),
        ("queue_id", number),
        ("topic_id", number),
        ("ticket_id", number),
        ("tags", pa.list_(text)),
        ("disconnected_by", text),
        ("transferred_to", text),
        ("date_utc", pa.timestamp("us", tz="UTC")),
        ("rescued_data", text),
    ]


def test_every_field_is_documented() -> None:
    assert all(field.metadata[b"comment"].strip() for field in SCHEMA)


@pytest.mark.parametrize("records", [[], ["{}"], [SAMPLE], [SAMPLE, '{"x": 1}']])
def test_every_batch_has_the_one_schema(records: list[str]) -> None:
    batch = batch_of(*records)
    assert batch.schema.equals(SCHEMA, check_metadata=True)
    assert batch.num_rows == len(records)
    batch.validate(full=True)


def test_a_record_without_fields_is_a_row_of_nulls() -> None:
    assert rows_of("{}") == [dict.fromkeys(SCHEMA.names)]


# --- empty values


@pytest.mark.parametrize("name", SENT)
@pytest.mark.parametrize("token", ['""', "null"])
def test_empty_text_and_null_are_null_in_every_column(name: str, token: str) -> None:
    assert told(name, token) == (None, {})


@pytest.mark.parametrize("name", SENT)
def test_a_field_that_is_not_sent_is_null(name: str) -> None:
    sent = {"date": DATE, **dict.fromkeys(TEXTS, '"1"')}
    (row,) = rows_of(record_of({other: token for other, token in sent.items() if other != name}))
    assert row[name] is None
    assert row["rescued_data"] is None


# --- text


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "token", ["0", "-0", "7", "12.0", "12.10", "1e3", "1E+3", "-7.50", "1e999999", "123456789012345678901234567890"]
)
def test_a_number_in_a_text_column_becomes_its_text_as_it_was_written(name: str, token: str) -> None:
    assert told(name, token) == (token, {})


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("token", ["true", "false", "{}", "[]", '["a"]', '{"a":{"b":[1.10,null]}}'])
def test_what_is_no_text_is_kept_raw(name: str, token: str) -> None:
    assert told(name, token) == (None, {name: token})


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ('"zażółć gęślą jaźń"', "zażółć gęślą jaźń"),
        ('"za\\u017c\\u00f3\\u0142\\u0107"', "zażółć"),
        ('"\\ud83d\\udc22 \\"a\\/b\\\\\\n"', '🐢 "a/b\\\n'),
        ('" "', " "),
        ('"null"', "null"),
        ('"0"', "0"),
    ],
)
@pytest.mark.parametrize("other", [{}, {"duration": "true"}])
def test_text_is_told_as_it_is(token: str, text: str, other: Tokens) -> None:
    assert row_of({"user": token, **other})["user"] == text


def test_an_id_keeps_the_digits_that_a_number_would_lose() -> None:
    rows = rows_of('{"connection_id": 1416225570.10}', '{"connection_id": 1416225570.1}')
    assert [row["connection_id"] for row in rows] == ["1416225570.1", "1416225570.10"]


@pytest.mark.parametrize("half", ["\\ud83d", "\\uDE00"])
def test_half_a_character_stands_as_it_is_written(half: str) -> None:
    token = f'"a{half} \\ud83d\\ude00 \\\\ud83d"'
    row = rows_of(record_of({"user": token, "x": token}), SAMPLE)[0]
    assert row["user"] == f"a{half} 😀 \\ud83d"
    assert json.loads(row["rescued_data"])["x"] == row["user"]


# --- numbers


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    ("token", "number"),
    [
        ("7", 7),
        ('"7"', 7),
        ("7.0", 7),
        ("12.000", 12),
        ("0", 0),
        ('"0"', 0),
        ("-0", 0),
        ("-3", -3),
        ("9223372036854775807", 2**63 - 1),
        ('"9223372036854775807"', 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9007199254740993", 2**53 + 1),
        ("9007199254740993.0", 2**53 + 1),
    ],
)
def test_a_whole_number_is_told_however_it_was_written(name: str, token: str, number: int) -> None:
    assert told(name, token) == (number, {})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "token",
    [
        '"abc"', "7.5", '"7.0"', '"7.5"', '" 7"', '"7 "', '"+7"', '"07"', '"1e3"', '"7\\n"', '"٧"', '"1_0"', '"0x7"',
        "true", "false", "[]", "[7]", "{}", '{"id":7}', "9223372036854775808", '"9223372036854775808"',
        "-9223372036854775809", "123456789012345678901234567890", "1e999999", "-1e999999", "1e-999999",
        "1e99999999999999999999", "1e-99999999999999999999", "9007199254740993.5", '" "', '"null"',
    ],
)  # fmt: skip
def test_what_is_no_whole_number_is_kept_raw(name: str, token: str) -> None:
    assert told(name, token) == (None, {name: token})


# --- dates


@pytest.mark.parametrize(
    ("token", "date"),
    [
        ('"2024-07-01 10:05"', datetime(2024, 7, 1, 10, 5)),
        ('"2024-07-01 10:05:59"', datetime(2024, 7, 1, 10, 5, 59)),
        ('"2024-02-29 00:00"', datetime(2024, 2, 29)),
        ('"2024-12-31 23:59:59"', datetime(2024, 12, 31, 23, 59, 59)),
    ],
)
@pytest.mark.parametrize("other", [{}, {"duration": "true"}])
def test_a_date_is_read_with_and_without_seconds(token: str, date: datetime, other: Tokens) -> None:
    assert row_of({"date": token, **other})["date"] == date


NO_DATES = [
    '"2024-02-30 10:00"', '"2023-02-29 10:00"', '"2024-13-01 10:00"', '"2024-07-01 24:00"', '"2024-07-01 10:60"',
    '"2024-07-01 10:00:60"', '"0000-00-00 00:00"', '"0000-00-00 00:00:00"', '"2024-07-01"',
    '"2024-07-01 10:00\\n"', '" 2024-07-01 10:00"',
    '"2024-7-1 10:00"',
    '"01.07.2024 10:00"', '"yesterday"', '"1416225570"', "1416225570", "20240701.1000", "true", "[]",
    '{"date":"2024"}',
]  # fmt: skip


@pytest.mark.parametrize("token", NO_DATES)
@pytest.mark.parametrize("other", [{}, {"duration": "true"}, {"x": "1.10"}])
def test_what_is_no_date_is_kept_raw_and_has_no_instant(token: str, other: Tokens) -> None:
    row = row_of({"date": token, "connection_id": '"1719820800.1"', **other})
    assert (row["date"], row["date_utc"]) == (None, None)
    assert raw_members(row["rescued_data"]) == {"date": token, **other}


def test_a_date_that_is_none_is_kept_as_it_was_written() -> None:
    token = '"2024\\/07\\/01 10:00"'
    assert raw_members(row_of({"date": token})["rescued_data"]) == {"date": token}


# --- rating


@pytest.mark.parametrize(
    ("token", "rating"),
    [
        ('{"type": "stars", "rate": 5}', {"type": "stars", "rate": "5"}),
        ('{"type": "stars", "rate": 4.50}', {"type": "stars", "rate": "4.50"}),
        ('{"type": "face", "rate": "happy"}', {"type": "face", "rate": "happy"}),
        ('{"rate": 0}', {"type": None, "rate": "0"}),
        ('{"type": "face", "rate": ""}', {"type": "face", "rate": None}),
        ('{"type": null, "rate": "happy"}', {"type": None, "rate": "happy"}),
        ('{"type": "face", "rate": "happy", "comment": "", "by": null}', {"type": "face", "rate": "happy"}),
        ("null", None),
        ('""', None),
        ("[]", None),
        ("[ ]", None),
        ("[\n\t]", None),
        ("{}", None),
        ('{"type": "", "rate": ""}', None),
        ('{"type": null, "rate": ""}', None),
        ('{"comment": ""}', None),
    ],
)
@pytest.mark.parametrize("other", [{}, {"x": "null"}])
def test_a_rating_is_told(token: str, rating: Row | None, other: Tokens) -> None:
    row = row_of({"rating": token, **other})
    assert row["rating"] == rating
    assert row["rescued_data"] is None


@pytest.mark.parametrize("token", ["0", "5", "true", "false", '"happy"', '["happy"]', "[null]", "[[]]", '" "'])
def test_a_rating_that_is_no_object_is_kept_raw(token: str) -> None:
    assert told("rating", token) == (None, {"rating": token})


@pytest.mark.parametrize(
    ("token", "rating"),
    [
        ('{"type":"stars","rate":5,"comment":"miło"}', {"type": "stars", "rate": "5"}),
        ('{"comment":{"a":1.10}}', None),
        ('{"type":true,"rate":5}', {"type": None, "rate": "5"}),
        ('{"type":"stars","rate":[5]}', {"type": "stars", "rate": None}),
        ('{"type":[],"rate":{}}', None),
    ],
)
def test_what_a_rating_holds_besides_is_kept_raw(token: str, rating: Row | None) -> None:
    assert told("rating", token) == (rating, {"rating": token})


# --- tags


@pytest.mark.parametrize(
    ("token", "tags"),
    [
        ("[]", []),
        ("[ ]", []),
        ('["vip"]', ["vip"]),
        ('["ważne", "b a"]', ["ważne", "b a"]),
        ('["b", "a", "b"]', ["b", "a", "b"]),
        ("[1, 2.50, 1e3]", ["1", "2.50", "1e3"]),
        ('["", "a"]', [None, "a"]),
        ('[null, "a"]', [None, "a"]),
        ("null", None),
        ('""', None),
    ],
)
@pytest.mark.parametrize("other", [{}, {"x": "null"}])
def test_tags_are_told(token: str, tags: list[str | None] | None, other: Tokens) -> None:
    row = row_of({"tags": token, **other})
    assert row["tags"] == tags
    assert row["rescued_data"] is None


@pytest.mark.parametrize(
    "token", ['[{"id":1,"name":"vip"}]', '["vip",true]', '[["vip"]]', '"vip"', "5", "true", '{"id":"vip"}']
)
def test_tags_that_are_no_list_of_texts_are_kept_raw(token: str) -> None:
    assert told("tags", token) == (None, {"tags": token})


# --- unknown fields


@pytest.mark.parametrize("name", ["x", "nowe pole", "żółw", "rescued_data", "date_utc", "Src", "__class__", '"', ""])
@pytest.mark.parametrize(
    "token",
    ["0", "1.10", "1e999999", "false", '"a"', '"\\u017c"', "[]", "{}", '[null]', '{"a":{"b":[1.10,"",null]}}', '" "'],
)  # fmt: skip
def test_an_unknown_field_is_kept_raw(name: str, token: str) -> None:
    row = row_of({"src": '"1"', name: token})
    assert raw_members(row["rescued_data"]) == {name: token}
    assert {other for other, value in row.items() if value is not None} == {"date", "date_utc", "src", "rescued_data"}


@pytest.mark.parametrize("name", ["x", "rescued_data", "date_utc"])
@pytest.mark.parametrize("token", ['""', "null"])
def test_an_unknown_field_that_is_nothing_is_left_out(name: str, token: str) -> None:
    assert row_of({"src": '"1"', name: token})["rescued_data"] is None


def test_all_that_did_not_fit_stands_in_one_object() -> None:
    rescued = {"date": '"?"', "src": "true", "duration": "7.5", "rating": '"5"', "tags": "5", "x": "1.10"}
    row = row_of({**rescued, "dst": "1e3", "billsec": '"4"', "y": "null"})
    assert raw_members(row["rescued_data"]) == rescued
    assert json.loads(row["rescued_data"])["duration"] == 7.5
    assert (row["dst"], row["billsec"]) == ("1e3", 4)


def test_a_misfit_of_one_record_touches_no_other() -> None:
    rows = rows_of(SAMPLE, record_of({"date": '"2024-07-01 10:00"', "x": "1"}))
    assert rows[0] == rows_of(SAMPLE)[0]
    assert rows[1]["rescued_data"] == '{"x":1}'


# --- two paths, one meaning


ESCAPED_SAMPLE = re.sub(
    r'(?<=": ")[^"]+', lambda text: "".join(f"\\u{ord(letter):04x}" for letter in json.loads(f'"{text[0]}"')), SAMPLE
)


@pytest.mark.parametrize("sample", [SAMPLE, ESCAPED_SAMPLE], ids=["plain", "escaped"])
@pytest.mark.parametrize("unknown", ["", ', "x": null'])
def test_how_text_is_escaped_changes_nothing(sample: str, unknown: str) -> None:
    assert rows_of(sample[:-1] + unknown + "}") == rows_of(SAMPLE)


def test_escaped_digits_are_a_number() -> None:
    assert told("duration", '"\\u0037"') == (7, {})


@pytest.mark.parametrize("token", NO_DATES)
def test_the_neighbours_on_a_page_do_not_change_what_is_rescued(token: str) -> None:
    record = record_of({"date": token, "src": '"1"'})
    alone = rows_of(record)
    beside = rows_of(record, record_of({"date": '"2024-07-01 10:00"', "x": "1"}))
    assert beside[:1] == alone


# --- the answer around the records


@pytest.mark.parametrize("count", ["3", '"3"'])
def test_the_count_is_a_number_or_its_text(count: str) -> None:
    page = read_page(body_of(SAMPLE, count=count), WARSAW)
    assert page.count == 3
    assert len(page.calls) == 1


@pytest.mark.parametrize("count", ["0", '"0"', '""', "null"])
def test_an_empty_answer_counts_nothing(count: str) -> None:
    page = read_page(body_of(count=count), WARSAW)
    assert (page.count, len(page.calls)) == (0, 0)


def test_a_count_that_is_not_sent_is_no_page() -> None:
    with pytest.raises(ForeignAnswerError):
        read_page(f'{{"result": [{SAMPLE}]}}'.encode(), WARSAW)


@pytest.mark.parametrize("count", ['""', "null"])
def test_rows_without_a_count_are_no_page(count: str) -> None:
    with pytest.raises(ForeignAnswerError, match="count"):
        read_page(body_of(SAMPLE, count=count), WARSAW)


@pytest.mark.parametrize("count", ["-1", '"-1"', '"abc"', "3.5", "true", "[]", "{}", '"1_0"', '" 3"', "1e999999"])
def test_a_count_that_is_no_number_of_calls_is_refused(count: str) -> None:
    with pytest.raises(ForeignAnswerError, match="count"):
        read_page(body_of(SAMPLE, count=count), WARSAW)


def test_what_an_answer_says_besides_is_no_matter() -> None:
    assert read_page(f'{{"request_id": "a", "result": [{SAMPLE}], "count": 1, "x": 1.5}}'.encode(), WARSAW).count == 1


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>Zaloguj</body></html>", "HTML"),
        (b"\n  <html>", "HTML"),
        (body_of(SAMPLE)[:-2], "cut short"),
        (body_of(SAMPLE)[:200], "cut short"),
        (body_of(SAMPLE) + b"}", "damaged"),
        (body_of(SAMPLE, SAMPLE.replace("Bob", "Bób")).replace("Bób".encode(), b"B\xf3b"), "damaged"),
        (b"[", "cut short"),
        (b"Service Unavailable", "19 bytes"),
        (b"\x1f\x8b\x08\x00", "4 bytes"),
    ],
)
def test_a_body_that_is_not_json_is_told_by_what_it_is(body: bytes, shown: str) -> None:
    with pytest.raises(UnreadableAnswerError, match="not JSON") as caught:
        read_page(body, WARSAW)
    assert shown in str(caught.value)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"{}", "nothing in it"),
        (b"[]", "a list"),
        (f"[{SAMPLE}]".encode(), "a list"),
        (b'"text"', "text"),
        (b"null", "null"),
        (b"5", "a single value"),
        (f'{{"data": [{SAMPLE}]}}'.encode(), "data"),
        (b'{"request_id": "a1", "errors": [{"message": "m", "code": 4}]}', "errors"),
        (b'{"count": 1}', "count"),
        (b'{"count": 1, "result": null}', "result"),
        (b'{"count": 1, "result": {"id": {}}}', "result"),
        (b'{"count": 1, "result": [5]}', "result"),
        (b'{"count": 1, "result": [null]}', "result"),
    ],
)
def test_json_of_another_shape_is_told_by_its_shape(body: bytes, shown: str) -> None:
    with pytest.raises(ForeignAnswerError, match="not a page of calls") as caught:
        read_page(body, WARSAW)
    assert shown in str(caught.value)


RECORD = f'{{"src": "{PHONE}", "x": "{PHONE}"}}'


@pytest.mark.parametrize(
    "body",
    [
        RECORD,
        f"[{RECORD}]",
        f'{{"data": [{RECORD}]}}',
        f'{{"count": 1, "result": {RECORD}}}',
        f'{{"count": 1, "result": [{RECORD}, 5]}}',
        f'{{"count": "{PHONE}x", "result": [{RECORD}]}}',
        f'{{"count": 1, "result": [{RECORD}]',
        f'{{"{PHONE}": {RECORD}}}',
        f'"{PHONE}"',
        f"{PHONE} is no number",
        f"<html>{PHONE}</html>",
    ],
)
def test_an_error_shows_nothing_of_the_records(body: str) -> None:
    with pytest.raises((ForeignAnswerError, UnreadableAnswerError)) as caught:
        read_page(body.encode(), WARSAW)
    assert PHONE not in f"{caught.value} {caught.value.__cause__}"


def test_a_foreign_answer_is_short_to_tell() -> None:
    with pytest.raises(ContractError) as caught:
        read_page(json.dumps({"a" * 10_000: 1}).encode(), WARSAW)
    assert len(str(caught.value)) < 250


# --- the instant


def epoch(text: str, seconds: int = 0) -> str:
    return f"{int(datetime.fromisoformat(f'{text}+00:00').timestamp()) + seconds}.341"


def instant(date: str, connection_id: str | None = None, zone: str = WARSAW) -> str:
    tokens = {"date": f'"{date}"'} | ({} if connection_id is None else {"connection_id": f'"{connection_id}"'})
    return f"{row_of(tokens, zone)['date_utc']:%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("date", "utc"),
    [
        ("2024-01-15 12:00", "2024-01-15 11:00:00"),
        ("2024-07-15 12:00:07", "2024-07-15 10:00:07"),
        ("2024-07-01 00:00", "2024-06-30 22:00:00"),
        ("2024-03-31 01:59", "2024-03-31 00:59:00"),
        ("2024-03-31 02:00", "2024-03-31 01:00:00"),
        ("2024-03-31 02:30", "2024-03-31 01:30:00"),
        ("2024-03-31 02:59:59", "2024-03-31 01:59:59"),
        ("2024-03-31 03:00", "2024-03-31 01:00:00"),
        ("2024-10-27 01:59", "2024-10-26 23:59:00"),
        ("2024-10-27 02:00", "2024-10-27 00:00:00"),
        ("2024-10-27 02:59:59", "2024-10-27 00:59:59"),
        ("2024-10-27 03:00", "2024-10-27 02:00:00"),
    ],
)
def test_the_wall_clock_is_that_of_warsaw(date: str, utc: str) -> None:
    assert instant(date) == utc


@pytest.mark.parametrize(
    ("zone", "date", "utc"),
    [
        ("UTC", "2024-10-27 02:30", "2024-10-27 02:30:00"),
        ("Europe/London", "2024-07-01 12:00", "2024-07-01 11:00:00"),
        ("America/New_York", "2024-11-03 01:30", "2024-11-03 05:30:00"),
        ("America/New_York", "2024-03-10 02:30", "2024-03-10 07:30:00"),
        ("Asia/Kathmandu", "2024-07-01 12:00", "2024-07-01 06:15:00"),
        ("Australia/Lord_Howe", "2024-04-07 01:45", "2024-04-06 14:45:00"),
        ("Australia/Lord_Howe", "2024-10-06 02:15", "2024-10-05 15:45:00"),
    ],
)
def test_the_wall_clock_may_be_that_of_another_zone(zone: str, date: str, utc: str) -> None:
    assert instant(date, zone=zone) == utc


EARLIER, LATER = "2024-10-27 00:30:00", "2024-10-27 01:30:00"


@pytest.mark.parametrize(
    ("reading", "seconds", "utc"),
    [
        (EARLIER, -86399, EARLIER),
        (EARLIER, -3600, EARLIER),
        (EARLIER, -1, EARLIER),
        (EARLIER, 0, EARLIER),
        (EARLIER, 45, EARLIER),
        (EARLIER, 59, EARLIER),
        (EARLIER, 60, EARLIER),
        (EARLIER, 61, LATER),
        (EARLIER, 1800, LATER),
        (LATER, -1, LATER),
        (LATER, 0, LATER),
        (LATER, 45, LATER),
        (LATER, 60, LATER),
        (LATER, 61, EARLIER),
        (LATER, 7200, EARLIER),
        (LATER, 86401, EARLIER),
        (LATER, 40_000_000, EARLIER),
        (EARLIER, -40_000_000, EARLIER),
    ],
)
@pytest.mark.parametrize("prefix", ["", "asterisk-", "pbx-2-"])
def test_the_id_decides_in_the_repeated_hour(reading: str, seconds: int, utc: str, prefix: str) -> None:
    assert instant("2024-10-27 02:30", prefix + epoch(reading, seconds)) == utc


@pytest.mark.parametrize("seconds", [0, 1, 59])
def test_the_seconds_of_the_id_are_not_copied(seconds: int) -> None:
    assert instant("2024-10-27 02:30", epoch(LATER, seconds)) == LATER
    assert instant("2024-10-27 02:30:20", epoch(LATER, seconds)) == "2024-10-27 01:30:20"


@pytest.mark.parametrize(
    "connection_id",
    ["", "abc", "1729992600", "x1729992600.341", "1729992600.", "1729992600.a", "1729992600.341 ", "1729992600.3.4",
     "99999999999999999999.1", "1729992600341.1", ".341", "-.1"],
)  # fmt: skip
def test_an_id_without_an_epoch_leaves_the_earlier_reading(connection_id: str) -> None:
    assert instant("2024-10-27 02:30", connection_id) == EARLIER


def test_an_id_that_was_sent_as_a_number_decides_too() -> None:
    row = row_of({"date": '"2024-10-27 02:30"', "connection_id": epoch(LATER)})
    assert row["date_utc"] == datetime.fromisoformat(f"{LATER}+00:00")


def test_the_id_decides_nothing_where_there_is_one_reading() -> None:
    assert instant("2024-07-01 12:00", epoch("2024-07-01 11:00:00")) == "2024-07-01 10:00:00"
    assert instant("2024-03-31 02:30", epoch("2024-03-31 00:30:00")) == "2024-03-31 01:30:00"


def utc_by_the_rule(date: datetime, zone: str, connection_id: str | None) -> datetime:
    """The pinned rule, in Python's own time zones. Fold 0 is the earlier reading; in a gap, the offset before it."""
    earlier, later = (date.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    found = re.fullmatch(r"(?:.*-)?([0-9]{1,11})\.[0-9]+", connection_id or "")
    if found and earlier < later:
        moment = datetime.fromtimestamp(int(found[1]), UTC)
        for reading in (earlier, later):
            near = abs(reading - moment) <= timedelta(days=1)
            if near and moment - reading <= timedelta(minutes=1):
                return reading
    return earlier


@given(
    st.sampled_from([WARSAW, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Tehran", "UTC"]),
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),
    st.sampled_from(["1990-01-01", "2024-10-27 02:00", "2024-03-31 02:00", "2024-11-03 01:00", "2024-04-07 01:30"]),
    st.one_of(st.none(), st.integers(-90_000, 90_000), st.integers(-7300, 7300)),
)
def test_every_instant_follows_the_rule(zone: str, date: datetime, near: str, seconds: int | None) -> None:
    date = date.replace(microsecond=0)
    if near != "1990-01-01":
        date = datetime.fromisoformat(near) + timedelta(seconds=(date - datetime(1990, 1, 1)).seconds % 7200)
    connection_id = None if seconds is None else f"{int(date.replace(tzinfo=UTC).timestamp()) + seconds}.1"
    tokens = {"date": f'"{date:%Y-%m-%d %H:%M:%S}"', "connection_id": json.dumps(connection_id)}
    assert row_of(tokens, zone)["date_utc"] == utc_by_the_rule(date, zone, connection_id)


# --- the order of the rows


def order_key(value: Any) -> tuple[Any, ...]:
    """Nulls come first, also inside nested values. Text is sorted by code points."""
    if value is None:
        return (0,)
    if isinstance(value, dict):
        return (1, [order_key(part) for part in value.values()])
    if isinstance(value, list):
        return (1, [order_key(part) for part in value])
    return (1, value)


def in_row_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: [order_key(row[name]) for name in ROW_ORDER])


def test_rows_are_ordered_by_date_then_id_then_the_other_columns() -> None:
    others = [name for name in SCHEMA.names if name not in ("date", "connection_id")]
    assert ["date", "connection_id", *others] == ROW_ORDER


def test_dates_come_first_in_time_then_ids_as_text_and_nulls_before_all() -> None:
    days = ["null", '"2024-07-01 10:00"', '"2024-07-01 10:00:30"', '"2024-07-02 00:00"']
    ids = ["null", '"1"', '"10"', '"9"', '"B"', '"a"', '"ą"']
    records = [record_of({"date": day, "connection_id": number}) for day in days for number in ids]
    rows = rows_of(*reversed(records))
    assert [(row["date"], row["connection_id"]) for row in rows] == [
        (None if day == "null" else datetime.fromisoformat(json.loads(day)), json.loads(number))
        for day in days
        for number in ids
    ]


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("src", ["null", '"1"', '"2"']),
        ("duration", ["null", "-1", "2", "10"]),
        ("rating", ["null", '{"rate": "a"}', '{"type": "a"}', '{"type": "a", "rate": "b"}', '{"type": "b"}']),
        ("tags", ["null", "[]", "[null]", '["a"]', '["a", "a"]', '["b"]']),
        ("x", ["null", "1", "2"]),
    ],
)
def test_the_other_columns_break_ties_nulls_first(name: str, tokens: list[str]) -> None:
    records = [record_of({"date": '"2024-07-01 10:00"', name: token}) for token in tokens]
    column = "rescued_data" if name == "x" else name
    expected = [rows_of(record)[0][column] for record in records]
    assert [row[column] for row in rows_of(*reversed(records))] == expected


def test_equal_rows_are_both_kept() -> None:
    assert rows_of(SAMPLE, SAMPLE) == rows_of(SAMPLE) * 2


# --- nothing is lost: records of any kind, checked against this file's own oracle

DATES = st.datetimes(datetime(2014, 1, 1), datetime(2034, 1, 1)).map(lambda date: f'"{date:%Y-%m-%d %H:%M}"')
SOME_TEXT = st.builds(json.dumps, st.text(max_size=6), ensure_ascii=st.booleans())
SOME_NUMBER = st.integers(0, 10**6).map(str)
NOTHING = st.sampled_from(['""', "null"])
TAG = st.builds(json.dumps, st.text(min_size=1, max_size=3), ensure_ascii=st.booleans())
DOCUMENTED = {
    "date": DATES,
    **dict.fromkeys(TEXTS, SOME_TEXT | NOTHING),
    **dict.fromkeys(NUMBERS, SOME_NUMBER | NOTHING),
    "rating": st.builds(lambda *parts: f'{{"type": {parts[0]}, "rate": {parts[1]}}}', SOME_TEXT, SOME_TEXT)
    | NOTHING
    | st.just("[]"),
    "tags": st.lists(TAG, max_size=3).map(lambda tags: f"[{', '.join(tags)}]") | NOTHING,
}
RECORDS = st.fixed_dictionaries({}, optional=DOCUMENTED)
DATED_RECORDS = st.builds(lambda record, date: {"date": date, **record}, RECORDS, DATES)

SOME_JSON_NUMBER = st.from_regex(r"\A-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?\Z")
ODD_SCALAR = (
    SOME_JSON_NUMBER
    | SOME_JSON_NUMBER.map(lambda number: f'"{number}"')
    | DATES
    | SOME_TEXT
    | st.sampled_from(["true", "false", "null", '""', '" "', '"2024-02-30 10:00"', '"2024-07-01 10:00:05"', "-0"])
)
ODD_VALUE = st.recursive(
    ODD_SCALAR,
    lambda values: (
        st.lists(values, max_size=3).map(lambda tokens: f"[{','.join(tokens)}]")
        | st.dictionaries(st.sampled_from(["type", "rate", "a"]), values).map(record_of)
    ),
    max_leaves=4,
)
MUTATIONS = st.dictionaries(st.sampled_from([*SENT, "x", "rescued_data", "date_utc", "nowe pole"]), ODD_VALUE)


def expected_text(token: str) -> tuple[str | None, bool]:
    value = json.loads(token)
    if isinstance(value, str):
        return value or None, True
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return token, True
    return None, value is None


def expected_number(token: str) -> tuple[int | None, bool]:
    value = json.loads(token)
    if value is None or value == "":
        return None, True
    number: Fraction | None = None
    if isinstance(value, str):
        number = Fraction(value) if re.fullmatch(r"0|-?[1-9][0-9]*", value, re.ASCII) else None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = Fraction(token)
    if number is None or number.denominator != 1 or not -(2**63) <= number < 2**63:
        return None, False
    return int(number), True


def expected_date(token: str) -> tuple[datetime | None, bool]:
    value = json.loads(token)
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        if isinstance(value, str) and len(value) in (16, 19):
            try:
                return datetime.strptime(value, form), True
            except ValueError:
                pass
    return None, value is None or value == ""


def expected_rating(token: str) -> tuple[dict[str, str | None] | None, bool]:
    if token == "{}" or json.loads(token) in (None, "", []):
        return None, True
    if not token.startswith("{"):
        return None, False
    parts = dict(members(token))
    kind, kind_fits = expected_text(parts.pop("type", "null"))
    rate, rate_fits = expected_text(parts.pop("rate", "null"))
    fits = kind_fits and rate_fits and all(json.loads(part) in (None, "") for part in parts.values())
    return (None if kind is None and rate is None else {"type": kind, "rate": rate}), fits


def expected_tags(token: str) -> tuple[list[str | None] | None, bool]:
    if token == "{}":
        return [], True
    if not token.startswith("["):
        return None, json.loads(token) in (None, "")
    tags = [expected_text(part) for part in items(token)]
    return ([tag for tag, _ in tags], True) if all(fits for _, fits in tags) else (None, False)


def members(token: str) -> Iterator[tuple[str, str]]:
    """The members of a JSON object, each value as its raw text."""
    decoder, at = json.JSONDecoder(), 1
    while token[at : at + 1] != "}":
        at += len(token[at:]) - len(token[at:].lstrip(" ,"))
        name, at = decoder.raw_decode(token, at)
        at += len(token[at:]) - len(token[at:].lstrip(" :"))
        _, until = decoder.raw_decode(token, at)
        yield name, token[at:until]
        at = until


def items(token: str) -> Iterator[str]:
    for _, item in members("{" + "".join(f'"":{part},' for part in split_items(token)).rstrip(",") + "}"):
        yield item


def split_items(token: str) -> Iterator[str]:
    decoder, at = json.JSONDecoder(), 1
    while True:
        at += len(token[at:]) - len(token[at:].lstrip(" ,"))
        if token[at] == "]":
            return
        _, until = decoder.raw_decode(token, at)
        yield token[at:until]
        at = until


def expected_value(name: str, token: str) -> tuple[Any, bool]:
    if name in TEXTS:
        return expected_text(token)
    if name in NUMBERS:
        return expected_number(token)
    if name not in SENT:
        return None, json.loads(token) in (None, "")
    return {"date": expected_date, "rating": expected_rating, "tags": expected_tags}[name](token)


def expected_row(tokens: Tokens) -> Row:
    values = {name: expected_value(name, token) for name, token in tokens.items()}
    row = dict.fromkeys(SCHEMA.names) | {name: value for name, (value, _) in values.items() if name in SENT}
    row["rescued_data"] = {name: tokens[name] for name, (_, fits) in values.items() if not fits}
    row["date_utc"] = row["date"] and utc_by_the_rule(row["date"], WARSAW, row["connection_id"])
    return row


def with_parsed_rescue(rows: list[Row]) -> list[Row]:
    return [{**row, "rescued_data": raw_members(row["rescued_data"])} for row in rows]


def told_rows(records: list[dict[str, str]]) -> list[Row]:
    rows = with_parsed_rescue(rows_of(*map(record_of, records)))
    assert with_parsed_rescue(rows_of(*(record_of(record, space=" ") for record in records))) == rows
    return rows


@given(st.lists(DATED_RECORDS, max_size=4) | st.lists(RECORDS, max_size=4))
def test_documented_records_are_told_by_their_columns_alone(records: list[dict[str, str]]) -> None:
    expected = [expected_row(record) for record in records]
    assert all(row["rescued_data"] == {} for row in expected)
    assert sorted(told_rows(records), key=repr) == sorted(expected, key=repr)


@given(st.lists(st.tuples(RECORDS, MUTATIONS).map(lambda pair: pair[0] | pair[1]), max_size=4))
def test_nothing_that_was_sent_is_lost(records: list[dict[str, str]]) -> None:
    expected = [expected_row(record) for record in records]
    assert sorted(told_rows(records), key=repr) == sorted(expected, key=repr)


@given(st.lists(st.tuples(RECORDS, MUTATIONS).map(lambda pair: pair[0] | pair[1]), max_size=6))
def test_the_rows_of_a_batch_are_in_order(records: list[dict[str, str]]) -> None:
    batch = batch_of(*map(record_of, records))
    rows = batch.to_pylist()
    assert rows == in_row_order(rows)
    assert pl.DataFrame(batch).equals(pl.DataFrame(batch).sort(ROW_ORDER))


TIED = {
    "date": st.just(DATE),
    "connection_id": st.sampled_from(["null", '"1.1"']),
    "rating": st.sampled_from(["null", '{"rate":"1"}', '{"type":"a"}', '{"type":"a","rate":"1"}']),
    "queue_id": st.sampled_from(["null", "1"]),
    "tags": st.sampled_from(
        ["null", "[]", "[null]", '["a"]', '["a",null]', '["a","b"]', '["b"]', '["a\\u0000"]', '["ą"]']
    ),
    "transferred_to": st.sampled_from(["null", '"x"']),
    "rescued": st.sampled_from(["null", "1"]),
}


@given(st.lists(st.fixed_dictionaries(TIED), max_size=12))
def test_calls_that_are_nearly_equal_are_in_order_too(records: list[dict[str, str]]) -> None:
    frame = pl.DataFrame(batch_of(*map(record_of, records)))
    assert frame.equals(frame.sort(ROW_ORDER))


@given(st.lists(DATED_RECORDS, min_size=1, max_size=4), st.sampled_from(["", " "]))
def test_documented_records_without_spaces_are_read_many_at_once(records: list[dict[str, str]], space: str) -> None:
    calls = read_page(body_of(*(record_of(record, space) for record in records)), WARSAW).calls
    assert all(call.as_sent for call in calls)
    with mock.patch.object(columns, "read_again", side_effect=read_again) as one_by_one:
        to_batch(calls, WARSAW)
    assert space or one_by_one.call_count == 0


@given(st.lists(st.tuples(DATED_RECORDS, MUTATIONS).map(lambda pair: pair[0] | pair[1]), max_size=4), st.data())
def test_each_column_is_the_same_alone(records: list[dict[str, str]], data: st.DataObject) -> None:
    calls = read_page(body_of(*map(record_of, records)), WARSAW).calls
    names = data.draw(st.sets(st.sampled_from(SCHEMA.names), min_size=1))
    some = to_batch(calls, WARSAW, names)
    assert some.schema.names == [name for name in SCHEMA.names if name in names | ALWAYS_BUILT]
    whole = pl.DataFrame(to_batch(calls, WARSAW)).select(some.schema.names)
    assert pl.DataFrame(some).equals(whole.sort([name for name in ROW_ORDER if name in some.schema.names]))


@given(st.lists(DATED_RECORDS, max_size=4), st.randoms(use_true_random=False))
def test_the_same_records_give_the_same_batch_in_whatever_order_and_company(
    records: list[dict[str, str]], random: Any
) -> None:
    plain = batch_of(*map(record_of, records))
    random.shuffle(records)
    tolerant = batch_of(*(record_of({**record, "an unknown field": "null"}) for record in records))
    assert plain.equals(tolerant)


@given(st.binary(max_size=60) | SOME_TEXT.map(str.encode) | ODD_VALUE.map(str.encode))
def test_bytes_of_any_kind_are_a_page_or_one_of_two_errors(body: bytes) -> None:
    with suppress(UnreadableAnswerError, ForeignAnswerError):
        assert read_page(body, WARSAW).count >= 0


def test_a_call_is_the_same_on_a_page_that_is_read_tolerantly() -> None:
    row = b'{"date":"2024-07-01 10:00","src":"1","dst":"","duration":7,"billsec":""}'
    (strict,) = read_page(b'{"count":1,"result":[%b]}' % row, WARSAW).calls
    tolerant, _ = read_page(b'{"count":2,"result":[%b,{"duration":"7"}]}' % row, WARSAW).calls
    assert identity(strict) == identity(tolerant)


def test_a_call_whose_tags_are_none_of_the_documented_kind_can_be_told_from_others() -> None:
    row = b'{"date":"2024-07-01 10:00","src":"1","tags":["",null,"a",7],"rating":{"type":"","rate":5}}'
    (call,) = read_page(b'{"count":1,"result":[%b]}' % row, WARSAW).calls
    (untagged,) = read_page(b'{"count":1,"result":[{"date":"2024-07-01 10:00","src":"1"}]}', WARSAW).calls
    (other,) = read_page(b'{"count":1,"result":[{"date":"2024-07-01 10:00","src":"2"}]}', WARSAW).calls
    assert identity(call) == identity(untagged) != identity(other)

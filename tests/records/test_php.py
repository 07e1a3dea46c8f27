"""Answers as PHP and proxies make them: read as meant, refused, or a try that failed; never wrong rows."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records.test_decode import DATED_RECORDS, WARSAW, Row, batch_of, raw_members, record_of
from thulium_frames.errors import ForeignAnswerError, ThuliumFramesError, UnreadableAnswerError
from thulium_frames.records import read_page, to_batch

MARK = b"\xef\xbb\xbf"
DATE = '"date": "2024-07-01 10:00"'
A, B = f'{{{DATE}, "src": "1"}}', f'{{{DATE}, "src": "2"}}'
PAGE = f'{{"count": 1, "result": [{A}]}}'.encode()
WARNING = b"<br />\n<b>Warning</b>:  Undefined variable $zip in <b>/srv/48600700800.php</b> on line <b>3</b><br />\n"
SECRET = "48600700800"


@dataclass(frozen=True)
class Read:
    """The calls of a page: for each its columns that are not null, but for the dates."""

    rows: tuple[Row, ...] = ()
    count: int | None = None
    """As many as rows, if not given."""


@dataclass(frozen=True)
class Refused:
    error: type[ThuliumFramesError]
    words: str = ""


Expected = Read | Refused
FOREIGN, CUT = Refused(ForeignAnswerError, "page of calls"), Refused(UnreadableAnswerError, "cut short")
BAD_COUNT = Refused(ForeignAnswerError, "count is not a number")
HTML_BEFORE = Refused(UnreadableAnswerError, "HTML stands before the JSON")
HTML, ELSE = Refused(UnreadableAnswerError, "an HTML page"), Refused(UnreadableAnswerError, "something else")
ONE, NONE = Read(({"src": "1"},)), Read()


def page(result: str | None = f"[{A}]", count: str | None = "1", **others: str) -> bytes:
    members = {"count": count, "result": result, **others}
    return record_of({name: token for name, token in members.items() if token is not None}).encode()


def of_value(name: str, token: str) -> bytes:
    return page(f'[{{{DATE}, "{name}": {token}}}]')


def value(name: str, value: Any) -> Read:
    return Read(({} if value is None else {name: value},))


def misfit(name: str, token: str, value: Any = None) -> Read:
    """The raw value stands in `rescued_data`; its column is null, if no value is given."""
    return Read(({"rescued_data": {name: token}, **({} if value is None else {name: value})},))


AROUND: dict[str, tuple[bytes, Expected]] = {
    "a byte order mark": (MARK + PAGE, ONE),
    "a mark of each included file": (MARK * 3 + b"\r\n" + MARK + b" \n" + PAGE, ONE),
    "a mark and an odd page": (MARK + page(count='"1"'), ONE),
    "a mark and another shape": (MARK + b"[]", FOREIGN),
    "a mark alone": (MARK, ELSE),
    "half a mark": (MARK[:2] + PAGE, ELSE),
    "a mark in the middle": (PAGE[:1] + MARK + PAGE[1:], CUT),
    "a mark after the JSON": (PAGE + MARK, CUT),
    "white space around": (b"\n\n \t\r\n\x0b\x0c" + PAGE + b"\r\n\n\x0b\x0c ", ONE),
    "NULs after": (PAGE + b"\0" * 8, ONE),
    "NULs and white space after an odd page": (page(count='"1"') + b"\0\n\0", ONE),
    "a NUL before": (b"\0" + PAGE, ELSE),
    "a NUL within": (PAGE[:1] + b"\0" + PAGE[1:], CUT),
    "NULs in place of the rest": (PAGE[:-9] + b"\0" * 9, CUT),
    "a second JSON": (PAGE + PAGE, CUT),
    "a NUL and a second JSON": (PAGE + b"\0" + PAGE, CUT),
    "text after": (PAGE + b"done", CUT),
    "HTML after": (PAGE + WARNING, CUT),
    "a comment after": (PAGE + b"<!-- 0.1 s -->", CUT),
    "a warning before": (WARNING + PAGE, HTML_BEFORE),
    "a mark and a warning before": (MARK + b"\n" + WARNING + PAGE, HTML_BEFORE),
    "a warning before rows": (WARNING + page(f'{{"0": {A}}}', count=None, total="1"), HTML_BEFORE),
    "a warning before and after": (WARNING + PAGE + WARNING, HTML_BEFORE),
    "a warning before a page cut short": (WARNING + PAGE[:-9], HTML_BEFORE),
    "a warning before an error": (WARNING + b'{ "errors" : [{"message": "m"}]}', HTML_BEFORE),
    "a comment before": (b"<!-- proxy -->" + PAGE, HTML_BEFORE),
    "a warning without HTML before": (
        f"\nWarning: Undefined variable in /srv/{SECRET}.php on line 3\n".encode() + PAGE,
        Refused(UnreadableAnswerError, "something else stands before the JSON"),
    ),
    "a warning within": (PAGE[:12] + WARNING + PAGE[12:], CUT),
    "a warning alone": (WARNING, HTML),
    "a login page": (b"<!DOCTYPE html><html><script>var x = {a: 1}</script>Zaloguj</html>", HTML),
    "an empty answer": (b"", Refused(UnreadableAnswerError, "empty")),
    "another encoding": (PAGE.decode().encode("utf-16"), ELSE),
}

RESULT: dict[str, tuple[bytes, Expected]] = {
    "an object with numbers for keys": (page(f'{{"0": {A}, "1": {B}}}', "2"), Read(({"src": "1"}, {"src": "2"}))),
    "one with gaps": (page(f'{{"3": {A}, "70": {B}}}', "2"), Read(({"src": "1"}, {"src": "2"}))),
    "one of many calls": (page(f'{{"0": {A}}}', "7"), Read(({"src": "1"},), 7)),
    "one with an odd record": (page(f'{{"2": {{{DATE}, "x": 1}}}}'), misfit("x", "1")),
    "a number twice": (page(f'{{"1": {A}, "1": {B}}}', "2"), Read(({"src": "1"}, {"src": "2"}))),
    "negative numbers": (page(f'{{"-1": {A}}}'), ONE),
    "an empty object": (page("{}", "0"), NONE),
    "an empty object of many calls": (page("{}", "7"), Read(count=7)),
    "names for keys": (page(f'{{"first": {A}}}'), FOREIGN),
    "a name among the keys": (page(f'{{"0": {A}, "total": {{}}}}'), FOREIGN),
    "an empty key": (page(f'{{"": {A}}}'), FOREIGN),
    "numbers of another script": (page(f'{{"١": {A}}}'), FOREIGN),
    "an object of no records": (page('{"0": 5}'), FOREIGN),
    "an object of null": (page('{"0": null}'), FOREIGN),
    "a record in place of the rows": (page(A), FOREIGN),
    "null where nothing is counted": (page("null", "0"), NONE),
    "missing where nothing is counted": (page(None, "0"), NONE),
    "null where nothing is counted in text": (page("null", '"0"'), NONE),
    "null where nothing is counted in fractions": (page("null", "0.0"), NONE),
    "null where some are counted": (page("null"), FOREIGN),
    "missing where some are counted": (page(None), FOREIGN),
    "null where null is counted": (page("null", "null"), BAD_COUNT),
    "null where nothing is counted because of an error": (page("null", "0", errors='[{"message": "m"}]'), FOREIGN),
    "null where nothing is counted and no error is told": (page("null", "0", errors="[]"), NONE),
    "false where nothing is counted": (page("false", "0"), FOREIGN),
    "text where nothing is counted": (page('""', "0"), FOREIGN),
    "zero where nothing is counted": (page("0", "0"), FOREIGN),
    "an error": (b'{"request_id": "a", "errors": [{"message": "m", "code": 1}]}', FOREIGN),
}

COUNTS: dict[str, Expected] = {
    **{token: Read(({"src": "1"},), 50) for token in ("50", '"50"', "50.0", '"50.0"', "5e1", "5E+1", '"5e1"')},
    **{token: Read(({"src": "1"},), 50) for token in ("500e-1", "0.5e2", "50.000", '"\\u00350"', '"050"')},
    **{token: Read(({"src": "1"},), 0) for token in ("0.0", "-0", "-0.0", '"-0"', "0e5")},
    "999999999999999999": Read(({"src": "1"},), 10**18 - 1),
    **dict.fromkeys(("50.5", '"50.5"', "5e-1", "50.00000000000000000000000000000000000001"), BAD_COUNT),
    **dict.fromkeys(("-1", "-50.0", '"-50"', "-5e1"), BAD_COUNT),
    **dict.fromkeys(("1e18", "1000000000000000000", "1e400", "1e999999999999999999999", '"1e400"'), BAD_COUNT),
    **dict.fromkeys(('"50."', '".5e2"', '"+50"', '" 50"', '"50 "', '"5_0"', '"0x32"', '"٥٠"', '"fifty"'), BAD_COUNT),
    **dict.fromkeys(('"NaN"', '"Infinity"', "null", '""', "true", "[]", "[50]", "{}", '{"0": 50}'), BAD_COUNT),
}

TAGS: dict[str, Expected] = {
    '{"0": "a", "2": "b"}': value("tags", ["a", "b"]),
    '{"7": "b", "1": "a"}': value("tags", ["b", "a"]),
    '{"1": "a", "1": "b"}': value("tags", ["a", "b"]),
    '{"0": 5, "1": "", "2": null}': value("tags", ["5", None, None]),
    "{}": value("tags", []),
    "[]": value("tags", []),
    "null": value("tags", None),
    '""': value("tags", None),
    **{
        token: misfit("tags", token)
        for token in (
            '{"a":"vip"}',
            '{"0":"a","x":"b"}',
            '{"0":{"name":"a"}}',
            '{"0":["a"]}',
            '{"0":true}',
            "5",
            "true",
        )
    },
}

RATINGS: dict[str, Expected] = {
    **dict.fromkeys(("null", '""', "[]", "[ ]", "{}"), value("rating", None)),
    **dict.fromkeys(('{"type": null, "rate": ""}', '{"comment": ""}'), value("rating", None)),
    '{"rate": 5}': value("rating", {"type": None, "rate": "5"}),
    **{
        token: misfit("rating", token)
        for token in ('"happy"', "5", "0", "-1", "4.5", "true", "false", '" "', '"0"', '["happy"]', "[null]", "[[]]")
    },
    **{token: misfit("rating", token) for token in ('[{"type":"face","rate":"happy"}]', '{"0":"happy"}', '{"by":1}')},
}

TEXTS: dict[str, Expected] = {
    **{
        f'"a{character}b"': value("user", f"a{character}b")
        for character in [*map(chr, range(0x20)), "\r\n", "\0\0", "\x7f", "\u2028"]
    },
    '"a\\\\\tb"': value("user", "a\\\tb"),
    '"a\\"\tb"': value("user", 'a"\tb'),
    '"\\u0009\t\\t"': value("user", "\t\t\t"),
    '"\t"': value("user", "\t"),
    '"\\ud83d\t"': value("user", "\\ud83d\t"),
    '"a\\\tb"': CUT,
    '"a\tb': CUT,
    '\t"a\tb"\n': value("user", "a\tb"),
    '\x01"a"': CUT,
}

CASES: dict[str, tuple[bytes, Expected]] = {
    **{f"around: {name}": case for name, case in AROUND.items()},
    **{f"result: {name}": case for name, case in RESULT.items()},
    **{f"count: {token}": (page(count=token), expected) for token, expected in COUNTS.items()},
    **{f"tags: {token}": (of_value("tags", token), expected) for token, expected in TAGS.items()},
    **{f"rating: {token}": (of_value("rating", token), expected) for token, expected in RATINGS.items()},
    **{f"text: {token!r}": (of_value("user", token), expected) for token, expected in TEXTS.items()},
    "text: a raw tab in a name and in an unknown value": (
        page(f'[{{{DATE}, "x\ty": "a\tb"}}]'),
        misfit("x\ty", '"a\\u0009b"'),
    ),
    "text: a raw tab in another shape": (b'["a\tb"]', FOREIGN),
    "text: half a surrogate pair in another shape": (b'["\\ud83d"]', FOREIGN),
    "text: a raw tab in the name of the count": (b'{"count\t": 1, "result": []}', FOREIGN),
}


def rows_of_page(body: bytes) -> list[Row]:
    rows = to_batch(read_page(body, WARSAW).calls, WARSAW).to_pylist()
    told = [{name: value for name, value in row.items() if value is not None and "date" not in name} for row in rows]
    for row in told:
        if "rescued_data" in row:
            row["rescued_data"] = raw_members(row["rescued_data"])
    return told


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=map(ascii, CASES))
def test_an_answer_of_php_is_read_as_meant_or_refused(body: bytes, expected: Expected) -> None:
    if isinstance(expected, Refused):
        with pytest.raises(expected.error, match=expected.words) as caught:
            read_page(body, WARSAW)
        assert type(caught.value) is expected.error
        assert SECRET not in f"{caught.value}"
    else:
        assert rows_of_page(body) == list(expected.rows)
        assert read_page(body, WARSAW).count == (len(expected.rows) if expected.count is None else expected.count)


@given(st.lists(DATED_RECORDS, max_size=4), st.lists(st.integers(0, 99), min_size=4, max_size=4))
def test_rows_under_numbers_are_the_rows_of_a_list(records: list[dict[str, str]], numbers: list[int]) -> None:
    rows = [*map(record_of, records)]
    members = ", ".join(f'"{number}": {row}' for number, row in zip(numbers, rows, strict=False))
    calls = read_page(f'{{"count": {len(rows)}.0, "result": {{{members}}}}}'.encode(), WARSAW).calls
    assert to_batch(calls, WARSAW).equals(batch_of(*rows))


@given(st.text(st.characters(max_codepoint=0x2F) | st.characters(codec="utf-8"), min_size=1, max_size=12))
def test_raw_control_characters_are_the_text(text: str) -> None:
    token = "".join(f"\\{letter}" if letter in '"\\' else letter for letter in text)
    assert rows_of_page(of_value("user", f'"{token}"')) == [{"user": text}]


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_what_stands_around_the_json_makes_no_other_rows(before: bytes, after: bytes) -> None:
    try:
        assert rows_of_page(before + PAGE + after) == [{"src": "1"}]
    except UnreadableAnswerError:
        assert before.strip() or after.strip()


@pytest.mark.parametrize(
    "body",
    [
        b'"\\"' * 500_000,
        b'{"a":"' + b'\\"' * 500_000,
        MARK * 300_000 + b"{",
        b" {" * 500_000,
        b"{" + b" " * 10**6 + b"<",
    ],
    ids=["quotes", "an open text", "marks", "braces", "spaces"],
)
def test_a_large_body_of_nothing_is_refused_at_once(body: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        read_page(body, WARSAW)


def test_a_page_with_a_mark_costs_no_value_by_value_reading() -> None:
    (call,) = read_page(MARK + PAGE, WARSAW).calls
    assert call.as_sent
    assert msgspec.json.decode(call.line) == {"date": "2024-07-01 10:00", "src": "1"}

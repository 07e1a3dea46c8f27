"""Any damage to a lake's files is reported with its day and its remedy. Reading that day alone again repairs it.

By default a bit is flipped in every 23rd byte. For another step:
THULIUM_FRAMES_FLIP_EVERY=1 pytest tests/lake/test_damage.py -k flipped
"""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doses import dose, examples
from tests.program import here
from tests.truth import frame_of, in_any_order
from thulium_frames import SCHEMA, Lake, Thulium, scan_lake
from thulium_frames.errors import LakeDamagedError, LakeError, LakeMismatchError
from thulium_frames.lake.dayfile import seal_day
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running

FLIP_EVERY = dose("FLIP_EVERY", 23, 3)
FIRST = date(2024, 9, 16)
DAYS = [FIRST + timedelta(days=number) for number in range(7)]
SUNDAY = DAYS[6]
DAMAGED = DAYS[2]
ORDERED = ["--from", str(DAYS[0]), "--to", str(DAYS[-1])]
CENTRE = Centre(seed=3, calls_per_day=40)
MANIFEST = "_thulium_frames.json"
SECTOR = 512


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(create_app(GeneratedCalls(CENTRE, DAYS[0], DAYS[-1]))) as address:
        yield address


@pytest.fixture
def thulium(url: str) -> Iterator[Thulium]:
    with Thulium(url, "demo", "demo") as opened:
        yield opened


@pytest.fixture(scope="module")
def sound(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake for tests to copy."""
    path = tmp_path_factory.mktemp("sound") / "lake"
    with Thulium(url, "demo", "demo") as opened:
        opened.connections(date_from=DAYS[0], date_to=DAYS[-1]).write_parquet(path)
    return path


@pytest.fixture
def lake(sound: Path, tmp_path: Path) -> Lake:
    shutil.copytree(sound, tmp_path / "lake")
    return Lake(tmp_path / "lake")


@pytest.fixture(scope="module")
def one_day(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with only the smallest day, for tests that damage it many times."""
    path = tmp_path_factory.mktemp("one-day") / "lake"
    shutil.copytree(sound, path)
    for day in DAYS[:-1]:
        shutil.rmtree(path / f"call_date={day}")
    return Lake(path)


def file_of(lake: Lake, day: date) -> Path:
    return lake.path / f"call_date={day}" / "connections.parquet"


def stamps(lake: Lake) -> dict[date, tuple[int, int]]:
    """The facts about each day's file that change when the file is written again."""
    return {day: (file_of(lake, day).stat().st_ino, file_of(lake, day).stat().st_mtime_ns) for day in DAYS}


def truth() -> pl.DataFrame:
    return in_any_order(frame_of(call for day in DAYS for call in CENTRE.calls(day)))


def assert_sound(lake: Lake) -> None:
    assert lake.verify().is_clean
    assert in_any_order(scan_lake(lake.path).collect().drop("call_date")).equals(truth())


def is_named(lake: Lake, day: date) -> bool:
    """Whether `verify` names this day and no other day."""
    try:
        return list(lake.verify().damaged) == [day]
    except pl.exceptions.PanicException:
        return False


def not_named(lake: Lake, day: date, variants: Iterator[tuple[Any, bytes]]) -> list[Any]:
    """The contents of the day's file that `verify` takes for sound, or that break `verify` itself."""
    path = file_of(lake, day)
    whole = path.read_bytes()
    missed = []
    try:
        for name, content in variants:
            path.write_bytes(content)
            if not is_named(lake, day):
                missed.append(name)
    finally:
        path.write_bytes(whole)
    assert lake.verify().is_clean
    return missed


def flipped(content: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 1 << bit
    return bytes(changed)


@pytest.mark.dosed
def test_a_flipped_bit_is_named_wherever_it_is(one_day: Lake) -> None:
    whole = file_of(one_day, SUNDAY).read_bytes()
    places = [(position, number % 8) for number, position in enumerate(range(0, len(whole), FLIP_EVERY))]
    assert not_named(one_day, SUNDAY, ((place, flipped(whole, *place)) for place in places)) == []


@given(st.data())
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_few_flipped_bits_are_named(one_day: Lake, data: st.DataObject) -> None:
    whole = changed = file_of(one_day, SUNDAY).read_bytes()
    bit = st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 7))
    for position, number in data.draw(st.lists(bit, min_size=2, max_size=8, unique=True)):
        changed = flipped(changed, position, number)
    assert not_named(one_day, SUNDAY, iter([("these", changed)])) == []


def test_a_file_cut_short_is_named_whatever_its_length(one_day: Lake) -> None:
    whole = file_of(one_day, SUNDAY).read_bytes()
    lengths = {*range(16), *range(16, len(whole), 61), *range(len(whole) - 16, len(whole))}
    assert not_named(one_day, SUNDAY, ((length, whole[:length]) for length in sorted(lengths))) == []


def test_a_sector_of_zeros_is_named_wherever_it_is(one_day: Lake) -> None:
    """A power cut can leave this on a disk that lies about fsync."""
    whole = file_of(one_day, SUNDAY).read_bytes()
    starts = range(0, len(whole), SECTOR)
    zeros = ((start, (whole[:start] + bytes(SECTOR) + whole[start + SECTOR :])[: len(whole)]) for start in starts)
    assert not_named(one_day, SUNDAY, zeros) == []


def test_anything_added_is_named(one_day: Lake) -> None:
    whole = file_of(one_day, SUNDAY).read_bytes()
    added = {"a byte": whole + b"\0", "before": b"\0" + whole, "twice": whole + whole, "the end": whole + b"PAR1"}
    assert not_named(one_day, SUNDAY, iter(added.items())) == []


def rows_of(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()


def footer_of(path: Path) -> dict[str, Any]:
    with pq.ParquetFile(path) as file:
        facts: dict[str, Any] = json.loads(file.metadata.metadata[b"thulium_frames"])
    return facts


def rewritten(path: Path, table: pa.Table, footer: str | None = None) -> None:
    """Writes a well-formed file without a seal."""
    kept = json.dumps(footer_of(path) | {"rows": table.num_rows}) if footer is None else footer
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"thulium_frames": kept})


def sealed(path: Path, frame: pl.DataFrame, **how: int) -> None:
    """Writes a file as the lake does, but with rows that the lake would not write."""
    table = frame.to_arrow().cast(SCHEMA)
    group_rows = how.get("group_rows", table.num_rows)
    with mock.patch("thulium_frames.lake.dayfile._ROW_GROUP_ROWS", group_rows):
        path.write_bytes(seal_day(DAMAGED, table.to_batches(max_chunksize=group_rows), datetime.now(UTC)).content)


def with_columns(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    return lambda path: rewritten(path, change(rows_of(path)))


def with_rows(change: Callable[[pl.DataFrame], pl.DataFrame], **how: int) -> Callable[[Path], None]:
    return lambda path: sealed(path, change(pl.DataFrame(rows_of(path))), **how)


def with_content(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def with_footer(text: str | None = None, **facts: object) -> Callable[[Path], None]:
    return lambda path: rewritten(path, rows_of(path), json.dumps(footer_of(path) | facts) if text is None else text)


def of_another_program(path: Path) -> None:
    pl.DataFrame(rows_of(path)).write_parquet(path)


def of_another_day(path: Path) -> None:
    path.write_bytes((path.parents[1] / f"call_date={DAYS[3]}" / path.name).read_bytes())


def half_of_another_day(path: Path) -> None:
    other = (path.parents[1] / f"call_date={DAYS[3]}" / path.name).read_bytes()
    path.write_bytes(other[: len(other) // 2] + path.read_bytes()[len(other) // 2 :])


def described_in_no_utf8(table: pa.Table) -> pa.Table:
    field = SCHEMA.field("date").with_metadata({b"description": b"\xff"})
    return table.cast(SCHEMA.set(0, field))


def last_two_swapped_in_a_late_column(frame: pl.DataFrame) -> pl.DataFrame:
    last = frame.tail(1)
    twins = pl.concat([last.with_columns(rescued_data=pl.lit("b")), last.with_columns(rescued_data=pl.lit("a"))])
    return pl.concat([frame.head(-1), twins])


def one_row_of_the_day_before(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame.head(1).with_columns(pl.col("date") - pl.duration(days=1)), frame.tail(-1)])


def one_row_without_a_date(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame.head(1).with_columns(date=pl.lit(None, pl.Datetime("us"))), frame.tail(-1)])


#: What can happen to a day file, and the words of the report.
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "emptied": (with_content(lambda _: b""), "0 bytes"),
    "all zeros": (with_content(lambda content: bytes(len(content))), "(?i)parquet"),
    "text": (with_content(lambda _: b"<html>Not found</html>\n"), "(?i)parquet"),
    "half": (with_content(lambda content: content[: len(content) // 2]), "(?i)parquet"),
    "half of another day": (half_of_another_day, "."),
    "another day": (of_another_day, f"it is the file of {DAYS[3]}"),
    "another program": (of_another_program, "footer"),
    "unsealed": (with_columns(lambda table: table), "to the bit"),
    "a column lost": (with_columns(lambda table: table.drop_columns("tags")), "columns"),
    "a column more": (with_columns(lambda table: table.append_column("more", table["src"])), "columns"),
    "columns in another order": (with_columns(lambda table: table.select(SCHEMA.names[::-1])), "columns"),
    "a column of another type": (
        with_columns(lambda table: table.set_column(4, "duration", table["duration"].cast(pa.int32()))),
        "columns",
    ),
    "a column described in no UTF-8": (with_columns(described_in_no_utf8), "."),
    "rows of the day before": (with_rows(one_row_of_the_day_before), "rows of another day"),
    "a row without a date": (with_rows(one_row_without_a_date), "rows of another day"),
    "rows reversed": (with_rows(pl.DataFrame.reverse), "out of order"),
    "rows out of order late": (with_rows(last_two_swapped_in_a_late_column), "out of order"),
    "row groups out of order": (with_rows(lambda f: pl.concat([f.tail(-5), f.head(5)]), group_rows=5), "out of order"),
    "more rows than said": (with_footer(rows=1), "rows where 1 were written"),
    "footer not JSON": (with_footer("{"), "."),
    "footer of a list": (with_footer("[]"), "."),
    "footer of nothing": (with_footer("null"), "."),
    "footer without facts": (with_footer("{}"), "footer"),
    "no such day": (with_footer(day="2024-13-01"), "."),
    "day as a number": (with_footer(day=20240918), "."),
    "no such moment": (with_footer(read_at="yesterday"), "."),
    "a moment before time": (with_footer(read_at="0001-01-01T00:00:00+14:00"), "."),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_day_is_named_and_only_that_is_read_again(lake: Lake, thulium: Thulium, name: str) -> None:
    damage, reason = DAMAGES[name]
    before = stamps(lake)
    damage(file_of(lake, DAMAGED))
    found = lake.verify()
    assert list(found.damaged) == [DAMAGED]
    assert pl.Series([found.damaged[DAMAGED]]).str.contains(reason).item(), found.damaged
    assert "\n" not in found.damaged[DAMAGED]
    update = lake.update(thulium.connections(date_from=DAYS[0], date_to=DAYS[-1]), repair=True)
    assert (update.days_written, update.days_skipped) == ([DAMAGED], [day for day in DAYS if day != DAMAGED])
    assert {day for day in DAYS if stamps(lake)[day] != before[day]} == {DAMAGED}
    assert_sound(lake)


UNREADABLE = [
    *("emptied", "all zeros", "text", "half", "another program", "more rows than said"),
    *("footer not JSON", "footer of a list", "footer of nothing", "footer without facts"),
    *("no such day", "day as a number", "no such moment", "a moment before time"),
]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_footer_that_cannot_be_read_stops_an_export_that_is_not_to_repair(
    lake: Lake, thulium: Thulium, name: str
) -> None:
    DAMAGES[name][0](file_of(lake, DAMAGED))
    before = stamps(lake)
    assert list(lake.status().damaged) == [DAMAGED]
    with pytest.raises(LakeDamagedError, match=f"{DAMAGED}(?s:.*)export {lake.path} --repair"):
        lake.update(thulium.connections(date_from=DAYS[0], date_to=DAYS[-1]))
    assert stamps(lake) == before
    assert thulium.requests == 0


def test_a_footer_of_the_end_of_time_breaks_nothing(lake: Lake, thulium: Thulium) -> None:
    with_footer(day="9999-12-31")(file_of(lake, DAMAGED))
    assert lake.verify().damaged == {DAMAGED: "it is the file of 9999-12-31"}
    assert lake.status().rows >= 0
    lake.update(thulium.connections(date_from=DAYS[0], date_to=DAYS[-1]), repair=True)
    assert_sound(lake)


MENDED = ("half", "rows reversed", "a column lost", "a column described in no UTF-8")


def test_the_command_line_names_every_damaged_day_and_mends_them_all(lake: Lake, url: str) -> None:
    for day, name in zip(DAYS[:4], MENDED, strict=True):
        with mock.patch(f"{__name__}.DAMAGED", day):
            DAMAGES[name][0](file_of(lake, day))
    before = stamps(lake)
    said = here("verify", lake.path)
    assert (said.returncode, said.stderr) == (5, "")
    assert said.stdout.splitlines()[0].endswith("damage")
    for day, line in zip(DAYS[:4], said.stdout.splitlines()[1:], strict=True):
        assert line.startswith(f"{day}: ")
        assert line.endswith(f"Read it again with thulium-frames export {lake.path} --repair")
    told = here("verify", lake.path, "--json")
    assert (told.returncode, told.stderr) == (5, "")
    assert list(json.loads(told.stdout)["damaged"]) == [str(day) for day in DAYS[:4]]
    refused = here("export", lake.path, *ORDERED, url=url)
    assert (refused.returncode, refused.stdout) == (5, "")
    assert f"thulium-frames export {lake.path} --repair" in refused.stderr
    assert stamps(lake) == before
    mended = here("export", lake.path, *ORDERED, "--repair", "--json", url=url)
    assert (mended.returncode, mended.stderr) == (0, "")
    assert (json.loads(mended.stdout)["days_written"], json.loads(mended.stdout)["days_skipped"]) == (4, 3)
    assert {day: stamps(lake)[day] for day in DAYS[4:]} == {day: before[day] for day in DAYS[4:]}
    assert here("verify", lake.path).returncode == 0
    assert_sound(lake)


def test_a_day_that_is_replaced_while_it_is_verified_is_sound(lake: Lake) -> None:
    path = file_of(lake, DAMAGED)
    read_bytes = Path.read_bytes

    def replaced_first(self: Path) -> bytes:
        if self == path:
            rows = pl.DataFrame(rows_of(path))
            sealed(path.with_name("next"), rows)  # a later reading of the same day
        return read_bytes(self)

    with mock.patch.object(Path, "read_bytes", replaced_first):
        assert lake.verify().damaged == {}


STRANGERS = [
    "calls.parquet",
    f"call_date={DAYS[0]}/part-0.parquet",
    f"call_date={DAYS[0]}/old/connections.parquet",
    "call_date=nonsense/connections.parquet",
    "call_date=2024-9-16/connections.parquet",
    "call_date=20240916/connections.parquet",
    "call_date=2024-W38-1/connections.parquet",
    "call_date=2024-02-30/connections.parquet",
    "call_date=/connections.parquet",
    "_kept/connections.parquet",
]


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_s_parquet_file_is_named_and_left_alone(lake: Lake, thulium: Thulium, name: str) -> None:
    stranger = lake.path / name
    stranger.parent.mkdir(exist_ok=True)
    shutil.copy(file_of(lake, DAYS[0]), stranger)
    found = lake.verify()
    assert (found.damaged, found.strangers) == ({}, [stranger])
    assert lake.update(thulium.connections(date_from=DAYS[0], date_to=DAYS[-1]), repair=True).days_written == []
    assert in_any_order(lake.scan().collect().drop("call_date")).equals(truth())
    stranger.rename(lake.path.parent / "away")
    assert_sound(lake)


def test_the_command_line_says_where_strangers_are(lake: Lake) -> None:
    for name in STRANGERS[:5]:
        (lake.path / name).parent.mkdir(exist_ok=True)
        (lake.path / name).write_bytes(b"")
    said = here("verify", lake.path)
    assert (said.returncode, said.stderr) == (5, "")
    for name in STRANGERS[:5]:
        assert f"{lake.path / name}: not a file of this lake, but readers would take it for one. Move it" in said.stdout
    told = here("verify", lake.path, "--json")
    assert told.returncode == 5
    assert json.loads(told.stdout)["damaged"] == {}
    assert json.loads(told.stdout)["strangers"] == sorted(str(lake.path / name) for name in STRANGERS[:5])


def folder_for_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


def file_for_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("no folder")


def dead_link_for_file(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("damage", [folder_for_file, file_for_folder])
def test_what_stands_in_a_day_s_way_is_named(lake: Lake, thulium: Thulium, damage: Callable[[Path], None]) -> None:
    path = file_of(lake, DAMAGED)
    damage(path)
    assert lake.status().missing == [DAMAGED]
    with pytest.raises(LakeError, match=str(path.parent)):
        thulium.connections(date_from=DAYS[0], date_to=DAYS[-1]).write_parquet(lake.path)
    in_the_way = path if path.is_dir() else path.parent
    in_the_way.rename(lake.path.parent / "away")
    thulium.connections(date_from=DAYS[0], date_to=DAYS[-1]).write_parquet(lake.path)
    assert_sound(lake)


def test_a_dead_link_is_a_missing_day(lake: Lake, thulium: Thulium) -> None:
    dead_link_for_file(file_of(lake, DAMAGED))
    assert lake.status().missing == [DAMAGED]
    update = thulium.connections(date_from=DAYS[0], date_to=DAYS[-1]).write_parquet(lake.path)
    assert update.days_written == [DAMAGED]
    assert_sound(lake)


def manifest_with(**changes: object) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def origin_with(**changes: object) -> Callable[[Path], object]:
    return lambda path: manifest_with(origin=json.loads(path.read_text())["origin"] | changes)(path)


def manifest_of(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


MANIFEST_DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "a folder": folder_for_file,
    "empty": manifest_of(b""),
    "zeros": manifest_of(bytes(158)),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "not UTF-8": manifest_of(b'{"format": "\xff\xfe"}'),
    "no JSON": manifest_of(b"<html>"),
    "a list": manifest_of(b"[]"),
    "a text": manifest_of(b'"thulium_frames lake"'),
    "a number": manifest_of(b"5"),
    "nothing": manifest_of(b"null"),
    "deep": manifest_of(b"[" * 100_000),
    "another format": manifest_with(format="another"),
    "a format that is no text": manifest_with(format={"name": "thulium_frames lake"}),
    "no origin": manifest_with(origin=None),
    "an origin of text": manifest_with(origin="acme"),
    "an origin of names": manifest_with(origin=["system", "time_zone", "filters"]),
    "an origin without filters": manifest_with(origin={"system": "acme", "time_zone": "Europe/Warsaw"}),
}
ODD_ORIGINS: dict[str, dict[str, object]] = {
    "no such time zone": {"time_zone": "Mars/Olympus"},
    "a time zone that is a path": {"time_zone": "../../etc/passwd"},
    "a time zone that is a number": {"time_zone": 2},
    "no time zone": {"time_zone": None},
    "filters in a list": {"filters": ["queue_id"]},
    "no filters": {"filters": None},
    "systems": {"system": ["acme"]},
}


@pytest.mark.parametrize("name", ODD_ORIGINS)
@pytest.mark.parametrize("command", [["verify", "--json"], ["status"], ["export", *ORDERED]])
def test_an_odd_manifest_never_ends_in_an_unexpected_error(lake: Lake, url: str, name: str, command: list[str]) -> None:
    """An oddity that does not matter need not be reported."""
    origin_with(**ODD_ORIGINS[name])(lake.path / MANIFEST)
    before = stamps(lake)
    done = here(command[0], lake.path, *command[1:], url=url)
    assert done.returncode in ((5,) if command[0] == "export" else (0, 5)), done.stderr
    assert len(done.stderr.splitlines()) in (0, 2), done.stderr
    assert stamps(lake) == before


@pytest.mark.parametrize("name", MANIFEST_DAMAGES)
def test_a_damaged_manifest_is_named_with_its_remedy(lake: Lake, thulium: Thulium, name: str) -> None:
    MANIFEST_DAMAGES[name](lake.path / MANIFEST)
    before = stamps(lake)
    calls = thulium.connections(date_from=DAYS[0], date_to=DAYS[-1])
    kind: type[LakeError] = LakeDamagedError
    remedy = "from a copy, or export to a new folder"
    if name == "a folder":
        kind, remedy = LakeError, "Remove what blocks it"
    for use in (lake.verify, lake.status, lake.scan, lambda: lake.update(calls)):
        with pytest.raises(kind, match=f"{MANIFEST}(?s:.*){remedy}"):
            use()
    assert stamps(lake) == before


@pytest.mark.parametrize("command", [["verify", "--json"], ["status"], ["export", *ORDERED]])
@pytest.mark.parametrize("name", ["missing", "a folder", "not UTF-8", "an origin of names"])
def test_the_command_line_tells_a_damaged_manifest_in_two_lines(
    lake: Lake, url: str, name: str, command: list[str]
) -> None:
    MANIFEST_DAMAGES[name](lake.path / MANIFEST)
    done = here(command[0], lake.path, *command[1:], url=url)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 2
    assert MANIFEST in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        manifest_with(schema=2),
        manifest_with(schema=2, origin={"systems": ["acme", "other"]}),
        lambda path: path.write_text('{"format": "thulium_frames lake", "schema": 2}'),
    ],
)
def test_a_newer_lake_is_refused_whatever_else_its_manifest_says(
    lake: Lake, thulium: Thulium, change: Callable[[Path], object]
) -> None:
    change(lake.path / MANIFEST)
    calls = thulium.connections(date_from=DAYS[0], date_to=DAYS[-1])
    for use in (lake.verify, lake.status, lake.scan, lambda: lake.update(calls)):
        with pytest.raises(LakeMismatchError, match="schema version 2, this release knows 1"):
            use()
    done = here("verify", lake.path, "--json")
    assert (done.returncode, done.stdout) == (5, "")
    assert "Update thulium-frames, or export to a new folder" in done.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (origin_with(system="https://acme.thulium.com"), "of system https://acme.thulium.com, not of http://127.0.0.1"),
        (origin_with(time_zone="Europe/London"), "of time zone Europe/London, not of Europe/Warsaw"),
        (origin_with(filters={"queue_id": 3}), 'of filters {"queue_id": 3}, not of {}'),
    ],
)
def test_a_lake_of_other_calls_is_sound_but_not_for_this_export(
    lake: Lake, url: str, change: Callable[[Path], object], says: str
) -> None:
    change(lake.path / MANIFEST)
    before = stamps(lake)
    assert here("verify", lake.path).returncode == 0
    for more in ([], ["--refresh"], ["--repair"]):
        done = here("export", lake.path, *ORDERED, *more, url=url)
        assert (done.returncode, done.stdout) == (5, "")
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 2
    assert stamps(lake) == before

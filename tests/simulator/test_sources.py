import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thulium_frames.schema import SCHEMA
from thulium_frames.simulator import CallSource, Centre, GeneratedCalls, LakeCalls
from thulium_frames.simulator.sources import Record

DAY = date(2024, 7, 1)
FULL: dict[str, Any] = {
    "date": datetime(2024, 7, 1, 11, 8),
    "src": "48500000000",
    "dst": "1234",
    "disposition": "ANSWERED",
    "duration": 129,
    "billsec": 104,
    "user": "Łucja",
    "customer_id": 5,
    "connection_id": "1719824880.10",
    "rating": {"type": "face", "rate": "happy"},
    "queue_id": 34,
    "topic_id": 3,
    "tags": ["vip"],
    "date_utc": datetime(2024, 7, 1, 9, 8, tzinfo=UTC),
}


def write_day(lake: Path, day: date, rows: list[dict[str, Any]]) -> None:
    folder = lake / f"call_date={day}"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "connections.parquet")


def told(lake: Path, row: dict[str, Any]) -> str:
    """The JSON that a lake of this one row serves."""
    write_day(lake, DAY, [row])
    (record,) = LakeCalls(lake).records(DAY)
    return record.json(tags=True, topics=True).decode()


def test_a_row_of_a_lake_is_told_as_the_api_told_it(tmp_path: Path) -> None:
    empty = dict.fromkeys(SCHEMA.names, "")
    expected = {**empty, **FULL, "date": "2024-07-01 11:08"}
    del expected["date_utc"], expected["rescued_data"]
    assert json.loads(told(tmp_path, FULL)) == expected


def test_seconds_are_told_when_there_are_any(tmp_path: Path) -> None:
    assert '"2024-07-01 11:08:09"' in told(tmp_path, {**FULL, "date": datetime(2024, 7, 1, 11, 8, 9)})


@pytest.mark.parametrize(("tags", "text"), [(None, "null"), ([], "[]"), (["a", "ż"], '["a","ż"]')])
def test_no_tags_and_an_empty_list_of_tags_stay_apart(tmp_path: Path, tags: list[str] | None, text: str) -> None:
    assert f'"tags":{text}' in told(tmp_path, {**FULL, "tags": tags})


def test_half_a_rating_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    row = {**FULL, "rating": {"type": None, "rate": "5"}}
    assert json.loads(told(tmp_path, row))["rating"] == {"type": "", "rate": "5"}


def test_rescued_values_come_back_letter_by_letter_in_the_places_of_their_fields(tmp_path: Path) -> None:
    rescued = '{"queue_id":1e3,"billsec":"12 s","rating":7,"novelty":{"a": [1.50, null]},"tags":"vip"}'
    text = told(tmp_path, {**FULL, "queue_id": None, "rating": None, "tags": None, "rescued_data": rescued})
    assert '"queue_id":1e3,' in text
    assert '"novelty":{"a": [1.50, null]}' in text
    assert json.loads(text)["billsec"] == "12 s"
    assert (json.loads(text)["rating"], json.loads(text)["tags"]) == (7, "vip")
    assert len(json.loads(text)) == len(SCHEMA.names) - 2 + 1


def test_a_lake_knows_its_days_and_their_rows(tmp_path: Path) -> None:
    write_day(tmp_path, date(2024, 7, 2), [])
    write_day(tmp_path, DAY, [FULL, {**FULL, "date": datetime(2024, 7, 1, 8)}])
    lake = LakeCalls(tmp_path)
    assert list(lake.days()) == [DAY, date(2024, 7, 2)]
    assert [record.wall.hour for record in lake.records(DAY)] == [8, 11]
    assert [lake.count(day) for day in (DAY, date(2024, 7, 2), date(2024, 7, 3))] == [2, 0, 0]
    assert list(lake.records(date(2024, 7, 3))) == []


def test_a_lake_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        LakeCalls(tmp_path / "nowhere")


def test_generated_days_are_those_asked_for_in_order() -> None:
    source = GeneratedCalls(Centre(calls_per_day=30), date(2024, 10, 26), date(2024, 10, 28))
    assert list(source.days()) == [date(2024, 10, 26), date(2024, 10, 27), date(2024, 10, 28)]
    assert list(source.records(date(2024, 10, 29))) == []
    assert source.count(date(2024, 10, 29)) == 0


def test_generated_records_are_the_calls_of_the_centre_by_wall_clock() -> None:
    centre = Centre()
    source = GeneratedCalls(centre, date(2024, 10, 27), date(2024, 10, 27))
    records = source.records(date(2024, 10, 27))
    assert [r.row for r in records] == sorted(
        (call.row for call in centre.calls(date(2024, 10, 27))), key=lambda row: str(row["date"])
    )
    assert source.count(date(2024, 10, 27)) == len(records)


def test_tags_and_topics_are_told_only_when_wanted() -> None:
    record = Record(datetime(2024, 7, 1), {"src": "", "topic_id": 1, "tags": []})
    assert record.json(tags=False, topics=False) == b'{"src":""}'
    assert record.json(tags=True, topics=False) == b'{"src":"","tags":[]}'
    assert record.json(tags=False, topics=True) == b'{"src":"","topic_id":1}'
    assert record.json(tags=True, topics=True) is record.json(tags=True, topics=True)


def test_both_sources_are_call_sources(tmp_path: Path) -> None:
    sources: list[CallSource] = [GeneratedCalls(Centre(), DAY, DAY), LakeCalls(tmp_path)]
    assert [source.version() for source in sources] == [0, 0]

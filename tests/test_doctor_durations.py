"""The doctor counts the records of its sample whose durations cannot be true."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from tests.conftest import FIRST, Connect
from tests.program import here
from thulium_frames.doctor import examine
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running
from thulium_frames.simulator.sources import Record

ODD: list[dict[str, Any]] = [{"duration": -5}, {"billsec": "-1"}, {"duration": 10, "billsec": 12}, {"duration": 90_000}]


class OddCalls(GeneratedCalls):
    """A day whose first records have impossible durations."""

    def records(self, day: date) -> Sequence[Record]:
        calls = super().records(day)
        changed = [Record(call.wall, {**call.row, **odd}) for call, odd in zip(calls, ODD, strict=False)]
        return [*changed, *calls[len(ODD) :]]


def test_impossible_durations_are_counted_and_told(connect: Connect) -> None:
    with running(create_app(OddCalls(Centre(seed=3, calls_per_day=150), FIRST, FIRST))) as url:
        found = examine(connect(url))
        told = [here("doctor", *more, url=url).stdout for more in ([], ["--json"])]
    assert found.impossible_durations == len(ODD)
    assert f"{len(ODD)} of {found.page_rows} rows have impossible ones" in told[0]
    assert json.loads(told[1])["impossible_durations"] == len(ODD)


def test_a_system_in_order_has_none(connect: Connect) -> None:
    with running(create_app(GeneratedCalls(Centre(seed=3, calls_per_day=150), FIRST, FIRST))) as url:
        assert examine(connect(url)).impossible_durations == 0
        told = here("doctor", url=url)
    assert "none is impossible" in told.stdout

"""A seam is settled once both of its sides are known, in either order."""

from datetime import datetime

import pytest

from thulium_frames.reading.order import Part
from thulium_frames.reading.seams import Seams
from thulium_frames.windows import Window

START, CUT, END = (datetime(2024, 7, 1, hour) for hour in (8, 10, 12))
SEAM = CUT, END
PART = Part(Window(START, CUT), calls=[], rest=None, left=7)


@pytest.mark.parametrize(("counted", "adds_up"), [(7, True), (6, False), (8, False)])
def test_the_part_may_come_first(counted: int, adds_up: bool) -> None:
    seams = Seams()
    assert seams.add(SEAM, PART) is None
    settled = seams.count(SEAM, counted)
    assert settled is not None
    assert (settled.part, settled.adds_up) == (PART, adds_up)


@pytest.mark.parametrize(("counted", "adds_up"), [(7, True), (6, False), (8, False)])
def test_the_count_may_come_first(counted: int, adds_up: bool) -> None:
    seams = Seams()
    seams.open(SEAM)
    assert seams.count(SEAM, counted) is None
    assert seams.behind(SEAM) == counted
    settled = seams.add(SEAM, PART)
    assert settled is not None
    assert (settled.part, settled.adds_up) == (PART, adds_up)


def test_a_count_where_no_window_was_cut_settles_nothing() -> None:
    seams = Seams()
    assert seams.count(SEAM, 7) is None
    assert seams.behind(SEAM) is None
    assert seams.add(SEAM, PART) is None


def test_a_seam_is_settled_once() -> None:
    seams = Seams()
    seams.add(SEAM, PART)
    assert seams.count(SEAM, 7) is not None
    assert seams.count(SEAM, 7) is None

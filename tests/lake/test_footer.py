"""Footers are read as Arrow reads them, and a damaged one is an error and nothing worse."""

import io
from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.lake.footer import MAGIC, BadFooterError, read_footer, rows_in, text_in

KEY = "thulium_frames"
NUMBERS = st.lists(st.integers(0, 9), max_size=40)


def file_of(rows: list[int], columns: int = 2, metadata: dict[str, str] | None = None) -> bytes:
    """A Parquet file with lists, structs, statistics and many row groups."""
    values = {
        "number": pa.array(rows, pa.int64()),
        "text": pa.array([str(row) for row in rows]),
        "nested": pa.array(
            [{"a": [row], "b": 0.5} for row in rows], pa.struct([("a", pa.list_(pa.int8())), ("b", "f8")])
        ),
        **{f"column {number}": pa.array(rows, pa.timestamp("us", "UTC")) for number in range(columns)},
    }
    file = io.BytesIO()
    table = pa.table(values).replace_schema_metadata(metadata)
    pq.write_table(table, file, row_group_size=7)
    return file.getvalue()


def tail_of(content: bytes) -> Callable[[int], bytes]:
    return lambda size: content[max(0, len(content) - size) :]


@given(NUMBERS, st.integers(0, 40), st.text(max_size=300), st.booleans())
def test_a_footer_says_what_arrow_reads_in_it(rows: list[int], columns: int, told: str, is_told: bool) -> None:
    content = file_of(rows, columns, {"another": "thulium_frame", **({KEY: told} if is_told else {})})
    footer, metadata = read_footer(tail_of(content)), pq.read_metadata(io.BytesIO(content))
    assert rows_in(footer) == metadata.num_rows == len(rows)
    assert text_in(footer, KEY) == metadata.metadata.get(KEY.encode())


def test_a_long_footer_is_read_whole() -> None:
    content = file_of([1, 2, 3], columns=400)
    sizes: list[int] = []

    def tail(size: int) -> bytes:
        sizes.append(size)
        return tail_of(content)(size)

    assert rows_in(read_footer(tail)) == 3
    assert len(sizes) == 2
    assert sizes[0] < sizes[1] < len(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"\x00\x00\x00\x00PAR2",
        file_of([1])[:-1],
        file_of([1])[:-9],
        (10**6).to_bytes(4, "little") + MAGIC,
    ],
)
def test_what_is_not_whole_has_no_footer(content: bytes) -> None:
    with pytest.raises(BadFooterError):
        read_footer(tail_of(content))


FOOTER = read_footer(tail_of(file_of([1, 2], 1, {KEY: "told"})))


@given(st.integers(0, len(FOOTER) - 1), st.binary(max_size=6), st.integers(0, 6))
def test_a_damaged_footer_ends_in_an_answer_or_in_an_error(place: int, other: bytes, lost: int) -> None:
    damaged = FOOTER[:place] + other + FOOTER[place + lost :]
    for read in (rows_in, lambda footer: text_in(footer, KEY)):
        with suppress(BadFooterError):
            read(damaged)


@pytest.mark.parametrize(
    "footer", [b"", b"\x19\xfc\xff\xff\xff\xff\x7f", b"\x1c" * 5_000, b"\x19\x1c" * 5_000, b"\x1f", b"\x18\xff"]
)
def test_a_footer_that_cannot_be_is_an_error(footer: bytes) -> None:
    with pytest.raises(BadFooterError):
        rows_in(footer)

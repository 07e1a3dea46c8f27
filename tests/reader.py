"""A program that reads a lake again and again until its stdin ends, and then once more.

    python tests/reader.py lake version-a version-b

Each day that it reads must equal, row by row, that day in one of the other two lakes. Each reading prints which one.
The lake must never appear damaged.
"""

import select
import sys
from datetime import date
from pathlib import Path

import polars as pl

from thulium_frames import Lake, scan_lake

Days = dict[date, pl.DataFrame]


def days_of(frame: pl.DataFrame) -> Days:
    return {day: rows for (day,), rows in frame.partition_by("call_date", as_dict=True).items()}


def version_of(day: date, rows: pl.DataFrame, versions: list[Days]) -> str:
    for name, version in zip("AB", versions, strict=True):
        if rows.equals(version[day]):
            return name
    raise AssertionError(f"{day} is {len(rows)} rows, and of neither version")


def main() -> None:
    lake, *others = map(Path, sys.argv[1:])
    versions = [days_of(scan_lake(other).collect()) for other in others]
    is_last = False
    while not is_last:
        is_last = bool(select.select([sys.stdin], [], [], 0)[0])
        found = days_of(scan_lake(lake).collect())
        if found.keys() != versions[0].keys():
            raise AssertionError(f"found {sorted(found)}")
        seen = [version_of(day, rows, versions) for day, rows in sorted(found.items())]
        sys.stdout.write(f"{''.join(seen)}\n")
        sys.stdout.flush()
        if (damaged := Lake(lake).verify().damaged) or (damaged := Lake(lake).status().damaged):
            raise AssertionError(f"damaged: {damaged}")


if __name__ == "__main__":
    main()

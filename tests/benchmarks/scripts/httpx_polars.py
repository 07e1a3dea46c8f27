"""The script that people write first: a loop over `offset`, a frame of all records, a folder for each day."""

import sys
from typing import Any

import httpx
import polars as pl

Parameters = dict[str, int | str]


def main(url: str, _rows: str, folder: str) -> None:
    calls: list[dict[str, Any]] = []
    with httpx.Client() as client:
        while True:
            parameters: Parameters = {
                "limit": 100,
                "offset": len(calls),
                "include_tags": "true",
                "include_topics": "true",
            }
            page = client.get(f"{url}/api/connections", params=parameters).raise_for_status().json()
            calls += page["result"]
            if not page["result"] or len(calls) >= page["count"]:
                break
    frame = pl.DataFrame(calls, infer_schema_length=None, strict=False)
    days = frame.with_columns(call_date=pl.col("date").str.head(10))
    days.write_parquet(folder, partition_by="call_date")


if __name__ == "__main__":
    main(*sys.argv[1:4])

"""polars-api: turns a column of addresses into a column of pages with a given schema, and writes them by day."""

import sys

import polars as pl
import polars_api  # noqa: F401 - the import adds `.api` to expressions

from tests.benchmarks.scripts.columns import TEXTS, page_urls

CALL = {name: pl.String() for name in TEXTS} | {
    "duration": pl.Int64(),
    "billsec": pl.Int64(),
    "rating": pl.Struct({"type": pl.String, "rate": pl.String}),
    "tags": pl.List(pl.String),
}
PAGE = pl.Struct({"count": pl.Int64, "result": pl.List(pl.Struct(CALL))})


def main(url: str, rows: str, folder: str, in_flight: str) -> None:
    address = pl.col("url").api  # type: ignore[attr-defined]  # polars_api adds it
    body = address.aget(max_concurrency=int(in_flight), on_error="raise")
    pages = pl.DataFrame({"url": page_urls(url, rows)}).select(page=body).select(pl.col("page").str.json_decode(PAGE))
    calls = pages.select(pl.col("page").struct.field("result").explode()).unnest("result")
    days = calls.with_columns(call_date=pl.col("date").str.head(10))
    days.write_parquet(folder, partition_by="call_date")


if __name__ == "__main__":
    main(*sys.argv[1:5])

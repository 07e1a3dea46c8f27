"""Daft: downloads all pages at once with a given schema, and writes them by day."""

import sys

import daft
from daft import DataType, col

from tests.benchmarks.scripts.columns import TEXTS, page_urls

CALL = {name: DataType.string() for name in TEXTS} | {
    "duration": DataType.int64(),
    "billsec": DataType.int64(),
    "rating": DataType.struct({"type": DataType.string(), "rate": DataType.string()}),
    "tags": DataType.list(DataType.string()),
}
PAGE = DataType.struct({"count": DataType.int64(), "result": DataType.list(DataType.struct(CALL))})


def main(url: str, rows: str, folder: str, in_flight: str) -> None:
    text = daft.functions.download(col("url"), max_connections=int(in_flight)).cast(DataType.string())
    page = daft.functions.deserialize(text, "json", PAGE)
    calls = daft.from_pydict({"url": page_urls(url, rows)}).select(page.get("result").alias("call")).explode("call")
    records = calls.select(*[col("call").get(name).alias(name) for name in CALL])
    days = records.with_column("call_date", col("date").left(10))
    days.write_parquet(folder, partition_cols=["call_date"])


if __name__ == "__main__":
    main(*sys.argv[1:5])

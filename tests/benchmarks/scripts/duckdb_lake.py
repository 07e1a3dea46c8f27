"""DuckDB: `read_json` over all pages, written by day. httpfs is a package here, for machines without DuckDB's site."""

import sys
from pathlib import Path

import duckdb
import duckdb_extension_httpfs

from tests.benchmarks.scripts.columns import TEXTS, page_urls

RATING = 'STRUCT("type" VARCHAR, rate VARCHAR)'
OTHERS = f"duration BIGINT, billsec BIGINT, rating {RATING}, tags VARCHAR[]"
CALL = "STRUCT({}, {})".format(", ".join(f'"{name}" VARCHAR' for name in TEXTS), OTHERS)
COPY = f"""
    COPY (
        SELECT call.*, call.date[:10] AS call_date
        FROM (
            SELECT unnest(result) AS call
            FROM read_json($urls, columns = {{'result': '{CALL.replace("'", "''")}[]'}}, format = 'auto')
        )
    ) TO '%s' (FORMAT parquet, PARTITION_BY (call_date))
"""


def main(url: str, rows: str, folder: str, in_flight: str) -> None:
    extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("*.duckdb_extension"))
    connection = duckdb.connect(config={"threads": in_flight})
    connection.execute(f"LOAD '{extension}'")
    connection.execute("SET force_download = true")  # one request a page instead of three
    connection.execute(COPY % folder, {"urls": page_urls(url, rows)})


if __name__ == "__main__":
    main(*sys.argv[1:5])

"""dlt: reads with its REST source, paged by offset, and writes Parquet files."""

import sys
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_resources


def main(url: str, _rows: str, folder: str) -> None:
    paginator = {"type": "offset", "limit": 100, "total_path": "count"}
    parameters = {"include_tags": "true", "include_topics": "true"}
    endpoint: Any = {
        "path": "api/connections",
        "params": parameters,
        "data_selector": "result",
        "paginator": paginator,
    }
    resources = rest_api_resources(
        {"client": {"base_url": url}, "resources": [{"name": "connections", "endpoint": endpoint}]}
    )
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=f"{folder}-state",
        destination=dlt.destinations.filesystem(f"file://{folder}"),
        dataset_name="calls",
    )
    pipeline.run(resources, loader_file_format="parquet").raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:4])

"""Download only: one page after the other. The script does nothing with the pages."""

import sys

import httpx

Parameters = dict[str, int | str]


def main(url: str, rows: str) -> None:
    with httpx.Client() as client:
        for offset in range(0, int(rows), 100):
            parameters: Parameters = {"limit": 100, "offset": offset, "include_tags": "true", "include_topics": "true"}
            client.get(f"{url}/api/connections", params=parameters).raise_for_status().read()


if __name__ == "__main__":
    main(*sys.argv[1:3])

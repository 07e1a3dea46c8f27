"""Our command line with httpx and a fixed number of requests in flight, which the first argument tells."""

import sys

from thulium_frames.__main__ import main
from thulium_frames.endpoint import client, transport
from thulium_frames.endpoint.concurrency import Concurrency


class Fixed(Concurrency):
    def __init__(self, most: int) -> None:
        super().__init__(most, first=most)

    def answered(self, seconds: float, size: int) -> None:
        """Nothing changes."""


workers = sys.argv.pop(1)
vars(client)["Concurrency"] = Fixed
vars(transport)["best_library"] = lambda: "httpx"
sys.argv += ["--workers", workers]
main()

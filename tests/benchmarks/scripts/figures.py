"""The figures of a lake: `python -m tests.benchmarks.scripts.figures LAKE QUESTION`."""

import sys
from typing import Final

import polars as pl

from thulium_frames import metrics, scan_lake

_DENOMINATOR: Final = "less_short_abandons"


def answer(legs: pl.LazyFrame, question: str) -> pl.DataFrame:
    """The table of the function of `metrics` with this name."""
    if question == "summary":
        return metrics.summary(legs, denominator=_DENOMINATOR).collect()
    if question == "by_interval":
        return metrics.by_interval(legs, every="1h", denominator=_DENOMINATOR).collect()
    return metrics.calls(legs).collect()


def main() -> None:
    """Answer a question and print the number of rows."""
    lake, question = sys.argv[1:]
    sys.stdout.write(f"{answer(scan_lake(lake), question).height}\n")


if __name__ == "__main__":
    main()

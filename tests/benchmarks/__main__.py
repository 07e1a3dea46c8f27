"""The command line of the benchmarks."""

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console

from tests.benchmarks.jobs import OTHERS, Bench, jobs
from tests.benchmarks.peers import PEERS
from tests.benchmarks.results import report, table

_JOBS = [*dict.fromkeys(job.name for job in jobs([1])), *OTHERS]


def _arguments() -> argparse.Namespace:
    peers = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="What exporting and analysing costs."
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000], help="sizes of the job download")
    parser.add_argument("--legs", type=int, default=850_000, help="size of the lake of the jobs analysis and report")
    parser.add_argument("--runs", type=int, default=3, help="rounds, in each of which every peer has its turn")
    parser.add_argument("--only", nargs="+", choices=_JOBS, default=_JOBS, metavar="JOB", help=", ".join(_JOBS))
    parser.add_argument("--peers", nargs="+", choices=peers, default=peers, metavar="PEER", help=", ".join(peers))
    parser.add_argument("-o", "--output", type=Path, help="the JSON file, in the temporary folder unless said")
    return parser.parse_args()


def main() -> None:
    """Run the requested jobs. Print a table after each job, and write all results at the end."""
    given = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 200)
    output = given.output or Path(tempfile.gettempdir()) / "thulium_frames_benchmarks.json"
    chosen = [job for job in jobs(given.rows) if job.name in given.only]
    results = []
    with tempfile.TemporaryDirectory(prefix="thulium_frames_") as folder, console.status("") as status:
        bench = Bench(Path(folder), given.runs, given.peers, given.legs, status.update)
        for result in bench.results(chosen, given.only):
            results.append(result)
            console.print(result.title, table(result), sep="\n", highlight=False)
    output.write_bytes(msgspec.json.format(msgspec.json.encode(report(results))))
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()

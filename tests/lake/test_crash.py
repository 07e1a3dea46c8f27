"""Days stay whole, and the same command continues, after a kill, an interrupt, a full disk or a missing permission.

Readers see whole days meanwhile, too. The number of kills is 24 by default: each step once, and two at random. For
another number: THULIUM_FRAMES_KILLS=1000 pytest tests/lake/test_crash.py -k sigkill
"""

import json
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from random import Random

import polars as pl
import pytest

from tests.doses import dose
from tests.processes import (
    TESTS,
    TRAP,
    WITHOUT_PRIVILEGE,
    Asked,
    Watch,
    can_mount,
    environment,
    mounted,
    remount,
    run,
    start,
    with_files_upto,
)
from tests.program import here
from tests.truth import frame_of, in_any_order
from thulium_frames import Lake, Thulium, scan_lake
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running

KILLS = dose("KILLS", 24, 50)
FIRST = date(2024, 9, 16)
DAYS = [FIRST + timedelta(days=number) for number in range(20)]
CENTRE, OTHER_CENTRE = Centre(seed=3, calls_per_day=40), Centre(seed=4, calls_per_day=40)
CALLS, OTHER_CALLS = (GeneratedCalls(centre, DAYS[0], DAYS[-1]) for centre in (CENTRE, OTHER_CENTRE))
PINNED = {"_thulium_frames.json", ".thulium_frames.lock", "connections.parquet"}
STAGED, STAGED_MANIFEST = ".connections.parquet.staging", "._thulium_frames.json.staging"
PAGE = 100

with tempfile.TemporaryDirectory() as _folder:
    IS_MOUNTING_ALLOWED = can_mount(Path(_folder))


def ordered(days: Sequence[date]) -> list[str]:
    return ["--from", str(days[0]), "--to", str(days[-1])]


def make(lake: Path, days: Sequence[date], url: str) -> None:
    with Thulium(url, "demo", "demo") as thulium:
        thulium.connections(date_from=days[0], date_to=days[-1]).write_parquet(lake)


def truth(days: Sequence[date]) -> pl.DataFrame:
    return in_any_order(pl.concat(map(truth_of, days)))


@cache
def truth_of(day: date) -> pl.DataFrame:
    return in_any_order(frame_of(CENTRE.calls(day)))


def rows_in(lake: Path) -> pl.DataFrame:
    return in_any_order(scan_lake(lake).collect().drop("call_date"))


def files_in(lake: Path) -> list[Path]:
    return sorted(path for path in lake.rglob("*") if path.is_file())


def names_in(lake: Path) -> set[str]:
    return {path.name for path in files_in(lake)}


def empty_folders_in(lake: Path) -> list[Path]:
    return [path for path in lake.rglob("*") if path.is_dir() and not any(path.iterdir())]


def contents_of(lake: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in files_in(lake) if path.suffix != ".lock"}


def file_of(lake: Path, day: date) -> Path:
    return lake / f"call_date={day}" / "connections.parquet"


def days_there(lake: Path) -> dict[date, tuple[int, int]]:
    """The days with a file, and the facts about it that change when the file is written again."""
    found = {day: file_of(lake, day) for day in DAYS if file_of(lake, day).exists()}
    return {day: (path.stat().st_ino, path.stat().st_mtime_ns) for day, path in found.items()}


def assert_complete(lake: Path, days: Sequence[date]) -> None:
    assert rows_in(lake).equals(truth(days))
    assert list(days_there(lake)) == list(days)
    assert names_in(lake) == PINNED
    assert empty_folders_in(lake) == []
    assert Lake(lake).verify().is_clean


def assert_whole(lake: Path) -> None:
    """Each visible day is complete, and all other files are hidden."""
    for day in days_there(lake):
        rows = pl.read_parquet(file_of(lake, day), hive_partitioning=False)
        assert in_any_order(rows).equals(truth_of(day))
    assert all(name in PINNED or name.startswith(".") for name in names_in(lake))


def touches(asked: Asked, day: date) -> bool:
    """Whether a request asks for the day. The minute at its end does not count, because it is only asked for safety."""
    midnight = datetime.combine(day, time.min)
    return asked.date_from < midnight + timedelta(days=1) and asked.date_to > midnight


def requests_at_least(missing: Sequence[date]) -> int:
    """The least number of requests that read these days."""
    runs = groupby(enumerate(missing), key=lambda numbered: numbered[1].toordinal() - numbered[0])
    rows = [sum(CALLS.count(day) for _, day in stretch) for _, stretch in runs]
    return sum(max(1, -(-count // PAGE)) for count in rows)


@dataclass(frozen=True)
class Kill:
    """When an export is killed: when it reaches a step for the n-th time, or by its n-th request."""

    step: str
    time: int = 1
    refresh: bool = False


BY_REQUEST = "by its request"
#: The first export into a new lake reaches these steps, in this order.
FIRST_STEPS = [
    "after mkdir lake",
    "before ftruncate .thulium_frames.lock",
    "after ftruncate .thulium_frames.lock",
    f"before fsync {STAGED_MANIFEST}",
    f"before replace {STAGED_MANIFEST}",
    f"after replace {STAGED_MANIFEST}",
    "after fsync lake",
]
#: The steps that put a day in its place.
DAY_STEPS = [
    "after mkdir call_date",
    "before write_table table",
    "after write_table table",
    f"before read_bytes {STAGED}",
    f"after read_bytes {STAGED}",
    f"before fsync {STAGED}",
    f"after fsync {STAGED}",
    f"before replace {STAGED}",
    f"after replace {STAGED}",
    "after fsync call_date",
]
#: The steps that clear away what a killed export left. Each follows a kill that left something.
CLEARING_STEPS = [
    f"before replace {STAGED}",
    f"before unlink {STAGED}",
    f"after unlink {STAGED}",
    "after rmdir call_date",
]


def each_step_once() -> Iterator[Kill]:
    yield from map(Kill, [*FIRST_STEPS, BY_REQUEST, *CLEARING_STEPS, *DAY_STEPS])


def at_random(rng: Random, missing: Sequence[date]) -> Kill:
    if rng.random() < 0.4:
        return Kill(BY_REQUEST, rng.randint(1, requests_at_least(missing)))
    refresh = rng.random() < 0.25
    return Kill(rng.choice(DAY_STEPS[1:]), rng.randint(1, len(DAYS) if refresh else min(4, len(missing))), refresh)


def export_killed(lake: Path, kill: Kill) -> list[Asked]:
    """Runs an export that is killed, and returns its requests."""
    arguments = ["export", lake, *ordered(DAYS), *(["--refresh"] if kill.refresh else [])]
    is_by_request = kill.step == BY_REQUEST
    app = Watch(create_app(CALLS), hold_at=kill.time if is_by_request else None)
    program = {} if is_by_request else {"program": [*TRAP, "SIGKILL", kill.step, str(kill.time)]}
    app.victim = queue.SimpleQueue()
    with running(app) as url, start(arguments, url=url, **program) as export:
        app.victim.put(export)
        _, errors = export.communicate(timeout=120)
    assert (export.returncode, errors) == (-signal.SIGKILL, ""), kill
    return app.asked


@pytest.mark.dosed
def test_a_lake_grows_exactly_through_any_number_of_sigkills(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    rng = Random(20240916)
    fixed = list(each_step_once())
    for number in range(max(KILLS, len(fixed))):
        before = days_there(lake)
        if len(before) == len(DAYS):
            for lost in rng.sample(DAYS, 12):
                file_of(lake, lost).unlink()
            before = days_there(lake)
        missing = [day for day in DAYS if day not in before]
        kill = fixed[number] if number < len(fixed) else at_random(rng, missing)
        asked = export_killed(lake, kill)
        assert_whole(lake)
        if not kill.refresh:
            assert before.items() <= days_there(lake).items(), kill
            assert [(one, day) for one in asked for day in before if touches(one, day)] == [], kill
    with running(create_app(CALLS)) as url:
        done = here("export", lake, *ordered(DAYS), url=url)
        assert (done.returncode, done.stderr) == (0, "")
        assert_complete(lake, DAYS)
        assert json.loads(here("export", lake, *ordered(DAYS), "--json", url=url).stdout)["requests"] == 0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(create_app(CALLS)) as address:
        yield address


@pytest.fixture(scope="module")
def other_url() -> Iterator[str]:
    """The same system, with other calls."""
    with running(create_app(OTHER_CALLS)) as address:
        yield address


@pytest.fixture(scope="module")
def three_days(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake for tests to copy."""
    lake = tmp_path_factory.mktemp("three-days") / "lake"
    make(lake, DAYS[:3], url)
    return lake


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("step", DAY_STEPS)
def test_an_export_interrupted_within_a_day_leaves_nothing_of_it(
    url: str, tmp_path: Path, step: str, sent: str, code: int
) -> None:
    """Days that were handed over to be written are, and no more."""
    lake = tmp_path / "lake"
    done = run("export", lake, *ordered(DAYS[:14]), url=url, program=[*TRAP, sent, step, "2"])
    assert (done.returncode, done.stdout) == (code, "")
    assert "written and whole; the same command continues" in done.stderr
    assert len(done.stderr.split("\n")) <= 3
    assert names_in(lake) == PINNED
    assert empty_folders_in(lake) == []
    assert_whole(lake)
    assert 1 <= len(days_there(lake)) <= 10


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("step", FIRST_STEPS[1::2])
def test_an_export_interrupted_as_it_begins_blocks_nobody(
    url: str, tmp_path: Path, step: str, sent: str, code: int
) -> None:
    lake = tmp_path / "lake"
    done = run("export", lake, *ordered(DAYS[:2]), url=url, program=[*TRAP, sent, step, "1"])
    assert done.returncode == code
    assert "0 days written" in done.stderr
    assert names_in(lake) < PINNED
    assert here("export", lake, *ordered(DAYS[:2]), url=url).returncode == 0
    assert_complete(lake, DAYS[:2])


class FullDisk:
    """A folder that will run out of space. Command lines that write to it begin with `before`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: Sequence[str] = ()

    def fill(self, left: int) -> None:
        """Leave room for `left` bytes."""
        self.before = with_files_upto(left)

    def free(self) -> None:
        self.before = ()


class FullMount(FullDisk):
    def fill(self, left: int) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(PAGE_BYTES)):
                    pass
            except OSError:
                file.truncate(file.tell() - left)

    def free(self) -> None:
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


PAGE_BYTES = 4096


@pytest.fixture(params=["limit", *(["mount"] if IS_MOUNTING_ALLOWED else [])])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FullDisk]:
    """A limit on the size of files and, if this machine allows mounts, a small file system that is really full."""
    if request.param == "limit":
        yield FullDisk(tmp_path)
    else:
        with mounted(tmp_path / "disk", "size=512k"):
            yield FullMount(tmp_path / "disk")


def assert_told(done: subprocess.CompletedProcess[str], lake: Path, cause: str) -> None:
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) <= 2
    assert str(lake) in done.stderr
    assert pl.Series([done.stderr]).str.contains(cause).item(), done.stderr


NO_SPACE = "No space left on device|File too large"


@pytest.mark.parametrize("left", [0, 2 * PAGE_BYTES])
def test_a_full_disk_costs_no_day_and_the_export_goes_on_with_space(
    disk: FullDisk, url: str, three_days: Path, left: int
) -> None:
    lake = disk.folder / "lake"
    shutil.copytree(three_days, lake)
    before = contents_of(lake)
    disk.fill(left)
    for more in ([], ["--refresh"]):
        assert_told(run("export", lake, *ordered(DAYS[:6]), *more, url=url, before=disk.before), lake, NO_SPACE)
        assert contents_of(lake) == before
        assert empty_folders_in(lake) == []
        assert Lake(lake).verify().is_clean
    disk.free()
    assert here("export", lake, *ordered(DAYS[:6]), url=url).returncode == 0
    assert_complete(lake, DAYS[:6])


@pytest.mark.parametrize("left", [0, PAGE_BYTES])
def test_a_lake_that_never_had_space_begins_with_space(disk: FullDisk, url: str, left: int) -> None:
    lake = disk.folder / "lake"
    disk.fill(left)
    assert_told(run("export", lake, *ordered(DAYS[:2]), url=url, before=disk.before), lake, NO_SPACE)
    assert names_in(lake) < PINNED
    disk.free()
    assert here("export", lake, *ordered(DAYS[:2]), url=url).returncode == 0
    assert_complete(lake, DAYS[:2])


def test_what_was_written_before_the_disk_was_full_stays(tmp_path: Path, url: str) -> None:
    lake, whole = tmp_path / "lake", tmp_path / "whole"
    saturday, sunday, monday = days = DAYS[5:8]
    make(whole, days, url)
    limit = file_of(whole, monday).stat().st_size - 1
    done = run("export", lake, *ordered(days), url=url, before=with_files_upto(limit))
    assert_told(done, lake, NO_SPACE)
    before = days_there(lake)
    assert list(before) == [saturday, sunday]
    assert here("export", lake, *ordered(days), url=url).returncode == 0
    assert before.items() <= days_there(lake).items()
    assert_complete(lake, days)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "ndjson", "arrow"])
def test_a_file_for_which_there_is_no_room_leaves_nothing(tmp_path: Path, url: str, suffix: str) -> None:
    output = tmp_path / f"calls.{suffix}"
    done = run("fetch", *ordered(DAYS), "-o", output, url=url, before=with_files_upto(2000))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{output} cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Takes away the permission to write to the file or folder, by mode bits."""
    mode = path.stat().st_mode
    path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        path.chmod(mode)


@pytest.mark.parametrize("name", ["", ".thulium_frames.lock", f"call_date={DAYS[0]}"])
def test_a_lake_that_may_not_be_written_to_stays_as_it_is(
    url: str, three_days: Path, tmp_path: Path, name: str
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(three_days, lake)
    before = contents_of(lake)
    with closed(lake / name):
        done = run("export", lake, *ordered(DAYS[:4]), "--refresh", url=url, before=WITHOUT_PRIVILEGE)
    if name:
        assert_told(done, lake, "Permission denied")
        assert contents_of(lake) == before
    else:  # days can be replaced, but no day can be added
        assert_told(done, lake, "Permission denied")
        assert list(days_there(lake)) == DAYS[:3]
        assert rows_in(lake).equals(truth(DAYS[:3]))
    assert names_in(lake) == PINNED


def test_a_lake_that_may_not_be_made_is_told(url: str, tmp_path: Path) -> None:
    with closed(tmp_path):
        done = run("export", tmp_path / "lake", *ordered(DAYS[:2]), url=url, before=WITHOUT_PRIVILEGE)
    assert_told(done, tmp_path / "lake", "Permission denied")
    assert list(tmp_path.iterdir()) == []


def test_a_lake_below_a_file_is_told(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    lake = tmp_path / "file" / "lake"
    for command in (["export", lake, *ordered(DAYS[:2])], ["status", lake], ["verify", lake]):
        assert_told(here(*command, url=url), lake, f"{tmp_path}/file[^/]")
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.fixture(params=["modes", *(["mount"] if IS_MOUNTING_ALLOWED else [])])
def read_only_lake(request: pytest.FixtureRequest, three_days: Path, tmp_path: Path) -> Iterator[Path]:
    """A lake that is read-only by mode bits and, if this machine allows mounts, by a read-only file system."""
    lake = tmp_path / "disk" / "lake"
    if request.param == "modes":
        shutil.copytree(three_days, lake)
        paths = [lake, *lake.rglob("*")]
        for path in paths:
            path.chmod(path.stat().st_mode & ~0o222)
        yield lake
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)
    else:
        with mounted(tmp_path / "disk"):
            shutil.copytree(three_days, lake)
            remount(tmp_path / "disk", "ro")
            yield lake


def test_a_lake_that_can_only_be_read_is_read(url: str, read_only_lake: Path) -> None:
    for command in ("status", "verify"):
        done = run(command, read_only_lake, before=WITHOUT_PRIVILEGE)
        assert (done.returncode, done.stderr) == (0, "")
        assert "3" in done.stdout
    program = "import sys, thulium_frames as t; sys.stdout.write(str(len(t.scan_lake(sys.argv[1]).collect())))"
    counted = run(read_only_lake, program=[sys.executable, "-c", program], before=WITHOUT_PRIVILEGE)
    assert counted.stdout == str(len(truth(DAYS[:3]))), counted.stderr
    for days in (DAYS[:3], DAYS[:4]):
        done = run("export", read_only_lake, *ordered(days), url=url, before=WITHOUT_PRIVILEGE)
        assert_told(done, read_only_lake, "Read-only file system|Permission denied")
    assert rows_in(read_only_lake).equals(truth(DAYS[:3]))


REFRESHES = dose("REFRESHES", 4, 6)


@pytest.mark.dosed
def test_a_reader_meanwhile_sees_each_day_before_or_after_and_never_between(
    url: str, other_url: str, tmp_path: Path
) -> None:
    lakes = [tmp_path / name for name in ("lake", "version-a", "version-b")]
    for lake, address in zip(lakes, (url, url, other_url), strict=True):
        make(lake, DAYS, address)
    reader = subprocess.Popen(
        [sys.executable, str(TESTS / "reader.py"), *map(str, lakes)],
        env=environment(""),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with reader:
        assert reader.stdout is not None
        seen = reader.stdout.readline()
        for number in range(REFRESHES):
            address = url if number % 2 else other_url
            done = run("export", lakes[0], *ordered(DAYS), "--refresh", url=address)
            assert (done.returncode, done.stderr) == (0, "")
        rest, errors = reader.communicate(timeout=600)
    assert (reader.returncode, errors) == (0, "")
    readings = [seen.strip(), *rest.splitlines()]
    assert readings[0] == readings[-1] == "A" * len(DAYS)


@pytest.fixture(scope="module")
def versions(url: str, other_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two lakes of the same days with different calls, for tests to copy."""
    folder = tmp_path_factory.mktemp("versions")
    for name, address in (("old", url), ("new", other_url)):
        make(folder / name, DAYS[:4], address)
    return folder / "old", folder / "new"


def put_in_place(lake: Path, day: date, version: Path) -> None:
    """Puts a day in its place as an export does."""
    staged = file_of(lake, day).with_name(STAGED)
    shutil.copy(file_of(version, day), staged)
    staged.replace(file_of(lake, day))


USES: dict[str, Callable[[pl.LazyFrame], object]] = {
    "fresh": lambda _: None,
    "explained": pl.LazyFrame.explain,
    "asked for its columns": pl.LazyFrame.collect_schema,
    "collected": pl.LazyFrame.collect,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("replaced", [DAYS[:4], DAYS[:1], DAYS[1:3]])
def test_a_scan_that_was_used_before_an_export_reads_the_days_after_it(
    versions: tuple[Path, Path], tmp_path: Path, replaced: list[date], use: str
) -> None:
    old, new = versions
    lake = tmp_path / "lake"
    shutil.copytree(old, lake)
    scan = scan_lake(lake)
    USES[use](scan)
    for day in replaced:
        put_in_place(lake, day, new)
    is_new = pl.col("call_date").is_in(replaced)
    expected = pl.concat([scan_lake(old).filter(~is_new), scan_lake(new).filter(is_new)]).sort(
        "call_date", maintain_order=True
    )
    assert scan.collect().equals(expected.collect())


def test_a_second_export_is_refused_at_once_and_a_killed_one_blocks_nobody(
    url: str, three_days: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(three_days, lake)
    app = Watch(create_app(CALLS), hold_at=1)
    with running(app) as held_url, start(["export", lake, *ordered(DAYS)], url=held_url) as first:
        assert app.is_holding.wait(60)
        second = run("export", lake, *ordered(DAYS), url=url)
        assert_told(second, lake, f"process {first.pid} on .+ since ")
        assert Lake(lake).verify().is_clean
        assert first.poll() is None
        first.kill()
    assert f"process {first.pid} " in (lake / ".thulium_frames.lock").read_text()
    assert here("export", lake, *ordered(DAYS), url=url).returncode == 0
    assert_complete(lake, DAYS)

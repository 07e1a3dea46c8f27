"""Whose error it is: the file's, the machine's, the disk's, or that of the caller."""

import errno
import os
import resource
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from tests.conftest import FIRST, LAST, Connect
from tests.processes import run as run_process
from tests.processes import with_files_upto
from thulium_frames import Lake, Thulium, scan_lake
from thulium_frames.errors import ApiError, FilterError, LakeDamagedError, LakeError
from thulium_frames.lake import Update
from thulium_frames.lake.listing import name_of
from thulium_frames.lake.storage import LocalFolder
from thulium_frames.lake.writer import DayWriter
from thulium_frames.windows import Window

DAYS = [FIRST + timedelta(days=number) for number in range(7)]


@pytest.fixture
def lake(tmp_path: Path, thulium: Thulium) -> Lake:
    thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(tmp_path / "lake")
    return Lake(tmp_path / "lake")


USES: dict[str, Callable[[Lake], object]] = {
    "status": Lake.status,
    "verify": Lake.verify,
    "batches": lambda lake: list(lake.batches(DAYS[2], DAYS[2])),
    "stream": lambda lake: pa.RecordBatchReader.from_batches(next(lake.batches()).schema, lake.batches()).read_all(),
}

#: What an error says of a day's file; all that is not listed is damage.
OF_THE_MACHINE = {
    "EMFILE": "ulimit -n",
    "ENFILE": "end programs",
    "ENOMEM": "no memory",
    "EACCES": "run the same command again",
    "EPERM": "run the same command again",
    "ESTALE": "run the same command again",
    "ETIMEDOUT": "run the same command again",
    "ENOTCONN": "run the same command again",
    "EHOSTDOWN": "run the same command again",
    "EBUSY": "run the same command again",
    "EAGAIN": "run the same command again",
}
OF_THE_FILE = ["EIO", "EINVAL", "EISDIR", "ENODATA", "EUCLEAN", "EBADMSG"]


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, day: date, name: str) -> Iterator[None]:
    """Opening the file of this day fails so, by any way."""
    with monkeypatch.context() as patched:
        for way in ("open", "read", "tail"):
            real = getattr(LocalFolder, way)

            def fail(self: LocalFolder, file: str, *more: Any, real: Callable[..., Any] = real) -> Any:
                if str(day) in file:
                    code = getattr(errno, name)
                    raise OSError(code, os.strerror(code), str(self.folder / file))
                return real(self, file, *more)

            patched.setattr(LocalFolder, way, fail)
        yield


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", OF_THE_MACHINE)
def test_an_error_of_the_machine_is_not_damage(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str, use: str
) -> None:
    with failing(monkeypatch, DAYS[2], name), pytest.raises(OSError, match=OF_THE_MACHINE[name]) as caught:
        USES[use](lake)
    told = str(caught.value)
    assert os.strerror(getattr(errno, name)) in told
    assert "damaged" not in told
    if use != "stream":  # which Arrow tells in its own words
        assert isinstance(caught.value, LakeError)
        assert not isinstance(caught.value, LakeDamagedError)


@pytest.mark.parametrize("name", OF_THE_FILE)
def test_any_other_error_is_damage_of_the_file(lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with failing(monkeypatch, DAYS[2], name):
        assert list(lake.status().damaged) == [DAYS[2]]
        assert list(lake.verify().damaged) == [DAYS[2]]
        with pytest.raises(LakeDamagedError, match=str(DAYS[2])):
            list(lake.batches())


@pytest.mark.parametrize("repair", [False, True])
def test_an_export_repairs_nothing_for_want_of_files(
    lake: Lake, thulium: Thulium, monkeypatch: pytest.MonkeyPatch, repair: bool
) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    requests = thulium.requests
    with failing(monkeypatch, DAYS[2], "EMFILE"), pytest.raises(LakeError, match="Too many open files") as caught:
        lake.update(calls, repair=repair)
    assert not isinstance(caught.value, LakeDamagedError)
    assert thulium.requests == requests


@pytest.mark.parametrize("use", ["status", "verify", "batches"])
def test_too_many_open_files_are_really_met(lake: Lake, use: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    USES[use](lake)
    last = os.open(os.devnull, os.O_RDONLY)
    os.close(last)
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
    try:
        if use == "batches":  # the folder is listed before
            os.close(held.pop())
            batches = lake.batches()
            held.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(LakeError, match=r"Too many open files(?s:.*)ulimit -n") as caught:
            list(batches) if use == "batches" else USES[use](lake)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for handle in held:
            os.close(handle)
    assert not isinstance(caught.value, LakeDamagedError)


# --- errors of others


@pytest.mark.parametrize("error", [BrokenPipeError("no reader"), ConnectionResetError("gone"), OSError(28, "full")])
@pytest.mark.parametrize("after_days", [0, 2])
def test_an_error_of_who_listens_to_progress_is_passed_on_as_it_is(
    thulium: Thulium, tmp_path: Path, error: OSError, after_days: int
) -> None:
    def listening(update: Update) -> None:
        if len(update.days_written) >= after_days:
            raise error

    with pytest.raises(type(error)) as caught:
        Lake(tmp_path).update(thulium.connections(date_from=FIRST, date_to=LAST), on_progress=listening)
    assert caught.value is error
    assert Lake(tmp_path).verify().is_clean


class Failing:
    """A source of calls that fails after its first piece."""

    def __init__(self, calls: Any, error: Exception) -> None:
        self._calls, self._error = calls, error
        self.origin, self.days = calls.origin, calls.days

    def pieces(self, window: Window, on_count: Callable[[int], object], **_: Any) -> Generator[Any]:
        yield next(self._calls.pieces(window, on_count))
        raise self._error


@pytest.mark.parametrize("error", [FileNotFoundError(2, "no such export"), TimeoutError("too slow"), ApiError("gone")])
def test_an_error_of_the_source_is_not_the_lake_s(thulium: Thulium, tmp_path: Path, error: OSError) -> None:
    calls = Failing(thulium.connections(date_from=FIRST, date_to=LAST), error)
    with pytest.raises(type(error)) as caught:
        Lake(tmp_path).update(calls)
    assert caught.value is error


def test_an_error_of_the_disk_is_the_lake_s(thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalFolder, "put", full)
    with pytest.raises(LakeError, match="No space left"):
        thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(tmp_path)


# --- two errors at once


def write_one_and_fail(writer: DayWriter, error: Exception) -> None:
    with writer.open():
        writer.write(FIRST, [], datetime.now(UTC))
        raise error


@pytest.mark.parametrize("error", [ApiError("the network is gone"), ValueError("else")])
def test_a_full_disk_is_told_rather_than_what_fails_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalFolder, "put", full)
    writer = DayWriter(LocalFolder(tmp_path), print)
    with pytest.raises(OSError, match="No space left") as caught:
        write_one_and_fail(writer, error)
    assert caught.value.__context__ is error


def test_an_error_of_the_network_is_told_when_the_disk_has_room(tmp_path: Path) -> None:
    written: list[Any] = []
    writer = DayWriter(LocalFolder(tmp_path), written.append)
    with pytest.raises(ApiError):
        write_one_and_fail(writer, ApiError("the network is gone"))
    assert [facts.day for facts in written] == [FIRST]


def test_a_full_disk_with_a_failing_network_ends_an_update_as_the_lake_s(
    thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = LocalFolder.put

    def full(self: LocalFolder, name: str, content: bytes) -> None:
        if name.startswith("call_date="):
            raise OSError(errno.ENOSPC, "No space left on device")
        put(self, name, content)

    monkeypatch.setattr(LocalFolder, "put", full)
    calls = Failing(thulium.connections(date_from=FIRST, date_to=LAST), ApiError("the network is gone"))
    with pytest.raises(LakeError, match="No space left"):
        Lake(tmp_path).update(calls)


# --- what is asked


def test_a_first_day_in_the_future_is_refused_and_leaves_no_lake(thulium: Thulium, tmp_path: Path) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    calls = thulium.connections(date_from=tomorrow)
    for use in (calls.write_parquet, lambda path: Lake(path).update(calls, refresh=True)):
        with pytest.raises(FilterError, match=f"date_from {tomorrow} is in the future: today is .* in Europe/Warsaw"):
            use(tmp_path / "lake")
    assert not (tmp_path / "lake").exists()
    assert thulium.requests == 0


def test_today_is_that_of_the_system(connect: Connect, tmp_path: Path) -> None:
    """It is tomorrow on Kiritimati while it is still yesterday on Niue, 25 hours behind."""
    zones = map(ZoneInfo, ("Pacific/Kiritimati", "Pacific/Niue"))
    east, west = (datetime.now(UTC).astimezone(zone).date() for zone in zones)
    assert west < east
    connect(time_zone="Pacific/Kiritimati").connections(date_from=east).write_parquet(tmp_path / "east")
    with pytest.raises(FilterError, match="in the future"):
        connect(time_zone="Pacific/Niue").connections(date_from=east).write_parquet(tmp_path / "west")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


@pytest.mark.parametrize("path", ["~/lake", Path("~/lake"), "~/deep/lake"])
def test_a_tilde_is_the_home_folder(thulium: Thulium, home: Path, path: str | Path) -> None:
    thulium.connections(date_from=FIRST, date_to=FIRST).write_parquet(path)
    assert Lake(path).path == home / Path(path).relative_to("~")
    assert scan_lake(path).collect().height == Lake(home / Path(path).relative_to("~")).status().rows > 0
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("path", ["a~/lake", "./~/lake", "~no-such-user/lake"])
def test_any_other_tilde_is_part_of_a_name(path: str) -> None:
    assert Lake(path).path == Path(path)


def test_a_full_disk_ends_the_command_line_with_5(tmp_path: Path, url: str) -> None:
    done = run_process("export", tmp_path / "lake", "--from", FIRST, "--to", LAST, url=url, before=with_files_upto(600))
    assert (done.returncode, done.stdout) == (5, "")


def test_nothing_is_written_after_a_day_that_could_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over, asked = threading.Event(), list[str]()

    def put(_: LocalFolder, name: str, _content: bytes) -> None:
        asked.append(name)
        assert handed_over.wait(60)
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(LocalFolder, "put", put)
    writer = DayWriter(LocalFolder(tmp_path), print)

    def write_three() -> None:
        with writer.open():
            for day in DAYS[:3]:
                writer.write(day, [], datetime.now(UTC))
            handed_over.set()

    with pytest.raises(OSError, match="no space left"):
        write_three()
    assert asked == [name_of(DAYS[0])]


def test_a_day_that_could_not_be_written_is_told_when_the_next_is_handed_over(tmp_path: Path) -> None:
    writer = DayWriter(LocalFolder(tmp_path), print)
    with writer.open():
        writer._has_failed, writer._under_way = True, 1
        writer._ended.put(OSError("no space left"))
        with pytest.raises(OSError, match="no space left"):
            writer.write(DAYS[1], [], datetime.now(UTC))
    assert not any(tmp_path.iterdir())

"""Disks that behave as on Windows, SMB or FUSE: what they refuse, and what a lake makes of it."""

import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FIRST, LAST
from thulium_frames import Lake, Thulium
from thulium_frames.cli.outputs import output_at
from thulium_frames.errors import LakeError, SettingsError
from thulium_frames.lake import durable, replacing
from thulium_frames.lake.storage import LocalFolder

DAY = "call_date=2024-10-23/connections.parquet"
STAGED = "call_date=2024-10-23/.connections.parquet.staging"
WORDS = "another program holds the file open"


@pytest.fixture(autouse=True)
def never_warned() -> Iterator[None]:
    durable._warn_of_folders.cache_clear()
    yield
    durable._warn_of_folders.cache_clear()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    storage = LocalFolder(tmp_path / "lake")
    storage.put(DAY, b"old")
    return storage


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def is_folder(handle: int) -> bool:
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def refusing(call: Callable[..., Any], times: int, seen: list[str]) -> Callable[..., Any]:
    """The call as Windows answers it for a file that somebody reads: refused so many times."""

    def refused(path: str | Path, *more: Any, **how: Any) -> Any:
        seen.append(Path(path).name)
        if len(seen) <= times:
            raise PermissionError(errno.EACCES, "Access is denied", str(path))
        return call(path, *more, **how)

    return refused


# --- flushing


def test_a_file_is_flushed_through_a_handle_that_may_write(
    thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows knows no other way, and no way for a folder."""
    fsync, flushed = os.fsync, []

    def fsync_of_windows(handle: int) -> None:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        flushed.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync_of_windows)
    update = thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(tmp_path / "lake")
    assert len(update.days_written) == 7
    assert flushed == ["._thulium_frames.json.staging", *[".connections.parquet.staging"] * 7]
    assert Lake(tmp_path / "lake").verify().is_clean


CANNOT = ("EINVAL", "ENOTSUP", "EOPNOTSUPP", "EBADF", "EACCES", "EPERM", "EISDIR", "ENOSYS")


@pytest.mark.parametrize("name", CANNOT)
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_folder_that_cannot_be_flushed_is_a_warning_once(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str, name: str
) -> None:
    real = getattr(os, call)

    def refused(subject: Any, *more: Any, **how: Any) -> Any:
        if is_folder(subject) if call == "fsync" else Path(subject).is_dir() and not how:
            raise OSError(getattr(errno, name), "refused")
        return real(subject, *more, **how)

    monkeypatch.setattr(os, call, refused)
    with caplog.at_level(logging.WARNING, "thulium_frames"):
        for content in (b"new", b"newer"):
            storage.put(DAY, content)
        storage.put("call_date=2024-10-24/connections.parquet", b"another")
    assert storage.read(DAY) == b"newer"
    assert [(one.name, one.levelname) for one in caplog.records] == [("thulium_frames", "WARNING")]
    assert "cannot be flushed" in caplog.text


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EDQUOT", "EROFS"])
def test_any_other_error_of_a_folder_is_raised(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    fsync = os.fsync

    def failing(handle: int) -> None:
        if is_folder(handle):
            raise OSError(getattr(errno, name), "the disk fails")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="the disk fails"):
        storage.put(DAY, b"new")
    assert not caplog.records


@pytest.mark.parametrize("name", [*CANNOT, "EIO", "ENOSPC"])
def test_a_file_that_cannot_be_flushed_is_not_put_in_its_place(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, waits: list[float], name: str
) -> None:
    fsync = os.fsync

    def failing(handle: int) -> None:
        if not is_folder(handle):
            raise OSError(getattr(errno, name), "refused")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="refused"):
        storage.put(DAY, b"new")
    assert storage.read(DAY) == b"old"
    assert names_in(storage.folder) == {DAY}
    assert waits == []


# --- a reader holds the file


def test_a_day_that_is_read_for_a_moment_is_replaced_after_it(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(os, "replace", refusing(os.replace, 3, []))
    storage.put(DAY, b"new")
    assert storage.read(DAY) == b"new"
    assert names_in(storage.folder) == {DAY}
    assert len(waits) == 3


def test_a_day_that_is_held_open_keeps_its_old_file_and_is_named(
    thulium: Thulium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    calls = thulium.connections(date_from=FIRST, date_to=LAST)
    calls.write_parquet(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)}
    monkeypatch.setattr(os, "replace", refusing(os.replace, 10_000, []))
    with pytest.raises(LakeError, match=rf"{WORDS}.*; the old file is kept \({tmp_path / DAY}\)"):
        Lake(tmp_path).update(calls, refresh=True)
    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == before
    assert 3 <= sum(waits) <= 10


def test_an_output_that_is_held_open_is_told_in_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    output = output_at(str(tmp_path / "calls.csv"))
    output.name.write_text("old")
    monkeypatch.setattr(os, "replace", refusing(os.replace, 10_000, []))
    with pytest.raises(SettingsError, match=WORDS), output.writing() as path:
        path.write_text("new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("calls.csv", "old")]
    assert waits


def begin_and_fail(path: Path) -> None:
    with replacing(path) as staged:
        staged.write_bytes(b"half")
        raise ValueError("the first")


def test_a_staged_file_that_is_held_open_is_no_second_error(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(os, "unlink", refusing(os.unlink, 10_000, []))
    with pytest.raises(ValueError, match="the first"):
        begin_and_fail(storage.folder / DAY)
    assert waits
    monkeypatch.undo()
    with storage.hold():
        assert names_in(storage.folder) == {DAY, ".thulium_frames.lock"}


@pytest.mark.parametrize("times", [2, 10_000])
def test_what_a_killed_writer_left_is_removed_if_it_can_be(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, waits: list[float], times: int
) -> None:
    (storage.folder / STAGED).write_bytes(b"half")
    seen: list[str] = []
    monkeypatch.setattr(os, "unlink", refusing(os.unlink, times, seen))
    with storage.hold():
        assert (STAGED in names_in(storage.folder)) == (times > 2)
        storage.put(DAY, b"new")
    assert set(seen) == {".connections.parquet.staging"}
    assert storage.read(DAY) == b"new"
    assert waits


def test_a_day_that_is_read_for_a_moment_is_deleted_after_it(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(os, "unlink", refusing(os.unlink, 2, []))
    storage.delete(DAY)
    assert not storage.has(DAY)
    assert len(waits) == 2


# --- modes


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode_and_is_never_more_open(storage: LocalFolder, mode: int) -> None:
    path = storage.folder / DAY
    path.chmod(mode)
    with replacing(path) as staged:
        staged.write_bytes(b"new")
        assert stat.S_IMODE(staged.stat().st_mode) == 0o600
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


def test_a_new_file_has_the_mode_that_files_have_here(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with replacing(tmp_path / "new") as staged:
        staged.write_bytes(b"")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_disk_without_modes_is_a_disk_too(storage: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: object, *_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(os, "chmod", refused)
    storage.put(DAY, b"new")
    assert storage.read(DAY) == b"new"

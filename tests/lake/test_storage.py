"""Where a lake lives: what every storage must do, tried on the local folder."""

import os
from pathlib import Path
from unittest import mock

import pytest

from thulium_frames.errors import LakeError, LakeLockedError
from thulium_frames.lake.storage import LocalFolder, Storage, storage_at

DAY = "call_date=2024-10-23/connections.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def storage(folder: Path) -> Storage:
    return storage_at(folder)


def test_what_is_put_is_read_back_and_found(storage: Storage) -> None:
    storage.put(DAY, b"one")
    storage.put("_thulium_frames.json", b"two")
    assert (storage.read(DAY), storage.has(DAY)) == (b"one", True)
    assert set(storage.list()) == {DAY, "_thulium_frames.json"}
    assert list(storage.list("call_date=")) == [DAY]


def test_a_file_is_replaced_as_a_whole(storage: Storage) -> None:
    storage.put(DAY, b"a longer content")
    storage.put(DAY, b"short")
    assert storage.read(DAY) == b"short"


def test_an_open_file_stays_what_it_was_when_it_is_replaced(storage: Storage) -> None:
    storage.put(DAY, b"old")
    with storage.open(DAY) as file:
        storage.put(DAY, b"newer")
        assert (file.size(), file.read()) == (3, b"old")
    with storage.open(DAY) as file:
        assert file.read() == b"newer"


def test_nothing_is_in_a_storage_that_is_not_there(storage: Storage) -> None:
    assert list(storage.list()) == []
    assert not storage.has(DAY)
    with pytest.raises(FileNotFoundError):
        storage.read(DAY)
    with pytest.raises(FileNotFoundError):
        storage.open(DAY)


def test_a_folder_is_no_file(storage: Storage, folder: Path) -> None:
    (folder / DAY).mkdir(parents=True)
    assert not storage.has(DAY)
    assert list(storage.list()) == []


def test_what_is_deleted_is_gone_for_good(storage: Storage, folder: Path) -> None:
    storage.put(DAY, b"one")
    synced: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    with mock.patch("os.fsync", noted):
        storage.delete(DAY)
    assert synced == [(folder / DAY).parent.name]
    assert not storage.has(DAY)
    with pytest.raises(FileNotFoundError):
        storage.delete(DAY)


def test_other_readers_open_a_file_by_its_address(storage: Storage) -> None:
    storage.put(DAY, b"one")
    assert Path(storage.address_of(DAY)).read_bytes() == b"one"


def test_a_writer_holds_a_storage_for_itself(storage: Storage, folder: Path) -> None:
    with storage.hold():
        with pytest.raises(LakeLockedError, match=f"process {os.getpid()} on "), LocalFolder(folder).hold():
            pass
        storage.put(DAY, b"one")
        assert list(storage.list()) == [DAY]
    with storage.hold():
        pass


def test_who_holds_a_storage_clears_away_what_a_killed_writer_left(storage: Storage, folder: Path) -> None:
    storage.put(DAY, b"one")
    left = folder / "call_date=2024-10-24" / ".connections.parquet.staging"
    left.parent.mkdir()
    left.write_bytes(b"half")
    assert list(storage.list()) == [DAY]
    with storage.hold():
        assert not left.parent.exists()


def test_a_folder_of_somebody_else_is_left_alone(storage: Storage, folder: Path) -> None:
    theirs = folder / "notes" / ".draft"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    (folder / "empty").mkdir()
    with storage.hold():
        assert theirs.exists()
        assert (folder / "empty").exists()


def test_an_error_of_the_place_says_what_blocks_it_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    storage = LocalFolder(tmp_path / "file" / "lake")
    with pytest.raises(OSError, match="Not a directory") as error:
        storage.read(DAY)
    told = storage.failure(error.value)
    assert isinstance(told, LakeError)
    assert f"({tmp_path / 'file'})" in str(told)
    assert "run the same command again" in str(told)

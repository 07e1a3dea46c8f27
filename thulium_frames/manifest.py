"""What a lake folder says of itself, `_thulium_frames.json`, and the lock that lets one process write to it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import filelock

from thulium_frames.dayfile import day_folders
from thulium_frames.durable import make_folder, replacing
from thulium_frames.errors import LakeDamagedError, LakeError, LakeLockedError, LakeMismatchError
from thulium_frames.schema import SCHEMA_VERSION

MANIFEST = "_thulium_frames.json"
LOCK = ".thulium_frames.lock"

_FORMAT = "thulium_frames lake"


def read_origin(lake: Path) -> dict[str, Any]:
    """Which system, time zone and filters the lake holds.

    Raises LakeError when there is no lake, LakeDamagedError when its manifest is lost or malformed, and
    LakeMismatchError when it is of a version that this release does not know.
    """
    path = lake / MANIFEST
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            raise ValueError("it is of another kind")
        version, origin = content["schema"], content.get("origin")
        if version == SCHEMA_VERSION:
            _check(origin)
    except FileNotFoundError:
        if any(day_folders(lake)):
            raise LakeDamagedError(
                f"{lake} has day files, but {MANIFEST} is missing, so nobody knows what they hold.\n"
                f"Put {MANIFEST} back from a copy, or export to a new folder"
            ) from None
        raise LakeError(
            f"there is no lake at {lake}.\n"
            f"Make one: thulium-frames export {lake}, or calls.write_parquet({str(lake)!r})"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LakeDamagedError(
            f"{path} cannot be read: {error}.\nPut it back from a copy, or export to a new folder"
        ) from error
    if version != SCHEMA_VERSION:
        raise LakeMismatchError(
            f"{lake} is of schema version {version}, this release knows {SCHEMA_VERSION}.\n"
            "Update thulium-frames, or export to a new folder"
        )
    return dict(origin)


def _check(origin: dict[str, Any]) -> None:
    if not isinstance(origin, dict) or not {"system", "time_zone", "filters"} <= set(origin):
        raise ValueError("it does not say what the lake holds")
    if not isinstance(origin["filters"], dict) or not isinstance(origin["time_zone"], str):
        raise ValueError("its filters or its time zone are of another kind")
    ZoneInfo(origin["time_zone"])


def check_in(lake: Path, origin: dict[str, Any]) -> None:
    """Mark a lake without days with what it is about to hold; refuse one that holds something else."""
    is_new = not any(day_folders(lake))
    held = origin if is_new and not (lake / MANIFEST).exists() else read_origin(lake)
    if is_new:
        content = {"format": _FORMAT, "schema": SCHEMA_VERSION, "origin": origin}
        with replacing(lake / MANIFEST) as staged:
            staged.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    for name, value in origin.items():
        if held.get(name) != value:
            raise LakeMismatchError(
                f"{lake} holds calls of {name.replace('_', ' ')} {_plain(held.get(name))}, not of {_plain(value)}.\n"
                "Export to another folder, or ask for what this lake holds"
            )


@contextmanager
def writing(lake: Path) -> Iterator[None]:
    """Hold the lake for writing. A lock left by a killed process does not count."""
    make_folder(lake)
    path = lake / LOCK
    lock = filelock.FileLock(path, timeout=0, on_acquired=_sign)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise LakeLockedError(
            f"{lake} is being written by {_holder(path)}.\nWait until it ends, then run the same command again"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.write(
        handle,
        f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n".encode(),
    )


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except (OSError, ValueError):
        return "another process"


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)

"""What a lake says of itself, in `_thulium_frames.json`."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from thulium_frames.errors import LakeDamagedError, LakeError, LakeMismatchError
from thulium_frames.lake.listing import holds_days
from thulium_frames.lake.storage import Storage
from thulium_frames.schema import SCHEMA_VERSION

MANIFEST = "_thulium_frames.json"

_FORMAT = "thulium_frames lake"


def read_origin(lake: Storage) -> dict[str, Any]:
    """Which system, time zone and filters the lake holds.

    Raises LakeError when there is no lake, LakeDamagedError when its manifest is missing or malformed, and
    LakeMismatchError when it is of a version that this release does not know.
    """
    try:
        content = json.loads(lake.read(MANIFEST))
        if content["format"] != _FORMAT:
            raise ValueError("it is of another kind")
        version, origin = content["schema"], content.get("origin")
        if version == SCHEMA_VERSION:
            _check(origin)
    except FileNotFoundError:
        if holds_days(lake):
            raise LakeDamagedError(
                f"{lake} has day files, but {MANIFEST} is missing, so it is unknown what they hold.\n"
                f"Put {MANIFEST} back from a copy, or export to a new folder"
            ) from None
        raise LakeError(
            f"there is no lake at {lake}.\n"
            f"Make one: thulium-frames export {lake}, or calls.write_parquet({str(lake)!r})"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LakeDamagedError(
            f"{lake.address_of(MANIFEST)} cannot be read: {error}.\nPut it back from a copy, or export to a new folder"
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


def check_in(lake: Storage, origin: dict[str, Any]) -> None:
    """Mark a lake without days with what it will hold. Refuse a lake that holds something else."""
    is_new = not holds_days(lake)
    held = origin if is_new and not lake.has(MANIFEST) else read_origin(lake)
    if is_new:
        content = {"format": _FORMAT, "schema": SCHEMA_VERSION, "origin": origin}
        lake.put(MANIFEST, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
        return
    for name, value in origin.items():
        if held.get(name) != value:
            raise LakeMismatchError(
                f"{lake} holds calls of {name.replace('_', ' ')} {_plain(held.get(name))}, not of {_plain(value)}.\n"
                "Export to another folder, or ask for what this lake holds"
            )


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)

"""Which files of a storage are days, by their names."""

from contextlib import suppress
from datetime import date

from thulium_frames.lake.storage import Storage
from thulium_frames.windows import each_day

#: The column that the name of a day's folder tells.
CALL_DATE = "call_date"
_PARTITION = f"{CALL_DATE}="
_FILE_NAME = "connections.parquet"


def name_of(day: date) -> str:
    """The name of a day's file in its lake."""
    return f"{_PARTITION}{day.isoformat()}/{_FILE_NAME}"


def holds_days(lake: Storage) -> bool:
    """Whether there is anything that could be a day, even a damaged one."""
    return any(lake.list(_PARTITION))


def days_in(lake: Storage, first: date | None = None, last: date | None = None) -> list[date]:
    """The days from `first` to `last` that have a file, in order. With both given the lake is not listed."""
    if first is not None and last is not None:
        return [day for day in each_day(first, last) if lake.has(name_of(day))]
    days = []
    for name in lake.list(_PARTITION):
        with suppress(ValueError):
            day = date.fromisoformat(name.removeprefix(_PARTITION).partition("/")[0])
            if name == name_of(day) and (first or day) <= day <= (last or day):
                days.append(day)
    return sorted(days)

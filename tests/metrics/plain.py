"""The figures in slow and plain Python: rows are dicts, and no expression of the package or of Polars is used."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil, floor
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

Row = dict[str, Any]

DAY: Final = 24 * 60 * 60
WARSAW: Final = ZoneInfo("Europe/Warsaw")
#: Legs of the same moment happened in the order of these columns: null first, but in `transferred_to` last.
_ORDER: Final = (
    *("date_utc", "date", "connection_id", "user_login", "user", "transferred_to", "disposition", "duration"),
    *("billsec", "dst_user_login", "dst_user", "type", "src", "dst", "queue_id", "topic_id", "customer_id"),
    *("disconnected_by", "rating", "tags"),
)


def calls(legs: Iterable[Row]) -> list[Row]:
    """The rows of `metrics.calls`, in its order."""
    groups: dict[object, list[Row]] = {}
    for number, leg in enumerate(sorted(map(_believed, legs), key=_place)):
        key = number if leg["connection_id"] is None else leg["connection_id"]
        groups.setdefault(key, []).append(leg)
    return sorted(map(_call, groups.values()), key=lambda call: [_key(call[n]) for n in ("date_utc", "connection_id")])


def _believed(leg: Row) -> Row:
    duration, billsec = leg["duration"], leg["billsec"]
    is_odd = any(seconds is not None and not 0 <= seconds <= DAY for seconds in (duration, billsec))
    is_odd = is_odd or (None not in (duration, billsec) and billsec - duration > 1)
    ids = {name: leg[name] or None for name in ("queue_id", "topic_id", "customer_id")}
    return leg | ids | ({"duration": None, "billsec": None} if is_odd else {})


def _place(leg: Row) -> list[object]:
    return [(leg[name] is None, leg[name] or "") if name == "transferred_to" else _key(leg[name]) for name in _ORDER]


def _key(value: Any) -> tuple[bool, Any]:
    if isinstance(value, dict):
        value = tuple(_key(part) for part in value.values())
    if isinstance(value, list):
        value = tuple(_key(part) for part in value)
    return (value is not None, 0 if value is None else value)


def _agent(leg: Row) -> str | None:
    side = "" if leg["type"] == "OUTBOUND" else "dst_"
    login: str | None = leg[f"{side}user_login"]
    name: str | None = leg[f"{side}user"]
    return name if login is None else login


def _call(legs: list[Row]) -> Row:
    answered = [leg for leg in legs if leg["disposition"] == "ANSWERED"]
    handled = [leg for leg in answered if _agent(leg) is not None]
    rated = [leg["rating"] for leg in legs if leg["rating"] and leg["rating"]["rate"] is not None]
    tagged = [leg["tags"] for leg in legs if leg["tags"] is not None]
    return {
        "connection_id": legs[0]["connection_id"],
        **{name: legs[0][name] for name in ("date", "date_utc", "type", "src", "dst", "user_login")},
        **{name: _known(legs, name, 0) for name in ("queue_id", "topic_id", "customer_id")},
        "handled": bool(handled),
        "agent": _agent(handled[0]) if handled else None,
        "answered_by_machine": bool(answered) and not handled,
        "failed": all(leg["disposition"] in ("FAILED", "CONGESTION") for leg in legs),
        "wait_seconds": _wait(legs, handled),
        "talk_seconds": None if None in [leg["billsec"] for leg in handled] else sum(leg["billsec"] for leg in handled),
        "transfers": sum(leg["transferred_to"] is not None for leg in legs),
        "disconnected_by": _known(legs, "disconnected_by", -1),
        **{f"rating_{part}": rated[-1][part] if rated else None for part in ("type", "rate")},
        "tags": sorted({tag for tags in tagged for tag in tags if tag is not None}) if tagged else None,
        "legs": len(legs),
        "last_leg_utc": max((leg["date_utc"] for leg in legs if leg["date_utc"]), default=None),
    }


def _known(legs: list[Row], name: str, place: int) -> Any:
    values = [leg[name] for leg in legs if leg[name] is not None]
    return values[place] if values else None


def _wait(legs: list[Row], handled: list[Row]) -> int | None:
    start = min((leg["date_utc"] for leg in legs if leg["date_utc"]), default=None)
    ends: list[int | None] = []
    for leg in handled[:1] or legs:
        after = int((leg["date_utc"] - start).total_seconds()) if start and leg["date_utc"] else 0
        rung = None if leg["duration"] is None else leg["duration"] - (leg["billsec"] if handled else 0)
        ends.append(None if rung is None else after + rung)
    if None in ends:
        return None
    wait = max(end for end in ends if end is not None)
    return None if wait > DAY else max(wait, 0)


def summary(found: Sequence[Row]) -> Row:
    """The row of `metrics.summary` of these calls, with the denominator `less_short_abandons`."""
    offered = [call for call in found if call["type"] == "INBOUND" and call["queue_id"] is not None]
    handled = [call for call in offered if call["handled"]]
    missed = [call for call in offered if not call["handled"] and not call["failed"]]
    short = [call for call in missed if call["wait_seconds"] is not None and call["wait_seconds"] < 5]
    waits = sorted(call["wait_seconds"] for call in handled if call["wait_seconds"] is not None)
    talks = [call["talk_seconds"] for call in handled if call["talk_seconds"] is not None]
    ends = [call["disconnected_by"] for call in handled if call["disconnected_by"] is not None]
    lasting = len(missed) - len(short)
    return {
        **{"calls": len(found), "legs": sum(call["legs"] for call in found), "offered": len(offered)},
        **{"handled": len(handled), "abandoned": lasting, "short_abandoned": len(short)},
        "failed": len(offered) - len(handled) - len(missed),
        "answered_by_machine": sum(call["answered_by_machine"] for call in offered),
        **_ratio("abandonment_rate", lasting, len(handled) + lasting),
        **_ratio("service_level", sum(wait <= 20 for wait in waits), len(handled) + lasting),
        **_ratio("average_speed_of_answer", sum(waits), len(waits)),
        **{"median_speed_of_answer": median(waits) if waits else None, "p90_speed_of_answer": _p90(waits)},
        **_ratio("average_talk", sum(talks), len(talks)),
        **_ratio("transfer_rate", sum(call["transfers"] > 0 for call in handled), len(handled)),
        **_ratio("hung_up_by_agent", ends.count("Agent"), len(ends)),
        **_ratio("hung_up_by_customer", ends.count("Customer"), len(ends)),
        **_ratio("rating_response", sum(call["rating_rate"] is not None for call in handled), len(handled)),
    }


def _ratio(name: str, part: int, whole: int) -> Row:
    return {f"{name}_numerator": part, f"{name}_denominator": whole, name: part / whole if whole else None}


def _p90(waits: list[int]) -> float | None:
    if not waits:
        return None
    place = 0.9 * (len(waits) - 1)
    low, high = waits[floor(place)], waits[ceil(place)]
    return low + (high - low) * (place - floor(place))


def by_hour(found: Sequence[Row]) -> list[Row]:
    """The rows of `metrics.by_interval` by the hour in Warsaw."""
    groups: dict[datetime | None, list[Row]] = {}
    for call in found:
        start = call["date"] and call["date"].replace(minute=0, second=0)
        groups.setdefault(start, []).append(call)
    starts = [start for start in groups if start is not None]
    hours = range(int((max(starts) - min(starts)) / timedelta(hours=1)) + 1)
    for start in (min(starts) + timedelta(hours=hour) for hour in hours):
        if _seconds(start) is not None:
            groups.setdefault(start, [])
    return [
        {"interval": start, "interval_seconds": _seconds(start), **summary(groups[start])}
        for start in sorted(groups, key=_key)
    ]


def _seconds(start: datetime | None) -> int | None:
    """How long the hour lasts; None for the hour that March skips."""
    if start is None:
        return None
    begin, end = (moment.replace(tzinfo=WARSAW).timestamp() for moment in (start, start + timedelta(hours=1)))
    exists = datetime.fromtimestamp(begin, WARSAW).replace(tzinfo=None) == start
    return int(end - begin) if exists else None


def ratings(found: Sequence[Row]) -> list[Row]:
    """The rows of `metrics.ratings`."""
    handled = [call for call in found if call["type"] == "INBOUND" and call["queue_id"] is not None and call["handled"]]
    pairs = [(call["rating_type"], call["rating_rate"]) for call in handled if call["rating_rate"] is not None]
    rows = []
    for kind, rate in sorted(set(pairs), key=lambda pair: [_key(part) for part in pair]):
        of_type = sum(other == kind for other, _ in pairs)
        shares = _ratio("share", pairs.count((kind, rate)), of_type) | _ratio("response", of_type, len(handled))
        rows.append({"rating_type": kind, "rating_rate": rate, **shares})
    return rows


def customer_calls(found: Iterable[Row]) -> list[Row]:
    """Calls with customers, with `caller`, by time. Numbers must be Polish ones with 48, short, or withheld."""
    told = []
    for call in found:
        number = {"INBOUND": call["src"], "OUTBOUND": call["dst"]}.get(call["type"])
        is_colleague = call["user_login"] is not None if number in (None, "anonymous") else len(number or "") <= 6
        if call["type"] in ("INBOUND", "OUTBOUND") and not is_colleague:
            told.append(call | {"caller": None if number in (None, "anonymous") else f"+{number}"})
    return told


def repeat_calls(legs: Iterable[Row]) -> list[Row]:
    """Some columns of `metrics.repeat_calls`, for legs that all have a date."""
    legs, week, rows = list(legs), timedelta(days=7), []
    inbound = [call for call in customer_calls(calls(legs)) if call["type"] == "INBOUND" and call["caller"]]
    last = max(leg["date_utc"] for leg in legs)
    for place, call in enumerate(inbound):
        later = (other for other in inbound[place + 1 :] if other["caller"] == call["caller"])
        after = next((other["date_utc"] - call["date_utc"] for other in later), None)
        is_repeated = after is not None and after <= week
        seconds = int(after.total_seconds()) if after is not None and is_repeated else None
        rows.append(
            {
                **{name: call[name] for name in ("connection_id", "date", "caller", "agent")},
                **{"repeated": is_repeated, "seconds": seconds, "censored": call["date_utc"] > last - week},
            }
        )
    return rows


def missed_calls(legs: Iterable[Row]) -> list[Row]:
    """The rows of `metrics.missed_calls` in any order, for legs that all have a date."""
    legs, rows = list(legs), []
    open_: dict[str, Row] = {}
    last = max(leg["date_utc"] for leg in legs)
    found = sorted(customer_calls(calls(legs)), key=lambda call: (call["date_utc"], call["handled"], call["type"]))
    for call in found:
        is_missed = call["type"] == "INBOUND" and not call["handled"]
        episode = open_.get(call["caller"] or "")
        if episode and call["date_utc"] - episode["from"] > timedelta(hours=72):
            episode = open_.pop(call["caller"])["ended"]
        if call["caller"] is None:
            rows += [_episode(call, "anonymous")] if is_missed else []
        elif episode and call["handled"]:
            seconds = int((call["date_utc"] - episode["from"]).total_seconds())
            state = "called back" if call["type"] == "OUTBOUND" else "called again"
            open_.pop(call["caller"]).update(state=state, seconds=seconds)
        elif episode and call["type"] == "OUTBOUND":
            episode["callback_tries"] += 1
        elif episode:
            episode["tries"] += 1
            episode["last_missed"] = call["date"]
            episode["answered_by_machine"] |= call["answered_by_machine"]
        elif is_missed:
            rows.append(open_.setdefault(call["caller"], _episode(call, "open")))
    for row in rows:
        row["censored"] = row["state"] == "open" and last < row["from"] + timedelta(hours=72)
    return [{name: value for name, value in row.items() if name not in ("from", "ended")} for row in rows]


def _episode(call: Row, state: str) -> Row:
    return {
        **{"caller": call["caller"], "queue_id": call["queue_id"]},
        **{"first_missed": call["date"], "last_missed": call["date"], "tries": 1, "callback_tries": 0},
        **{"answered_by_machine": call["answered_by_machine"], "state": state, "seconds": None, "censored": False},
        **{"from": call["date_utc"], "ended": None},
    }

"""Contact-centre figures on call records, as pure functions.

Each function takes a Polars frame with the columns of the schema, lazy or eager. It returns a sorted frame, lazy or
eager like the one it was given:

    from thulium_frames import metrics, scan_lake

    metrics.service_level(scan_lake("lake"), by=["queue_id"], denominator="less_short_abandons").collect()

Rows of the schema are legs. The figures count calls, which `calls` makes of legs; every figure says which calls it
counts. A figure reads its frame once, and only the columns that it needs. Who wants several figures can make the calls
once, because all functions but `impossible_durations` also take the table of `calls`:

    made = metrics.calls(scan_lake("lake")).collect()
    metrics.summary(made), metrics.by_interval(made, every="1h")

`by` then names columns of that table, and the frame ends with the start of its last call.

A quotient `x` comes with `x_numerator` and `x_denominator`. Waits follow Asterisk's meaning of `duration` and
`billsec`.
"""

from thulium_frames.metrics.durations import impossible_durations
from thulium_frames.metrics.every import Every
from thulium_frames.metrics.figures import Denominator
from thulium_frames.metrics.intervals import by_interval
from thulium_frames.metrics.legs import calls
from thulium_frames.metrics.missed import missed_calls
from thulium_frames.metrics.phone_numbers import normalised
from thulium_frames.metrics.repeats import repeat_calls
from thulium_frames.metrics.satisfaction import ratings
from thulium_frames.metrics.tables import (
    abandoned,
    abandonment_rate,
    average_speed_of_answer,
    average_talk,
    avg_talk,
    handled,
    offered,
    service_level,
    summary,
    transfer_rate,
    who_hung_up,
)

__all__ = [
    "Denominator",
    "Every",
    "abandoned",
    "abandonment_rate",
    "average_speed_of_answer",
    "average_talk",
    "avg_talk",
    "by_interval",
    "calls",
    "handled",
    "impossible_durations",
    "missed_calls",
    "normalised",
    "offered",
    "ratings",
    "repeat_calls",
    "service_level",
    "summary",
    "transfer_rate",
    "who_hung_up",
]

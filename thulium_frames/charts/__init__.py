"""The figures as Altair charts, for notebooks and for the report.

Each function takes a frame with the columns of the schema, or the table of `metrics.calls`, lazy or eager. It returns a
chart of figures of `metrics`:

    from thulium_frames import charts, scan_lake

    charts.calls_by_hour(scan_lake("lake"))

A chart's data are counts and rates. They contain no record, no telephone number and no name of an agent. Times are the
system's wall clock, also in a browser in another time zone. The colours are Okabe and Ito's, which colour-blind people
can tell apart. A frame without calls gives a chart without marks.
"""

try:
    import altair  # noqa: F401 - fails here, where the message can say what to install
except ImportError as error:
    raise ImportError("charts need a library: pip install 'thulium-frames[notebooks]'") from error

from thulium_frames.charts.compared import queues
from thulium_frames.charts.looks import AnyChart
from thulium_frames.charts.over_time import answered_and_missed, missed_backlog
from thulium_frames.charts.spread import calls_by_hour, waits

__all__ = ["AnyChart", "answered_and_missed", "calls_by_hour", "missed_backlog", "queues", "waits"]

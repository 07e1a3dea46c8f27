"""The API: where a system is, what it can be asked for, and how one request is sent until it is answered.

This room alone knows HTTP, the names of the API's parameters, its error envelope, and credentials. It knows nothing of
calls. Its door is `Client`: `client.get(filters.query(…), read, stop)` sends one GET and returns what `read` makes of
the body.
"""

from thulium_frames.endpoint.client import Client
from thulium_frames.endpoint.concurrency import MOST_IN_FLIGHT
from thulium_frames.endpoint.filters import NUMBER_FILTERS, TEXT_FILTERS, Filters
from thulium_frames.endpoint.retries import RetryPolicy
from thulium_frames.endpoint.settings import resolve, time_zone_of

__all__ = [
    "MOST_IN_FLIGHT",
    "NUMBER_FILTERS",
    "TEXT_FILTERS",
    "Client",
    "Filters",
    "RetryPolicy",
    "resolve",
    "time_zone_of",
]

"""Requests to a simulated server, through an HTTP client and byte by byte."""

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from starlette.types import ASGIApp

from thulium_frames.simulator import Faults, running

PATH = "/api/connections"
ALL_FIELDS = {"include_tags": "true", "include_topics": "true"}
USER = ("demo", "demo")

Parameters = dict[str, str | list[str]]


class Heard(NamedTuple):
    """The bytes from a connection, and its end: closed, reset, or silent when nothing more came in time."""

    data: bytes
    end: str

    @property
    def promised(self) -> int:
        """The length of the body that the headers announce."""
        head = self.data.partition(b"\r\n\r\n")[0].lower()
        return int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


def faults_of(**values: Any) -> Faults:
    """Faults by names that are known only when the test runs."""
    return Faults(**values)


@contextmanager
def connected(app: ASGIApp) -> Iterator[httpx.Client]:
    with (
        running(app) as url,
        httpx.Client(base_url=url, auth=USER, trust_env=False, verify=False, timeout=None) as client,
    ):
        yield client


def page(client: httpx.Client, parameters: Parameters | None = None) -> tuple[int, list[dict[str, Any]]]:
    answer = client.get(PATH, params={**ALL_FIELDS, **(parameters or {})})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert list(body) == ["count", "result"]
    return body["count"], body["result"]


def everything(client: httpx.Client, parameters: Parameters | None = None) -> list[dict[str, Any]]:
    """All rows of a query, read page by page. It also checks the count."""
    rows: list[dict[str, Any]] = []
    while True:
        count, received = page(client, {**(parameters or {}), "offset": str(len(rows))})
        rows += received
        if not received:
            assert count == len(rows)
            return rows


@contextmanager
def line(url: str) -> Iterator[socket.socket]:
    """A bare connection to the server."""
    address = httpx.URL(url)
    assert address.port is not None
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        yield connection


def ask(connection: socket.socket) -> None:
    """Sends a request that would keep the connection alive."""
    credentials = base64.b64encode(":".join(USER).encode())
    connection.sendall(b"GET %b HTTP/1.1\r\nHost: t\r\nAuthorization: Basic %b\r\n\r\n" % (PATH.encode(), credentials))


def hear(connection: socket.socket) -> Heard:
    """All bytes that come until the connection ends or falls silent."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        return Heard(data, "reset")
    except TimeoutError:
        return Heard(data, "silent")
    return Heard(data, "closed")


def outcome(url: str) -> str:
    """The result of one request on a new connection, in a few words. The true answer is `200`."""
    try:
        answer = httpx.get(url + PATH, auth=USER, trust_env=False, verify=False, timeout=None)
    except httpx.TransportError as error:
        return type(error).__name__
    try:
        return f"{answer.status_code}{'' if 'result' in answer.json() else ' refused'}"
    except ValueError:
        return f"{answer.status_code} with {len(answer.content)} bytes"

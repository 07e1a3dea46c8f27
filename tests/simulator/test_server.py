import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.ports import port_to_keep
from thulium_frames.simulator import running

SERVING = """
from datetime import date
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, serve
app = create_app(GeneratedCalls(Centre(calls_per_day=10), date(2024, 7, 1), date(2024, 7, 1)))
serve(app, host="127.0.0.1", port=0, on_ready=lambda url: print(url, flush=True))
print("done", flush=True)
"""


async def hello(_request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


def app() -> Starlette:
    return Starlette(routes=[Route("/", hello)])


def test_a_server_starts_and_stops_twice_and_leaves_no_thread() -> None:
    before = threading.active_count()
    for _ in range(2):
        with running(app()) as url:
            assert httpx.get(url, trust_env=False, verify=False).text == "hello"
        assert threading.active_count() == before
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False, verify=False)


def test_two_servers_run_side_by_side() -> None:
    with running(app()) as one, running(app()) as two:
        assert one != two
        assert [httpx.get(url, trust_env=False, verify=False).text for url in (one, two)] == ["hello", "hello"]


def test_a_port_can_be_chosen_and_taken_again_at_once() -> None:
    port = port_to_keep()
    with running(app(), port=port) as url:
        assert httpx.URL(url).port == port
    with running(app(), port=port) as again:
        assert again == url
        with pytest.raises(OSError, match="in use"), running(app(), port=port):
            raise AssertionError("two servers on one port")


def test_a_connection_serves_many_requests() -> None:
    with running(app()) as url, httpx.Client(trust_env=False, verify=False) as client:
        streams = [client.get(url).extensions["network_stream"].get_extra_info("client_addr") for _ in range(3)]
    assert len(set(streams)) == 1


def test_an_error_inside_the_block_stops_the_server_too() -> None:
    with pytest.raises(KeyError), running(app()) as url:
        raise KeyError(url)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False, verify=False)


def test_an_application_that_does_not_start_is_an_error() -> None:
    @asynccontextmanager
    async def failing(_app: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("no")
        yield

    with pytest.raises(RuntimeError, match="could not start"), running(Starlette(lifespan=failing)):
        raise AssertionError("it started")


def test_serving_in_the_foreground_ends_quietly_when_interrupted() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", "-c", SERVING]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(url + "/api/connections", trust_env=False, verify=False).status_code == 401
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "done\n", "")

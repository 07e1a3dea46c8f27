"""A small contact centre on a real socket, shared by all tests that read a system."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import settings

from tests import doses
from thulium_frames import RetryPolicy, Thulium
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running

#: The Polish clocks go back on the 27th.
FIRST, LAST = date(2024, 10, 23), date(2024, 10, 29)
IMPATIENT = RetryPolicy(tries=3, first_tries=2, budget=5.0, first_wait=0.01, max_wait=0.01)

# A slow machine is no failure, so there is no deadline.
settings.register_profile("thulium_frames", deadline=None, max_examples=doses.examples(100))
settings.load_profile("thulium_frames")

# A shell has its background jobs ignore SIGINT, and what they start would ignore it, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: The tests that take longest, of those that share nothing costly with others of their file.
LONGEST = {
    "test_faults_together_end_in_the_truth",
    "test_saved_outputs_are_what_a_fresh_kernel_gives",
    "test_a_lake_grows_exactly_through_any_number_of_sigkills",
    "test_what_is_there_all_the_time_is_read_once",
    "test_a_year_costs_hardly_more_requests_than_pages",
    "test_a_reader_meanwhile_sees_each_day_before_or_after_and_never_between",
}

Connect = Callable[..., Thulium]

#: The HTTP libraries that can send requests.
LIBRARIES = [
    "httpx",
    pytest.param("pyreqwest", marks=pytest.mark.skipif(not find_spec("pyreqwest"), reason="the extra `fast`")),
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--library", choices=["httpx", "pyreqwest"], help="sends the requests of this process")


def pytest_xdist_auto_num_workers() -> int:
    """One more worker than there are cores, because many tests wait for a process or a socket of their own."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with its part of the longest tests, so that none of them runs alone at the end.

    pytest-xdist gives each worker a stretch of the tests, of equal numbers.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    longest = [item for item in items if getattr(item, "originalname", "") in LONGEST]
    rest = [item for item in items if item not in longest]
    share = -(-len(rest) // workers)
    items[:] = [
        item
        for number in range(workers)
        for item in (*longest[number::workers], *rest[number * share : (number + 1) * share])
    ]


def pytest_collection_finish() -> None:
    """What is there by now stays to the end, so the collector of garbage need not look at it again and again.

    It comes as seldom as in the program itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session", autouse=True)
def _chosen_library(request: pytest.FixtureRequest) -> Iterator[None]:
    """The faster one that is installed, unless the command line of the tests says another."""
    with pytest.MonkeyPatch.context() as patch:
        if chosen := request.config.getoption("--library"):
            patch.setattr("thulium_frames.endpoint.transport.best_library", lambda: chosen)
        yield


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test with each HTTP library. It sends the requests wherever it can."""
    chosen: str = request.param
    monkeypatch.setattr("thulium_frames.endpoint.transport.best_library", lambda: chosen)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)  # pyreqwest cannot do with it
    return chosen


@pytest.fixture(scope="session")
def centre() -> Centre:
    return Centre(seed=3, calls_per_day=150)


@pytest.fixture(scope="session")
def url(centre: Centre) -> Iterator[str]:
    with running(create_app(GeneratedCalls(centre, FIRST, LAST))) as address:
        yield address


@pytest.fixture
def connect(url: str) -> Iterator[Connect]:
    """Makes a `Thulium` for the shared system, or for another address."""
    with ExitStack() as stack:

        def connect(address: str = url, **settings: Any) -> Thulium:
            settings = {"retries": IMPATIENT, **settings}
            return stack.enter_context(Thulium(address, "demo", "demo", **settings))

        yield connect


@pytest.fixture
def thulium(connect: Connect) -> Thulium:
    return connect()

"""A small contact centre on a real socket, shared by all tests that read a system."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
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

Connect = Callable[..., Thulium]


def pytest_xdist_auto_num_workers() -> int:
    """One more worker than there are cores, because many tests wait for a process or a socket of their own."""
    return (os.cpu_count() or 1) + 1


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

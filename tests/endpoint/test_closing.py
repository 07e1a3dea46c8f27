"""After `close()` no sender is left open, whoever was under way."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import FIRST
from tests.endpoint.test_client import PAGE, QUERY, QUICK, ask, client_of
from tests.scripted import Answer, answer, serving
from thulium_frames import Reading, Thulium
from thulium_frames.endpoint import exchange
from thulium_frames.endpoint.client import Client, StoppedError
from thulium_frames.endpoint.pacing import Pace
from thulium_frames.endpoint.transport import Sender, Transport

pytestmark = pytest.mark.usefixtures("library")


class Watched:
    """A sender that tells whether it is closed."""

    def __init__(self, sender: Sender) -> None:
        self.is_closed = False
        self._sender = sender

    def send(self, address: str) -> exchange.Answer:
        assert not self.is_closed
        return self._sender.send(address)

    def close(self) -> None:
        self.is_closed = True
        self._sender.close()


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    """The senders that were opened since the test began."""
    opened: list[Watched] = []
    original = Transport._open

    def opening(transport: Transport) -> Sender:
        opened.append(Watched(original(transport)))
        return opened[-1]

    monkeypatch.setattr(Transport, "_open", opening)
    return opened


@contextmanager
def during_a_request(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Thread]:
    """While a request of another thread is under way; it ends afterwards."""
    is_under_way, may_end = threading.Event(), threading.Event()
    original = Transport._send

    def send(*arguments: object) -> object:
        is_under_way.set()
        assert may_end.wait(20)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Transport, "_send", send)
    worker = threading.Thread(target=lambda: ask(client))
    worker.start()
    assert is_under_way.wait(20)
    monkeypatch.setattr(Transport, "_send", original)
    yield worker
    may_end.set()
    worker.join(20)
    assert not worker.is_alive()


def alive(opened: list[Watched]) -> int:
    return sum(not sender.is_closed for sender in opened)


def test_a_client_without_requests_is_closed_at_once(opened: list[Watched]) -> None:
    with serving([PAGE]) as script, client_of(script.url) as client:
        ask(client)
        assert alive(opened) == 1
        client.close()
        assert alive(opened) == 0
        client.close()


def test_a_client_is_closed_as_soon_as_its_request_ends(opened: list[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([PAGE]) as script, client_of(script.url) as client:
        with during_a_request(client, monkeypatch):
            client.close()
            assert alive(opened) == 1
        assert (alive(opened), len(opened)) == (0, 1)


def test_somebody_else_opens_a_client_of_their_own(opened: list[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([PAGE]) as script, client_of(script.url) as client:
        with during_a_request(client, monkeypatch):
            client.close()
            ask(client)
            assert [sender.is_closed for sender in opened] == [False, False]
        assert [sender.is_closed for sender in opened] == [True, False]
        ask(client)
        assert len(opened) == 2
    assert alive(opened) == 0


@pytest.mark.parametrize("then", [[answer(status=500), PAGE], [PAGE]], ids=["a new try", "a new request"])
def test_a_read_that_goes_on_after_the_close_keeps_nothing(opened: list[Watched], then: list[Answer]) -> None:
    """As the workers of an iterator do that somebody has left half-way."""
    stop = threading.Event()
    with serving([PAGE, *then]) as script, client_of(script.url) as client:
        ask(client, stop=stop)
        client.close()
        ask(client, stop=stop)
        assert alive(opened) == 0
        ask(client)
        assert alive(opened) == 1


def close_before(client: Client, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """Close once, at the worst moment: just before a method is called."""
    original: Callable[..., object] = getattr(owner, name)

    def closing(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(owner, name, original)
        client.close()
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, closing)


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Pace, "turn"), (Transport, "get"), (Transport, "_lend"), (Transport, "_send"), (Transport, "_take_back")],
)
@pytest.mark.parametrize("has_asked", [False, True])
def test_whenever_the_close_comes_nothing_is_left(
    opened: list[Watched], monkeypatch: pytest.MonkeyPatch, owner: type, name: str, has_asked: bool
) -> None:
    stop = threading.Event()
    with serving([answer(status=500), PAGE]) as script, client_of(script.url, retries=QUICK) as client:
        if has_asked:
            ask(client, stop=stop)
        close_before(client, monkeypatch, owner, name)
        assert ask(client, stop=stop).count == 3
        assert alive(opened) == 0


def test_a_read_that_was_left_opens_nothing_after_the_close(opened: list[Watched]) -> None:
    stop = threading.Event()
    with serving([PAGE]) as script, client_of(script.url) as client:
        ask(client, stop=stop)
        stop.set()
        client.close()
        with pytest.raises(StoppedError):
            ask(client, stop=stop)
    assert (alive(opened), len(opened)) == (0, 1)


def test_many_closes_and_requests_at_once_leave_nothing(opened: list[Watched]) -> None:
    with serving([PAGE]) as script, client_of(script.url, workers=4) as client:
        workers = [threading.Thread(target=lambda: [ask(client) for _ in range(40)]) for _ in range(4)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            client.close()
        assert client.requests == script.requests == 160
    assert alive(opened) == 0


def test_a_closed_client_is_forgotten(opened: list[Watched]) -> None:
    """Its connections, buffers and certificates take megabytes."""
    with serving([PAGE]) as script, client_of(script.url) as client:
        ask(client)
        client.close()
        opened.clear()
        gc.collect()
        assert [thing for thing in gc.get_objects() if type(thing) is Watched] == []
        assert client.get(QUERY, len, threading.Event()) > 0


def test_a_forgotten_transport_closes_its_client(opened: list[Watched]) -> None:
    with serving([PAGE]) as script:
        with client_of(script.url) as client:
            ask(client)
            del client
        gc.collect()
        assert alive(opened) == 0


@pytest.mark.parametrize("is_forgotten", [False, True], ids=["kept half-way", "forgotten"])
def test_an_iterator_that_was_left_leaves_no_client(opened: list[Watched], url: str, is_forgotten: bool) -> None:
    thulium = Thulium(url, "demo", "demo", reading=Reading(page_rows=2, window_rows=4, ahead_rows=4))
    batches = thulium.connections(date_from=FIRST).batches()
    next(batches)
    left = [batches]
    if is_forgotten:
        left.clear()
        del batches
    gc.collect()
    thulium.close()
    for batches in left:
        batches.close()  # type: ignore[attr-defined]  # a generator
    for worker in threading.enumerate():
        if worker.name.startswith("thulium-frames"):
            worker.join(30)
    assert alive(opened) == 0

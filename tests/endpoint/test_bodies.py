"""A body is read in pieces and never outgrows its limit, however well it is packed."""

import gzip
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
import zstandard

from tests.endpoint.test_client import PAGE, QUERY, asking, envelope, failure_of
from tests.scripted import Answer, Then, answer
from thulium_frames.endpoint.bodies import body_of
from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.errors import ApiError, AuthenticationError, UnreadableAnswerError

MIB = 2**20
BODY = b'{"count": 3, "result": []}'


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def halves(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Packed as two members or frames, one after the other."""
    return lambda data: pack(data[: len(data) // 2]) + pack(data[len(data) // 2 :])


def streamed_zstd(data: bytes) -> bytes:
    """A frame that does not say how large it is."""
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return packer.compress(data) + packer.flush()


PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "nothing": ("", bytes),
    "identity": ("identity", bytes),
    "no encoding, by mistake": ("UTF-8", bytes),
    "gzip": ("gzip", gzip.compress),
    "gzip in capitals": ("GZip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip of two members": ("gzip", halves(gzip.compress)),
    "gzip with padding": ("gzip", lambda data: gzip.compress(data) + bytes(10)),
    "gzip with something behind it": ("gzip", lambda data: gzip.compress(data) + b"\n-->"),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.compress),
    "zstd of two frames": ("zstd", halves(zstandard.compress)),
    "zstd of unknown size": ("zstd", streamed_zstd),
    "twice": ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    "zstd in gzip": ("zstd,gzip", lambda data: gzip.compress(zstandard.compress(data))),
}


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes, encodings: str, size: int = 2**16) -> bytes:
    return body_of(chunked(data, size), encodings, lambda: None)


@pytest.mark.parametrize("size", [1, 7, 2**16])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_body_is_read_whatever_its_chunks(packing: str, size: int) -> None:
    encodings, pack = PACKINGS[packing]
    for body in (b"", BODY, bytes(range(256)) * 3000 if size > 7 else BODY * 30):
        assert read(pack(body), encodings, size) == body


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("packing", [name for name, (encodings, _) in PACKINGS.items() if encodings])
def test_a_packed_answer_is_read(packing: str) -> None:
    encodings, pack = PACKINGS[packing]
    with asking([answer(pack(BODY), Content_Encoding=encodings)]) as (client, _):
        assert client.get(QUERY, bytes, threading.Event()) == BODY


LARGE = ["nothing", "gzip", "deflate", "deflate without a header", "zstd", "zstd of unknown size", "twice"]


@pytest.mark.parametrize("packing", LARGE)
def test_64_mib_are_read_and_a_byte_more_is_not(packing: str) -> None:
    encodings, pack = PACKINGS[packing]
    body = bytes(64 * MIB)
    assert len(read(pack(body), encodings)) == 64 * MIB
    with pytest.raises(TryAgainError, match="the answer is larger than 64 MiB"):
        read(pack(body + b"\0"), encodings)


def bomb_of(pack: "zstandard.ZstdCompressionObj | zlib._Compress") -> bytes:
    """A quarter of a gigabyte of zeros."""
    return b"".join(pack.compress(bytes(MIB)) for _ in range(256)) + pack.flush()


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    bombs = {
        "gzip": bomb_of(zlib.compressobj(wbits=zlib.MAX_WBITS | 16)),
        "deflate": bomb_of(zlib.compressobj()),
        "zstd": bomb_of(zstandard.ZstdCompressor().compressobj()),
    }
    twice = {"gzip, gzip": gzip.compress(bombs["gzip"]), "zstd, gzip": gzip.compress(bombs["zstd"])}
    return bombs | twice


@pytest.mark.parametrize("encodings", ["gzip", "deflate", "zstd", "gzip, gzip", "zstd, gzip"])
def test_no_bomb_holds_more_than_the_limit(bombs: dict[str, bytes], encodings: str) -> None:
    """It comes in one chunk, as it does from the network where it is small enough."""
    tracemalloc.start()
    with pytest.raises(TryAgainError, match="larger than 64 MiB"):
        body_of(iter([bombs[encodings]]), encodings, lambda: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * MIB * 9 / 8 + 4 * MIB  # a growing buffer takes an eighth more


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("status", [200, 401, 500, 302])
def test_a_bomb_is_a_failed_try_whatever_the_status(bombs: dict[str, bytes], status: int) -> None:
    bomb = answer(bombs["zstd"], status, Content_Encoding="zstd", Location="/x")
    with asking([bomb, PAGE]) as (client, script):
        assert client.get(QUERY, bytes, threading.Event()) == BODY
    assert script.requests == 2
    error, _ = failure_of([bomb])
    assert type(error) is ApiError
    assert str(error).startswith("the answer is larger than 64 MiB\n")


@pytest.mark.usefixtures("library")
def test_an_endless_body_is_a_failed_try() -> None:
    endless = Answer(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(65 * MIB), Then.CLOSE)
    error, requests = failure_of([endless])
    assert str(error).startswith("the answer is larger than 64 MiB\n")
    assert requests > 1


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("encodings", ["br", "compress", "gzip, br", "gzip, gzip, gzip", "aes128gcm"])
def test_an_encoding_that_nobody_asked_for_is_a_failed_try(encodings: str) -> None:
    odd = answer(BODY, Content_Encoding=encodings)
    with asking([odd, PAGE]) as (client, _):
        assert client.get(QUERY, bytes, threading.Event()) == BODY
    error, _ = failure_of([odd])
    assert isinstance(error, UnreadableAnswerError)
    assert "compressed in a way that was not asked for" in str(error)


@pytest.mark.usefixtures("library")
def test_no_other_encoding_is_asked_for() -> None:
    with asking([PAGE]) as (client, script):
        client.get(QUERY, bytes, threading.Event())
    assert script.seen[0].headers["Accept-Encoding"] == "gzip, deflate, zstd"


@pytest.mark.parametrize("encodings", ["gzip", "deflate", "zstd"])
def test_damaged_compression_is_a_failed_try(encodings: str) -> None:
    with pytest.raises(TryAgainError, match="compression is damaged"):
        read(b"\x07 this is none", encodings)


def test_a_window_larger_than_the_web_allows_is_refused() -> None:
    """Otherwise a small answer could ask for gigabytes of memory."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(TryAgainError, match="compression is damaged"):
        read(packer.compress(BODY) + packer.flush(), "zstd")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("encodings", ["br", "gzip", "zstd"])
def test_a_refusal_whose_body_cannot_be_read_is_still_a_refusal(encodings: str) -> None:
    error, requests = failure_of([answer(b"\x07 not packed", 401, Content_Encoding=encodings)])
    assert type(error) is AuthenticationError
    assert requests == 1


@pytest.mark.usefixtures("library")
def test_a_packed_error_is_told() -> None:
    error, _ = failure_of([answer(gzip.compress(envelope("zły limit")), 400, Content_Encoding="gzip")])
    assert "zły limit" in str(error)


@pytest.mark.usefixtures("library")
def test_a_huge_error_is_told_by_its_status_alone() -> None:
    """What JSON becomes in memory is many times as large."""
    error, _ = failure_of([answer(envelope("x" * 2 * MIB), 400)])
    assert str(error).split("\n")[0] in ("the system answered 400", "the system answered 400 Bad Request")


def test_each_piece_may_be_the_last() -> None:
    checks: list[int] = []

    def check() -> None:
        checks.append(1)
        if len(checks) > 5:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        body_of(iter([gzip.compress(b"") * 100]), "gzip", check)

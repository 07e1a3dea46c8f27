"""The body of an answer: decompressed piece by piece, so that no body outgrows memory, however well it is packed."""

import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, cast

import zstandard

from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.errors import ApiError, UnreadableAnswerError

#: What `body_of` can read, as a request asks for it.
ACCEPTED = "gzip, deflate, zstd"

_MOST_BYTES = 64 * 2**20
_PIECE_BYTES = 2**16
_ZSTD_WINDOW_BYTES = 8 * 2**20  # more is not allowed on the web: RFC 9659
_MOST_ENCODINGS = 2
_NO_ENCODING = ("", "identity", "none", "binary", "utf-8", "utf8")  # what servers put where no encoding belongs
_GZIP = b"\x1f\x8b"
_GZIP_BITS = zlib.MAX_WBITS | 16


def body_of(chunks: Iterable[bytes], encodings: str, check: Callable[[], object]) -> bytes:
    """Read and decompress a body that comes in `chunks`. Calls `check` before each piece, so that it can end it.

    Raises TryAgainError when the body is too large, damaged, or compressed in a way that nobody asked for.
    """
    names = [name for name in map(str.strip, encodings.lower().split(",")) if name not in _NO_ENCODING]
    if len(names) > _MOST_ENCODINGS or not set(names) <= set(_DECODERS):
        raise TryAgainError(UnreadableAnswerError("the answer is compressed in a way that was not asked for"))
    pieces = _bounded(chunks, check)
    for name in reversed(names):
        pieces = _bounded(_DECODERS[name](pieces), check)
    body = io.BytesIO()
    try:
        body.writelines(pieces)
    except (zlib.error, zstandard.ZstdError) as error:
        raise TryAgainError(UnreadableAnswerError("the answer's compression is damaged")) from error
    return body.getvalue()


def _bounded(pieces: Iterable[bytes], check: Callable[[], object]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        check()
        size += len(piece)
        if size > _MOST_BYTES:
            raise TryAgainError(ApiError(f"the answer is larger than {_MOST_BYTES // 2**20} MiB"))
        yield piece


def _unzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The contents of gzip's members, one after the other. What follows that is no member is padding."""
    stream = zlib.decompressobj(_GZIP_BITS)
    for data in chunks:
        while data:
            if stream.eof:
                if not data.startswith(_GZIP[: len(data)]):
                    return
                stream = zlib.decompressobj(_GZIP_BITS)
            yield from _inflated(stream, data)
            data = stream.unused_data


def _undeflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Deflated bytes, with zlib's header as the standard wants it, or without, as some servers send them."""
    first = next(chunks, b"")
    has_header = first[:1] and first[0] & 0x0F == zlib.DEFLATED
    stream = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    yield from _inflated(stream, first)
    for data in chunks:
        yield from _inflated(stream, data)


def _inflated(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while not stream.eof:
        piece = stream.decompress(data, _PIECE_BYTES)
        yield piece
        data = stream.unconsumed_tail
        if not data and len(piece) < _PIECE_BYTES:
            return


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packed = cast(IO[bytes], _Chunks(chunks))
    stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).stream_reader(
        packed, read_across_frames=True, closefd=False
    )
    while piece := stream.read(_PIECE_BYTES):
        yield piece


class _Chunks:
    """Chunks as a file, of which zstandard needs only this."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, _size: int) -> bytes:
        return next(filter(None, self._chunks), b"")


_DECODERS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "gzip": _unzipped,
    "x-gzip": _unzipped,
    "deflate": _undeflated,
    "zstd": _unpacked,
}

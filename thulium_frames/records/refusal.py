"""What a body is that is not a page of calls, in words that show nothing of it."""

import re

import msgspec

from thulium_frames.errors import ForeignAnswerError, UnreadableAnswerError
from thulium_frames.records.oddities import bare, decoded

#: What may go wrong where a body is decoded.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_anything = msgspec.json.Decoder()
_ENVELOPE = re.compile(rb'\{\s*+"(?:count|result|request_id|errors)"\s*+:')


def refusal(body: bytes) -> ForeignAnswerError | UnreadableAnswerError:
    """The error for a body that is no page: foreign when it is JSON of another shape, else unreadable."""
    try:
        content = decoded(body, _anything)
    except UNDECODABLE:
        return UnreadableAnswerError(f"the answer is not JSON {_outline(body)}")
    if isinstance(content, dict) and {"count", "result"} <= set(content):
        shape = "an object whose count or rows are of another kind"
    elif isinstance(content, dict):
        names = [name if name.isidentifier() else "…" for name in sorted(content)[:5]]
        shape = f"an object with {', '.join(names) or 'nothing in it'}"
    else:
        shape = {list: "a list", str: "text", type(None): "null"}.get(type(content), "a single value")
    return ForeignAnswerError(f"the answer is not a page of calls (count, result) but {shape[:120]}")


def _outline(body: bytes) -> str:
    start = bare(body)[:1]
    if start in (b"{", b"["):
        return f"but damaged or cut short, {len(body)} bytes"
    if _ENVELOPE.search(body):
        before = "HTML" if start == b"<" else "something else"
        return f"alone: {before} stands before the JSON, {len(body)} bytes in all, perhaps a warning of PHP"
    if start == b"<":
        return f"but an HTML page of {len(body)} bytes: a login page or a proxy may stand in between"
    return f"but {len(body)} bytes of something else" if body else "but empty"

"""Seams: where a window was cut in two, the part before must agree with the count behind. Pure."""

from dataclasses import dataclass
from datetime import datetime

from thulium_frames.reading.order import Part

#: The moment of the cut, and the bound up to which both windows are asked for.
Seam = tuple[datetime, datetime]


@dataclass(frozen=True)
class Settled:
    """A part before a seam, once it was compared with the count behind the seam."""

    part: Part
    adds_up: bool
    """Whether the system counts as many calls behind the part as there must be if the part is complete."""


class Seams:
    """The seams of which only one side, or none, is known."""

    def __init__(self) -> None:
        self._known: dict[Seam, Part | int | None] = {}

    def open(self, seam: Seam) -> None:
        """A window was cut here; neither side is known."""
        self._known[seam] = None

    def behind(self, seam: Seam) -> int | None:
        """How many calls are counted behind a seam whose other side is not known yet."""
        known = self._known.get(seam)
        return known if isinstance(known, int) else None

    def count(self, seam: Seam, calls: int) -> Settled | None:
        """Note how many calls are counted behind a seam. Returns its two sides compared, once both are known."""
        if seam not in self._known:
            return None
        part = self._known.pop(seam)
        if isinstance(part, Part):
            return Settled(part, part.left == calls)
        self._known[seam] = calls
        return None

    def add(self, seam: Seam, part: Part) -> Settled | None:
        """Note the part before a seam. Returns its two sides compared, once both are known."""
        calls = self._known.pop(seam, None)
        if isinstance(calls, int):
            return Settled(part, part.left == calls)
        self._known[seam] = part
        return None

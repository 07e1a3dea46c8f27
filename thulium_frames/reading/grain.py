"""The grain of a system: the smallest span that it can be asked for, as its answers show.

The grain is a minute until an answer shows that only the day of a bound counts. Where that is the bound that a window
begins with, the answer holds calls of earlier minutes of that day. Where it is the bound that a window ends with, the
answer holds calls of later minutes; or it lacks calls, if the system excludes the day that it is asked for last. Nobody
can see what an answer lacks, so one request tries that before any window may end within a day. The trial asks for one
minute, of a call that was seen and is not the first of its day.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum, auto

from thulium_frames.errors import ContractError
from thulium_frames.reading.edges import minutes_of
from thulium_frames.records import HeldCall
from thulium_frames.windows import DAY, MINUTE, Window, ceiling, floor

_DAY_CHARACTERS = len("2024-07-01")
_MIDNIGHT = " 00:00"


class GrainChangedError(Exception):
    """The grain turned out to be a day: what is not delivered yet must be planned anew. It reaches no caller."""


class Ends(Enum):
    """What a system makes of the bound that a window ends with."""

    UNKNOWN = auto()
    BY_MINUTE = auto()
    DAY_INCLUDED = auto()
    DAY_EXCLUDED = auto()


class Grain:
    """What is known about the bounds of one system. All reads of the system share it, and it only ever learns more."""

    def __init__(self, ends: Ends = Ends.UNKNOWN) -> None:
        self.ends = ends
        self.is_day = False

    @property
    def unit(self) -> timedelta:
        """The smallest span that can be asked for: a day or a minute."""
        return DAY if self.is_day else MINUTE

    def first_asked(self, start: datetime) -> datetime:
        """The bound to send for calls from `start` on."""
        return floor(start, self.unit)

    def last_asked(self, end: datetime) -> datetime:
        """The bound to send for calls before `end`.

        `end` itself is asked for, since a system may exclude the last minute that it is asked for. Where it is known to
        include the whole day, the day before is asked for last.
        """
        if self.ends is Ends.BY_MINUTE and not self.is_day:
            return end
        after = ceiling(end, DAY)
        return after - MINUTE if self.ends is Ends.DAY_INCLUDED else after

    def may_end(self, end: datetime) -> bool:
        """Whether a window may be asked for up to here.

        False before the trial, which tells. Raises GrainChangedError when the system allows no such end.
        """
        if self.ends is Ends.UNKNOWN:
            return not self.is_day and end == floor(end, DAY)
        if not self.is_day and self.ends is not Ends.BY_MINUTE and end != floor(end, DAY):
            self.change()
        return True

    def change(self) -> None:
        """From now on the grain is a day. Raises GrainChangedError."""
        self.is_day = True
        raise GrainChangedError

    def learn_from_trial(self, trial: Window, calls: Sequence[HeldCall]) -> None:
        """Note the answer to a trial. Raises like `check`."""
        if self.ends is Ends.UNKNOWN:
            times = [minute[_DAY_CHARACTERS:] for minute in minutes_of(calls)]
            self.ends = Ends.BY_MINUTE if any(time > _MIDNIGHT for time in times) else Ends.DAY_EXCLUDED
        self.check(trial, calls)

    def check(self, asked: Window, calls: Sequence[HeldCall]) -> None:
        """Compare the calls of an answer with what was asked for.

        Raises GrainChangedError when it shows calls of earlier minutes, or of later ones although the minute counted
        so far, and ContractError for a call of a day that was not asked for.
        """
        minutes = list(filter(None, minutes_of(calls)))
        if not minutes:
            return
        first, last = datetime.fromisoformat(min(minutes)), datetime.fromisoformat(max(minutes))
        if first < floor(asked.start, DAY) or last >= floor(asked.end, DAY) + DAY:
            raise _stranger(asked, first if first < floor(asked.start, DAY) else last)
        if last > ceiling(asked.end, MINUTE):
            is_new = self.ends is Ends.BY_MINUTE
            self.ends = Ends.DAY_INCLUDED
            if is_new and not self.is_day:
                self.change()
        if first < floor(asked.start, MINUTE):
            self.change()


def grain_shown(trial: Window, calls: Sequence[HeldCall]) -> timedelta:
    """The grain that the answer to a trial shows: a day or a minute."""
    grain = Grain()
    with suppress(GrainChangedError):
        grain.learn_from_trial(trial, calls)
    return MINUTE if grain.ends is Ends.BY_MINUTE and not grain.is_day else DAY


def trial_of(calls: Sequence[HeldCall]) -> Window | None:
    """The window of a trial: the minute of one of these calls. None when no call is later than midnight."""
    minutes = sorted({minute for minute in minutes_of(calls) if minute[_DAY_CHARACTERS:] > _MIDNIGHT})
    if not minutes:
        return None
    same_day = [minute for minute in minutes if minute[:_DAY_CHARACTERS] == minutes[0][:_DAY_CHARACTERS]]
    moment = datetime.fromisoformat(same_day[:2][-1])
    end = moment + MINUTE
    return Window(moment, end) if end != floor(end, DAY) else Window(moment - MINUTE, moment)


def _stranger(asked: Window, moment: datetime) -> ContractError:
    return ContractError(
        f"asked for calls of {asked}, the system answered one of {moment:%Y-%m-%d %H:%M}. "
        "It does not keep to the dates it is asked for, so no set of calls can be proven"
    )

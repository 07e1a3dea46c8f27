"""Reading: which page to ask for next, and when the calls of a window are proven.

This room alone knows what a page proves. It knows no HTTP and no parameter of the API: it is given `ask`, which turns a
window and a span of rows into a page. Its door: `read_pieces` yields the proven calls of a window, in time order, as
`Piece`s; `Reading` says in what sizes, and `Grain` keeps what is known of the bounds of a system.
"""

from thulium_frames.reading.crew import Piece, read_pieces
from thulium_frames.reading.grain import Grain, grain_shown, trial_of
from thulium_frames.reading.plan import Span
from thulium_frames.reading.runs import UndatedCall
from thulium_frames.reading.sizes import Reading

__all__ = ["Grain", "Piece", "Reading", "Span", "UndatedCall", "grain_shown", "read_pieces", "trial_of"]

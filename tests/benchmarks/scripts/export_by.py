"""Our command line with one of the HTTP libraries, which the first argument names."""

import sys

from thulium_frames.__main__ import main
from thulium_frames.endpoint import transport

library = sys.argv.pop(1)
vars(transport)["best_library"] = lambda: library
main()

"""`python -m thulium_frames`, and the script `thulium-frames`."""

import gc
import sys

from thulium_frames.cli import run

#: Modules and pages of calls make many objects that live on. Collecting garbage that often costs a tenth of the start.
_FEWER_COLLECTIONS = 50_000


def main() -> None:
    gc.set_threshold(_FEWER_COLLECTIONS)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

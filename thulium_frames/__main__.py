"""`python -m thulium_frames`, and the script `thulium-frames`."""

import sys

from thulium_frames.cli import run


def main() -> None:
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

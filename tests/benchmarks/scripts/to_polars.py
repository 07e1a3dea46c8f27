"""Ours, as a frame; the settings come from the environment."""

import os
import sys

from thulium_frames import Thulium

thulium = Thulium(workers=int(sys.argv[4]) or None)
frame = thulium.connections(date_from=os.environ["FIRST_DAY"], date_to=os.environ["LAST_DAY"]).to_polars()
sys.stdout.write(f"{frame.height}\n")

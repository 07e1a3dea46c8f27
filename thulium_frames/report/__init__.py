"""A page of contact-centre figures, in one HTML file that needs no network."""

from importlib.util import find_spec

if not all(map(find_spec, ("altair", "jinja2", "vl_convert"))):
    raise ImportError("the report needs its extra packages: pip install 'thulium-frames[notebooks]'")

from thulium_frames.report.figures import Figures, figures_of
from thulium_frames.report.page import page_of
from thulium_frames.report.reading import Period, read

__all__ = ["Figures", "Period", "figures_of", "page_of", "read"]

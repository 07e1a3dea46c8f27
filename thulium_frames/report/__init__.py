"""A page of contact-centre figures, in one HTML file that needs no network."""

try:
    import jinja2  # noqa: F401 - says what to install before a part of the package fails on it
    import vl_convert  # noqa: F401 - the same
except ImportError as error:
    raise ImportError("the report needs its extra packages: pip install 'thulium-frames[notebooks]'") from error

from thulium_frames.report.figures import Figures, figures_of
from thulium_frames.report.page import page_of
from thulium_frames.report.reading import Period, read

__all__ = ["Figures", "Period", "figures_of", "page_of", "read"]

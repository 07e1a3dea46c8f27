"""A page of contact-centre figures, in one HTML file that needs no network."""

try:
    import jinja2  # noqa: F401 - fails here, where the message can say what to install
    import vl_convert  # noqa: F401 - fails here for the same reason
except ImportError as error:
    raise ImportError("the report needs its extra packages: pip install 'thulium-frames[notebooks]'") from error

from thulium_frames.report.figures import Figures, figures_of
from thulium_frames.report.page import page_of
from thulium_frames.report.reading import Period, read

__all__ = ["Figures", "Period", "figures_of", "page_of", "read"]

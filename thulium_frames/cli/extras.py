"""Parts of the package that need the libraries of an extra."""

from importlib import import_module
from types import ModuleType

from thulium_frames.errors import SettingsError


def extra(part: str) -> ModuleType:
    """Load a part of the package. Raises SettingsError, which names the extra to install, when a library is missing."""
    try:
        return import_module(f"thulium_frames.{part}")
    except ImportError as error:
        raise SettingsError(str(error)) from error

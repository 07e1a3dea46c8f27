"""Parts of the package whose libraries come with an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from thulium_frames.errors import SettingsError


@contextmanager
def extras() -> Iterator[None]:
    """Turn the error about a missing library, which names the extra to install, into a SettingsError."""
    try:
        yield
    except ImportError as error:
        raise SettingsError(str(error)) from error


def extra(part: str) -> ModuleType:
    """Load a part of the package. Raises SettingsError when one of its libraries is missing."""
    with extras():
        return import_module(f"thulium_frames.{part}")

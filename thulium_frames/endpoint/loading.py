"""Libraries that must not be imported just as they are."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import cast


@contextmanager
def without(module: str) -> Iterator[None]:
    """Pretend that a module which a library can do without is not installed."""
    is_loaded = module in sys.modules
    sys.modules.setdefault(module, cast(ModuleType, None))
    try:
        yield
    finally:
        if not is_loaded:
            del sys.modules[module]


def load_for_good(module: str) -> None:
    """Import a module in a thread that never ends, unless it is loaded. Whether that worked, the next import tells.

    A library with the memory allocator mimalloc 3.3 crashes the process once the thread that loaded it has ended:
    https://github.com/microsoft/mimalloc/issues/1287
    """
    if module in sys.modules:
        return
    is_done = threading.Event()

    def load() -> None:
        try:
            import_module(module)
        except BaseException:  # the next import tells what is wrong
            return
        finally:
            is_done.set()
        threading.Event().wait()

    threading.Thread(target=load, name=f"loaded {module}", daemon=True).start()
    is_done.wait()

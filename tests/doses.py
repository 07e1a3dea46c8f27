"""How hard the tests try: enough to notice by default, more when the environment asks for it.

THULIUM_FRAMES_PROFILE=thorough takes the larger dose of everything. A dose can also be said by itself:
THULIUM_FRAMES_KILLS, _EXAMPLES, _PAGES, _FLIP_EVERY, _REFRESHES, _QUARTERS_DAYS. The tests
that have one: pytest -m 'hypothesis or dosed'.
"""

import os

_IS_THOROUGH = {"default": False, "thorough": True}[os.environ.get("THULIUM_FRAMES_PROFILE", "default")]
#: In the default profile properties are tried with this share of their examples.
_SHARE = 1 if _IS_THOROUGH else 4

# A worker of pytest-xdist has a core to itself. Polars reads this when it is imported, here and in child processes.
if not _IS_THOROUGH:
    os.environ.setdefault("POLARS_MAX_THREADS", "1")


def dose(name: str, default: int, thorough: int) -> int:
    """How much of something: what THULIUM_FRAMES_ and the name say, or what the profile does."""
    return int(os.environ.get(f"THULIUM_FRAMES_{name}", thorough if _IS_THOROUGH else default))


def is_said(name: str) -> bool:
    return f"THULIUM_FRAMES_{name}" in os.environ


def examples(thorough: int) -> int:
    """How many examples of a property are tried in this profile."""
    return -(-thorough // _SHARE)

"""The libraries that can send requests: what they do for the package is tested for each."""

from importlib.util import find_spec

import pytest

LIBRARIES = [
    "httpx",
    pytest.param("pyreqwest", marks=pytest.mark.skipif(not find_spec("pyreqwest"), reason="the extra `fast`")),
]

#: For tests of what httpx alone does.
BY_HTTPX = pytest.mark.parametrize("library", ["httpx"], indirect=True)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library that sends the requests wherever it can."""
    chosen: str = request.param
    monkeypatch.setattr("thulium_frames.endpoint.transport.best_library", lambda: chosen)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)  # pyreqwest cannot do with it
    return chosen

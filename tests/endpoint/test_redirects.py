"""Where a redirect may lead: nowhere that the password does not belong."""

import pytest

from thulium_frames.endpoint.redirects import next_address
from thulium_frames.errors import RequestRejectedError

ASKED = "https://acme.example:8443/api/connections?limit=100"


def led(location: str, asked: str = ASKED) -> str:
    return next_address(asked, location, "limit=100")


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("/v2", "https://acme.example:8443/v2?limit=100"),
        ("v2?limit=5", "https://acme.example:8443/api/v2?limit=5"),
        ("//acme.example:8443/v2", "https://acme.example:8443/v2?limit=100"),
        ("https://ACME.example:8443/v2", "https://acme.example:8443/v2?limit=100"),
        ("https://user:pass@acme.example:8443/v2", "https://acme.example:8443/v2?limit=100"),
        ("https://acme.example:8443//other.example/v2", "https://acme.example:8443//other.example/v2?limit=100"),
        ("/\\other.example/v2", "https://acme.example:8443/\\other.example/v2?limit=100"),
    ],
)
def test_only_the_path_comes_from_the_redirect(location: str, address: str) -> None:
    assert led(location) == address


@pytest.mark.parametrize(
    ("asked", "location", "address"),
    [
        ("http://acme.example/x", "https://acme.example/x", "https://acme.example/x?limit=100"),
        ("http://acme.example:80/x", "https://acme.example:443/x", "https://acme.example/x?limit=100"),
        ("http://[::1]:8080/x", "https://[::1]/x", "https://[::1]/x?limit=100"),
        ("http://żółw.example/x", "https://xn--w-uga1v8h.example/x", "https://żółw.example/x?limit=100"),
    ],
)
def test_https_on_the_same_host_is_the_same_system(asked: str, location: str, address: str) -> None:
    assert led(location, asked) == address


@pytest.mark.parametrize(
    "location",
    [
        "https://other.example/x",
        "https://acme.example/x",
        "http://acme.example:8443/x",
        "//other.example:8443/x",
        "https://acme.example:8443@other.example/x",
        "https://acme.example:8443\\@other.example/x",
        "https://other.example\\@acme.example:8443.evil/x",
        "https://acme.example.:8443/x",
        "\thttps://other.example/x",
        "mailto:acme.example:8443",
        "https://acme.example:844300/x",
        "https://[acme.example]:8443/x",
    ],
)
def test_another_place_is_refused(location: str) -> None:
    with pytest.raises(RequestRejectedError, match="redirects to"):
        led(location)

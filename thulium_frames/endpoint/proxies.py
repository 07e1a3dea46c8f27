"""Which proxy stands before a system, by the usual variables. A variable that cannot be read is refused by its name."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

from thulium_frames.endpoint.settings import is_host
from thulium_frames.errors import SettingsError

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the variable that names it. Its URL may hold a password."""

    url: str = field(repr=False)
    variable: str


def proxies_of(address: str, variables: Mapping[str, tuple[str, str]]) -> dict[str, Proxy]:
    """The proxies for requests to a system, by the scheme of the request; none where the variables say so.

    Every variable is checked, also one that this system does not need. Raises SettingsError, without what stands in it.
    """
    proxies = {kind: _proxy(name, text) for kind, (name, text) in variables.items() if kind != "no"}
    exceptions = _exceptions(*variables["no"]) if "no" in variables else []
    chosen = {scheme: proxies.get(scheme) or proxies.get("all") for scheme in _PORTS}
    return {
        scheme: proxy
        for scheme, proxy in chosen.items()
        if proxy and not any(one.is_for(scheme, urlsplit(address)) for one in exceptions)
    }


def _proxy(name: str, text: str) -> Proxy:
    url = text.strip() if "://" in text else f"http://{text.strip()}"
    parts = _parsed(name, url)
    is_place = is_host(parts.hostname or "") and parts.path in ("", "/")
    if parts.scheme not in _SCHEMES or not is_place or parts.query or parts.fragment:
        raise _unreadable(name)
    return Proxy(url, name)


@dataclass(frozen=True)
class _Exception:
    """One entry of NO_PROXY: a host, its domain, addresses or a pattern, perhaps of one scheme and one port alone."""

    scheme: str
    host: str
    port: int | None

    def is_for(self, scheme: str, system: SplitResult) -> bool:
        port = system.port or _PORTS[scheme]
        host = (system.hostname or "").rstrip(".")
        return self.scheme in ("", scheme) and self.port in (None, port) and self._holds(host)

    def _holds(self, host: str) -> bool:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(self.host, strict=False)
        except ValueError:
            domain = self.host.removeprefix("*").removeprefix(".")
            is_same = host == domain and self.host[:1] != "."
            return is_same or host.endswith(f".{domain}") or fnmatchcase(host, self.host)


def _exceptions(name: str, text: str) -> list[_Exception]:
    return [_exception(name, entry.lower()) for entry in text.replace(",", " ").split()]


def _exception(name: str, entry: str) -> _Exception:
    scheme, _, place = entry.rpartition("://")
    if _is_network(place):
        return _Exception(scheme, place, None)
    parts = _parsed(name, f"//{place}")
    host = (parts.hostname or "").rstrip(".")
    if not (is_host(host.replace("*", "x").removeprefix(".")) or _is_network(host)) or parts.path.strip("/"):
        raise _unreadable(name)
    return _Exception("" if scheme == "all" else scheme, host, parts.port)


def _is_network(text: str) -> bool:
    try:
        return bool(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return False


def _parsed(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _unreadable(name) from None
    return parts


def _unreadable(name: str) -> SettingsError:
    form = "like example.org,10.0.0.0/8" if name.lower() == "no_proxy" else "like proxy.example.org:3128"
    return SettingsError(f"{name} cannot be read: write it {form}, or unset it")

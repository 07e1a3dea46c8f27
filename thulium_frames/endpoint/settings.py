"""Where the system is and who asks: the URL, the API user and the password, each from the first source that has it.

Nothing else reads the environment.
"""

import codecs
import ipaddress
import netrc
import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies

from thulium_frames.errors import SettingsError

_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_PATH = re.compile(r"[\w./~%-]*")
_PATH_OF_THE_API = re.compile(r"(/+api(/+connections)?)?/*$")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SYSTEM_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


class Secret:
    """Text that only `reveal` shows. No repr, log, traceback or pickle contains it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not pickled: make a Thulium object where it is needed")


@dataclass(frozen=True)
class Settings:
    """One Thulium system and the API user that reads it. `url` is the address without `/api`."""

    url: str
    user: str
    password: Secret
    password_source: str
    """Where the password came from, in words."""

    @property
    def is_https(self) -> bool:
        return self.url.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        return _is_loopback(urlsplit(self.url).hostname or "")

    @property
    def system(self) -> str:
        """Which system this is, as a lake is marked with it. A port on loopback is left out, because it changes."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.hostname or "").geturl() if self.is_loopback else self.url


def resolve(
    url: str | None = None,
    user: str | None = None,
    password: str | None = None,
    *,
    password_file: str | None = None,
    use_netrc: bool = False,
    allow_http: bool = False,
    ask: Callable[[str], str] | None = None,
) -> Settings:
    """Take what was not given from the environment, the password file, netrc, the URL, and at last from `ask`.

    Raises SettingsError when something is missing or unsafe. No message shows a credential.
    """
    parts = _parse_url(url or _env("URL"))
    _refuse_plain_http(parts, allow_http)
    address = _address(parts)
    user = user or _env("USER") or unquote(parts.username or "")
    if use_netrc and not user:
        user = _from_netrc(parts)[0]
    if not user:
        raise SettingsError("no API user: give --user or THULIUM_USER (Python: Thulium(user=…))")
    sources: list[tuple[str, Callable[[], str | None]]] = [
        ("the argument", lambda: password),
        ("the password file", lambda: _read_password(password_file) if password_file else None),
        ("THULIUM_PASSWORD_FILE", lambda: _read_password(path) if (path := _env("PASSWORD_FILE")) else None),
        ("THULIUM_PASSWORD", lambda: _env("PASSWORD")),
        ("netrc", lambda: dict([_from_netrc(parts)]).get(user) if use_netrc else None),
        ("the URL", lambda: unquote(parts.password or "") if user == unquote(parts.username or "") else None),
        ("the prompt", lambda: ask(f"Password of {user} at {address}") if ask else None),
    ]
    for source, read in sources:
        if secret := read():
            _check_utf8("user", user)
            _check_utf8("password", secret)
            return Settings(address, user, Secret(secret), source)
    raise SettingsError(
        "no password: give --password-file PATH (- is stdin), THULIUM_PASSWORD_FILE or THULIUM_PASSWORD "
        "(Python: Thulium(password=…))"
    )


def time_zone_of(given: str | None = None) -> str:
    """The name of the time zone of the system's wall clock: what was given, else THULIUM_TIME_ZONE, else Warsaw."""
    return given or _env("TIME_ZONE") or "Europe/Warsaw"


def _check_utf8(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"the {name} is not UTF-8 text") from None


def _env(name: str) -> str:
    return os.environ.get(f"THULIUM_{name}", "")


def proxy_variables() -> dict[str, tuple[str, str]]:
    """What is said of proxies for `http`, `https` and `all`, and which hosts need `no` proxy: name and text of each."""
    said = getproxies()
    return {kind: (_name_of(kind), said[kind]) for kind in ("http", "https", "all", "no") if said.get(kind)}


def _name_of(kind: str) -> str:
    names = (f"{kind}_proxy", f"{kind.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), names[1])


def certificate_places() -> tuple[str | None, str | None]:
    """The file and the folder of the only authorities to trust, where they are set."""
    return os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None


def is_host(text: str) -> bool:
    """Whether a text can be the name or the address of a host."""
    return bool(_is_address(text) or _HOST.fullmatch(text))


def _parse_url(text: str) -> SplitResult:
    text = text.strip()
    if not text:
        raise SettingsError("no system: give --url or THULIUM_URL, like https://acme.thulium.com or just acme")
    if _SYSTEM_NAME.fullmatch(text):
        text = f"https://{text}.thulium.com"
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise SettingsError("the URL cannot be read: write it like https://acme.thulium.com") from None
    is_place = is_host(parts.hostname or "") and _PATH.fullmatch(parts.path)
    if parts.scheme not in ("http", "https") or not is_place or parts.query or parts.fragment:
        raise SettingsError("the URL is not one of a system: write it like https://acme.thulium.com")
    return parts


def _address(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port not in (None, {"http": 80, "https": 443}[parts.scheme]) else ""
    return f"{parts.scheme}://{host}{port}{_PATH_OF_THE_API.sub('', parts.path)}"


def _refuse_plain_http(parts: SplitResult, allow_http: bool) -> None:
    if parts.scheme == "http" and not allow_http and not _is_loopback(parts.hostname or ""):
        raise SettingsError(
            f"http://{parts.hostname} would send the password unencrypted: use https, or allow it with --allow-http"
        )


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _read_password(path: str) -> str:
    try:
        password = _text(_read_stdin() if path == "-" else _read_private(path)).rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"the password file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"the password file {path} is not UTF-8 text") from None
    except RuntimeError as error:  # `~` of nobody
        raise SettingsError(f"the password file {path} cannot be read: {error}") from error
    if not password:
        raise SettingsError(f"the password file {path} is empty")
    return password


def _read_stdin() -> bytes:
    return sys.stdin.buffer.read() if sys.stdin else b""  # stdin may be closed


def _read_private(path: str) -> bytes:
    with Path(path).expanduser().open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO) and stat.S_ISREG(mode):
            raise SettingsError(
                f"the password file {path} is open to others: run chmod 600 {path}. Where its mode cannot be changed "
                f"(a read-only mount, a network drive), give it on stdin: --password-file - < {path}"
            )
        return file.read()


def _text(data: bytes) -> str:
    """Text as an editor saved it: UTF-8, or what its byte order mark says."""
    encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    return data.decode(encoding)


def _from_netrc(parts: SplitResult) -> tuple[str, str | None]:
    path = os.environ.get("NETRC")
    try:
        entry = netrc.netrc(path).authenticators(parts.hostname or "")
    except FileNotFoundError as error:
        raise SettingsError("--netrc was asked for, but there is no netrc file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the netrc file cannot be read: {type(error).__name__}") from None
    except netrc.NetrcParseError as error:
        raise SettingsError(f"the netrc file cannot be read: line {error.lineno} is not as expected") from None
    return (entry[0] or "", entry[2]) if entry else ("", None)

import codecs
import copy
import io
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thulium_frames.endpoint.settings import Secret, resolve
from thulium_frames.errors import SettingsError

HIDDEN = "tajne-hasło"
ACME = "https://acme.thulium.com"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("THULIUM_URL", "THULIUM_USER", "THULIUM_PASSWORD", "THULIUM_PASSWORD_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


class WithoutModes:
    """The module `os` of a system without modes."""

    name = "nt"

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)


def private(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return str(path)


def not_asked(prompt: str) -> str:
    raise AssertionError(f"asked: {prompt}")


def type_on_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def url_of(text: str, *, allow_http: bool = False) -> str:
    return resolve(text, "user", "password", allow_http=allow_http).url


# --- the URL


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("acme", ACME),
        ("ACME", ACME),
        ("acme-2", "https://acme-2.thulium.com"),
        ("4you", "https://4you.thulium.com"),
        ("acme.thulium.com", ACME),
        ("acme.thulium.com/api", ACME),
        ("acme.thulium.com:8443", "https://acme.thulium.com:8443"),
        ("https://acme.thulium.com", ACME),
        ("https://acme.thulium.com/", ACME),
        ("https://acme.thulium.com/api", ACME),
        ("https://acme.thulium.com/api/", ACME),
        ("https://acme.thulium.com//", ACME),
        ("https://acme.thulium.com/api/connections", ACME),
        ("https://acme.thulium.com/api/connections/", ACME),
        ("acme.thulium.com/api/connections", ACME),
        ("https://calls.example.org/thulium/api/connections", "https://calls.example.org/thulium"),
        ("https://calls.example.org/connections", "https://calls.example.org/connections"),
        ("https://calls.example.org/api/connections2", "https://calls.example.org/api/connections2"),
        ("HTTPS://Acme.Thulium.Com", ACME),
        ("https://calls.example.org:8443/thulium/api/", "https://calls.example.org:8443/thulium"),
        ("https://calls.example.org/rapi", "https://calls.example.org/rapi"),
        ("https://[2001:db8::1]:8443/api", "https://[2001:db8::1]:8443"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000/api", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_a_system_is_given_by_name_host_or_url(given: str, url: str) -> None:
    assert url_of(given) == url


@pytest.mark.parametrize(
    "given",
    [
        "https://", "https:///api", "ftp://acme.thulium.com", "file:///etc/passwd", "https://acme.thulium.com?x=1",
        "https://acme.thulium.com/#top", "https://acme.thulium.com:port", "https://acme.thulium.com:99999",
        "https://[::1", "https://exa mple.com", "https://acme..thulium.com",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_system_is_refused(given: str) -> None:
    with pytest.raises(SettingsError):
        resolve(given, "user", "password")


@pytest.mark.parametrize("given", [" acme", "acme\n", "acme.thulium.com ", "\thttps://acme.thulium.com\n"])
def test_blanks_around_an_address_change_no_system(given: str) -> None:
    with suppress(SettingsError):  # a refusal is fine, too
        assert url_of(given) == ACME


@pytest.mark.parametrize(
    "given",
    [
        "http://acme.thulium.com",
        "http://192.168.1.10:8000",
        "http://0.0.0.0:8000",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1@example.org",
        "http://[2001:db8::1]",
    ],
)
def test_plain_http_goes_only_to_this_machine_unless_allowed(given: str) -> None:
    with pytest.raises(SettingsError, match="--allow-http"):
        resolve(given, "user", "password")
    assert url_of(given, allow_http=True).startswith("http://")


def test_the_url_falls_back_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THULIUM_URL", "acme")
    assert resolve(user="user", password="password").url == ACME
    assert resolve("other", "user", "password").url == "https://other.thulium.com"


@pytest.mark.parametrize("given", [None, ""])
def test_no_system_is_an_error_that_names_what_to_give(given: str | None) -> None:
    with pytest.raises(SettingsError, match=r"--url.*THULIUM_URL"):
        resolve(given, "user", "password")


# --- credentials inside the URL


@pytest.mark.parametrize("user", ["api_user", "user@example.org", "żółw", "a:b c/d"])
@pytest.mark.parametrize("password", [HIDDEN, "p@ss:w/o?r#d%", "100 %"])
def test_credentials_inside_the_url_are_taken_out_of_it(user: str, password: str) -> None:
    settings = resolve(f"https://{quote(user, safe='')}:{quote(password, safe='')}@acme.thulium.com/api")
    assert settings.url == ACME
    assert settings.user == user
    assert settings.password.reveal() == password


def test_the_password_inside_the_url_is_that_of_its_user_alone() -> None:
    with pytest.raises(SettingsError, match="no password"):
        resolve(f"https://someone:{HIDDEN}@acme.thulium.com", "another")


def test_credentials_inside_the_url_are_shown_nowhere() -> None:
    settings = resolve(f"https://someone:{quote(HIDDEN)}@acme.thulium.com")
    for shown in (repr(settings), str(settings), f"{settings}", settings.url, settings.system):
        assert HIDDEN not in shown
        assert quote(HIDDEN) not in shown
    assert "someone" not in settings.url + settings.system


def test_the_environment_comes_before_the_credentials_inside_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THULIUM_USER", "user of the environment")
    monkeypatch.setenv("THULIUM_PASSWORD", "password of the environment")
    settings = resolve("https://user:password@acme.thulium.com")
    assert settings.user == "user of the environment"
    assert settings.password.reveal() == "password of the environment"


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{HIDDEN}@example.org",
        f"ftp://user:{HIDDEN}@example.org",
        f"https://user:{HIDDEN}@example.org?x=1",
        f"https://user:{HIDDEN}@example.org:port",
        f"https://user:{HIDDEN}@",
        f"https://user:{HIDDEN}@[::1",
        f"https://user:12#{HIDDEN}@example.org",
        f"https://user:12?{HIDDEN}@example.org",
        f"https://user:12/{HIDDEN}@example.org",
        f"https://user:{HIDDEN}/12@example.org",
        f"https:/user:{HIDDEN}@example.org",
        f"user:{HIDDEN}",
    ],
)
def test_a_password_in_a_malformed_url_is_shown_nowhere(url: str) -> None:
    try:
        shown = repr(resolve(url, "user", "password"))
    except SettingsError as error:
        shown = f"{error} {error!r} {error.__cause__!r}"
    assert HIDDEN not in shown
    assert quote(HIDDEN) not in shown


# --- the user


def test_the_user_is_given_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THULIUM_USER", "of the environment")
    assert resolve("acme", password="password").user == "of the environment"
    assert resolve("acme", "given", "password").user == "given"


def test_no_user_is_an_error_that_names_what_to_give() -> None:
    with pytest.raises(SettingsError, match=r"--user.*THULIUM_USER"):
        resolve("acme", password="password")


# --- the password and its sources


SOURCES = ["argument", "file", "file of the environment", "environment", "netrc", "prompt"]


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_the_first_source_that_has_a_password_gives_it(
    first: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    present = SOURCES[first:]
    if "file of the environment" in present:
        monkeypatch.setenv("THULIUM_PASSWORD_FILE", private(tmp_path / "b", "file of the environment\n"))
    if "environment" in present:
        monkeypatch.setenv("THULIUM_PASSWORD", "environment")
    if "netrc" in present:
        monkeypatch.setenv("NETRC", private(tmp_path / "netrc", "machine acme.thulium.com login user password netrc"))
    settings = resolve(
        "acme",
        "user",
        "argument" if "argument" in present else None,
        password_file=private(tmp_path / "a", "file\n") if "file" in present else None,
        use_netrc="netrc" in present,
        ask=(lambda _: "prompt") if present == ["prompt"] else not_asked,
    )
    assert settings.password.reveal() == SOURCES[first]


def test_a_prompt_names_the_user_and_the_system() -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return HIDDEN

    assert resolve("acme", "api_user", ask=ask).password.reveal() == HIDDEN
    assert len(asked) == 1
    assert "api_user" in asked[0]
    assert ACME in asked[0]


@pytest.mark.parametrize("ask", [None, lambda _: ""])
def test_no_password_is_an_error_that_names_what_to_give(ask: Callable[[str], str] | None) -> None:
    with pytest.raises(SettingsError, match=r"--password-file.*THULIUM_PASSWORD_FILE.*THULIUM_PASSWORD"):
        resolve("acme", "user", ask=ask)


PASSWORDS = ["zażółć gęślą", "with:colon", 'it\'s "quoted"', " spaces around ", "tab\tin it", "€🐢", "\\back%20slash"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n", "\r\n\n", "\r\n\r\n", "\r"])
def test_a_password_file_holds_any_text_and_perhaps_a_line_ending(tmp_path: Path, password: str, ending: str) -> None:
    path = private(tmp_path / "password", password + ending)
    assert resolve("acme", "user", password_file=path).password.reveal() == password


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_file_with_a_byte_order_mark_is_read_as_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str, mark: bytes, encoding: str
) -> None:
    content = mark + f"{password}\r\n".encode(encoding)
    path = private(tmp_path / "password", content)
    assert resolve("acme", "user", password_file=path).password.reveal() == password
    type_on_stdin(monkeypatch, content)
    assert resolve("acme", "user", password_file="-").password.reveal() == password


@pytest.mark.parametrize("given", ["~/secret", "~/a b/secret"])
def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    path = tmp_path / "home" / given[2:]
    path.parent.mkdir(parents=True)
    private(path, HIDDEN)
    assert resolve("acme", "user", password_file=given).password.reveal() == HIDDEN
    monkeypatch.setenv("THULIUM_PASSWORD_FILE", given)
    assert resolve("acme", "user").password.reveal() == HIDDEN


@pytest.mark.parametrize("given", ["~nobody-of-this-name/secret", "~/nowhere"])
def test_a_tilde_that_leads_nowhere_is_an_error(given: str) -> None:
    with pytest.raises(SettingsError, match=r"the password file .* cannot be read"):
        resolve("acme", "user", password_file=given)


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_of_the_environment_may_be_any_text(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("THULIUM_PASSWORD", password)
    assert resolve("acme", "user").password.reveal() == password


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_comes_from_stdin_when_the_file_is_a_dash(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    type_on_stdin(monkeypatch, f"{password}\n".encode())
    assert resolve("acme", "user", password_file="-").password.reveal() == password


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666, 0o644])
def test_a_password_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = Path(private(tmp_path / "password", HIDDEN))
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600") as caught:
        resolve("acme", "user", password_file=str(path))
    assert HIDDEN not in str(caught.value)
    assert "cannot be changed" in str(caught.value)
    assert f"--password-file - < {path}" in str(caught.value)


def test_a_mode_is_checked_where_there_are_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(private(tmp_path / "password", HIDDEN))
    path.chmod(0o644)
    monkeypatch.setattr("thulium_frames.endpoint.settings.os", WithoutModes())
    assert resolve("acme", "user", password_file=str(path)).password.reveal() == HIDDEN


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_password_file_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    path = Path(private(tmp_path / "password", HIDDEN))
    path.chmod(mode)
    assert resolve("acme", "user", password_file=str(path)).password.reveal() == HIDDEN


def test_a_password_file_of_the_environment_is_held_to_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = Path(private(tmp_path / "password", HIDDEN))
    path.chmod(0o644)
    monkeypatch.setenv("THULIUM_PASSWORD_FILE", str(path))
    with pytest.raises(SettingsError, match="chmod 600"):
        resolve("acme", "user")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\r\n", b"has\xb3o", codecs.BOM_UTF8, codecs.BOM_UTF8 + b"\n", b"\xff\xfeh"]
)
def test_a_password_file_without_utf8_text_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError, match="password file"):
        resolve("acme", "user", password_file=private(tmp_path / "password", content))


def test_a_password_file_that_is_not_there_is_an_error_not_the_next_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THULIUM_PASSWORD", HIDDEN)
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read"):
            resolve("acme", "user", password_file=str(path), ask=not_asked)


@pytest.mark.parametrize("name", ["THULIUM_USER", "THULIUM_PASSWORD"])
def test_credentials_that_are_not_utf8_are_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("THULIUM_USER", "user")
    monkeypatch.setenv("THULIUM_PASSWORD", "password")
    monkeypatch.setenv(name, "has\udcb3o")  # Python reads the byte B3 in the environment like this
    with pytest.raises(SettingsError, match="UTF-8"):
        resolve("acme")


# --- netrc


def netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    monkeypatch.setenv("NETRC", private(tmp_path / "netrc", content))


def test_netrc_is_read_only_when_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc(monkeypatch, tmp_path, f"machine acme.thulium.com login someone password {HIDDEN}")
    with pytest.raises(SettingsError, match="no password"):
        resolve("acme", "user")
    settings = resolve("acme", use_netrc=True)
    assert (settings.user, settings.password.reveal()) == ("someone", HIDDEN)


def test_netrc_is_looked_up_by_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc(monkeypatch, tmp_path, f"machine other.thulium.com login someone password {HIDDEN}")
    with pytest.raises(SettingsError, match="no password"):
        resolve("acme", "user", use_netrc=True)


def test_the_password_of_another_user_is_not_taken_from_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc(monkeypatch, tmp_path, f"machine acme.thulium.com login someone password {HIDDEN}")
    with pytest.raises(SettingsError):
        resolve("acme", "another", use_netrc=True)


def test_a_netrc_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="netrc"):
        resolve("acme", "user", use_netrc=True)


@pytest.mark.parametrize("content", ["machine", f"machine acme.thulium.com login x passwort {HIDDEN}"])
def test_a_malformed_netrc_is_an_error_that_shows_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    netrc(monkeypatch, tmp_path, content)
    with pytest.raises(SettingsError, match="netrc") as caught:
        resolve("acme", "user", use_netrc=True)
    assert HIDDEN not in str(caught.value)


def test_a_netrc_that_cannot_be_opened_or_decoded_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for path in (str(tmp_path), private(tmp_path / "latin", b"machine acme.thulium.com login x password has\xb3o")):
        monkeypatch.setenv("NETRC", path)
        with pytest.raises(SettingsError, match="netrc"):
            resolve("acme", "user", use_netrc=True)


# --- secrets


@given(st.text(min_size=4))
def test_a_secret_shows_itself_only_to_who_asks(text: str) -> None:
    secret = Secret(text)
    assert secret.reveal() == text
    for shown in (repr(secret), str(secret), f"{secret}", "%s" % secret, "{!r:>20}".format(secret), repr([secret])):  # noqa: UP031, UP032  # all ways of formatting
        assert shown.strip("[] ") == "Secret('***')"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    for value in (Secret(HIDDEN), resolve("acme", "user", HIDDEN)):
        with pytest.raises(TypeError, match="not pickled") as caught:
            pickle.dumps(value, protocol)
        assert HIDDEN not in str(caught.value)


def test_a_secret_has_no_dictionary_to_look_into() -> None:
    assert not hasattr(Secret(HIDDEN), "__dict__")
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(Secret(HIDDEN))


def test_settings_show_no_password() -> None:
    settings = resolve("acme", "api_user", HIDDEN)
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert HIDDEN not in shown
        assert "api_user" in shown


# --- the system's name in a lake


@pytest.mark.parametrize("given", ["acme", "acme.thulium.com", "https://u:p@acme.thulium.com/api/"])
def test_a_system_is_the_same_however_it_is_given(given: str) -> None:
    assert resolve(given, "user", "password").system == resolve("acme", "other", "other").system


def test_the_port_is_part_of_a_system() -> None:
    one, two = (resolve(f"https://calls.example.org:{port}", "user", "password").system for port in (8443, 9443))
    assert one != two


def test_the_port_of_the_scheme_itself_is_not_part_of_a_system() -> None:
    assert resolve("https://acme.thulium.com:443", "user", "password").system == resolve("acme", "u", "p").system


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_port_of_this_machine_is_not_part_of_a_system(host: str) -> None:
    one, two = (resolve(f"http://{host}:{port}", "user", "password").system for port in (8000, 8001))
    assert one == two


def test_this_machine_is_known_by_its_address() -> None:
    assert resolve("http://[::1]:8000", "user", "password").is_loopback
    assert resolve("http://localhost:8000", "user", "password").is_loopback
    assert not resolve("acme", "user", "password").is_loopback

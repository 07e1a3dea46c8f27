"""Whatever stands in the proxy variables is honoured or refused in one line, never an unexpected error."""

import os

import pytest

from tests.endpoint.test_client import NOBODY, PAGE, PASSWORD, QUICK, ask, client_of
from tests.scripted import answer, serving
from thulium_frames.endpoint.client import Client
from thulium_frames.endpoint.proxies import proxies_of
from thulium_frames.endpoint.settings import proxy_variables, resolve
from thulium_frames.errors import ApiError, SettingsError

pytestmark = pytest.mark.usefixtures("library")

VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
HIDDEN = "tajne"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:abc",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:-1",
        "ftp://127.0.0.1",
        "nonsense://proxy",
        "socks4://127.0.0.1:1080",
        "socks5://127.0.0.1:1080",  # its library is not installed
        "socks5h://127.0.0.1:1080",
        "http://",
        "https://",
        "://",
        "http:/proxy:3128",
        "http://[::1",
        "http://::1:3128",
        "http://[no address]:1",
        "http://a proxy:3128",
        "http://proxy:3128/proxy.pac",
        "http://proxy:3128?x=1",
        "http://proxy..example.org",
        "   ",
        "http://proxy\x00:1",
        "http://proxy:1\n2",
        "http://\udcb3:1",
        f"http://user:{HIDDEN}#x@proxy:3128",
        f"http://user:{HIDDEN}/x@proxy:3128",
        f"http://user:{HIDDEN} x@[::1",
    ],
)
def test_what_names_no_proxy_is_refused_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    if "\x00" in text:
        monkeypatch.setattr("thulium_frames.endpoint.settings.getproxies", lambda: {name.lower()[:-6]: text})
        monkeypatch.setenv(name, "x")
    else:
        monkeypatch.setenv(name, text)
    with client_of("acme") as client, pytest.raises(SettingsError) as caught:
        ask(client)
    told = str(caught.value)
    assert len(told.splitlines()) == 1
    assert told.startswith(f"{name} ")
    assert HIDDEN not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert not text.strip() or text.strip() not in told
    assert client.requests == 0


@pytest.mark.parametrize(
    "form",
    ["http://127.0.0.1:{}", "http://127.0.0.1:{}/", "HTTP://127.0.0.1:{}", " http://127.0.0.1:{} ", "127.0.0.1:{}",
     "http://localhost:{}", f"http://user:{HIDDEN}@127.0.0.1:{{}}", "http://us%40er:%C4%85@127.0.0.1:{}"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"])
def test_a_proxy_is_honoured_however_it_is_written(monkeypatch: pytest.MonkeyPatch, name: str, form: str) -> None:
    with serving([PAGE]) as proxy:
        monkeypatch.setenv(name, form.format(proxy.port))
        client = Client(resolve("http://acme.invalid", "user", PASSWORD, allow_http=True), workers=1, retries=QUICK)
        assert ask(client).count == 3
        client.close()
    assert proxy.seen[0].target.startswith("http://acme.invalid/api/connections?")
    assert ("Proxy-Authorization" in proxy.seen[0].headers) == ("@" in form)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1"])
@pytest.mark.parametrize("name", [*VARIABLES, "NO_PROXY", "no_proxy"])
def test_this_machine_needs_no_proxy_variable(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, "http://[::1")
    with client_of(url) as client, pytest.raises(ApiError):
        ask(client)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required"])
def test_a_proxy_that_refuses_is_asked_once(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    code, _, reason = status.partition(" ")
    with serving([answer(b"", int(code), reason)]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{HIDDEN}@127.0.0.1:{proxy.port}")
        with client_of("https://acme.invalid") as client, pytest.raises(ApiError, match="the proxy refuses") as told:
            ask(client)
    assert proxy.requests == 1
    assert status in str(told.value)
    assert HIDDEN not in str(told.value)


# --- NO_PROXY


def chosen(no_proxy: str, url: str = "https://acme.thulium.com") -> set[str]:
    variables = {"all": ("ALL_PROXY", NOBODY), "no": ("NO_PROXY", no_proxy)}
    return set(proxies_of(resolve(url, "u", "p", allow_http=True).url, variables))


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("*", "acme"),
        ("acme.thulium.com", "acme"),
        ("ACME.Thulium.com", "acme"),
        ("acme.thulium.com.", "acme"),
        ("thulium.com", "acme"),
        (".thulium.com", "acme"),
        ("*.thulium.com", "acme"),
        ("acme.*", "acme"),
        ("localhost, ,127.0.0.1,thulium.com", "acme"),
        ("localhost thulium.com", "acme"),
        ("acme.thulium.com:443", "acme"),
        ("thulium.com:8443", "https://acme.thulium.com:8443"),
        ("https://acme.thulium.com", "acme"),
        ("all://acme.thulium.com", "acme"),
        ("10.1.2.3", "https://10.1.2.3"),
        ("10.0.0.0/8", "https://10.1.2.3"),
        ("10.1.*", "https://10.1.2.3"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]"),
        ("2001:db8::/32", "https://[2001:db8::1]"),
    ],
)
def test_a_host_of_no_proxy_is_asked_directly(no_proxy: str, url: str) -> None:
    assert "https" not in chosen(no_proxy, url)


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("", "acme"),
        ("acme", "acme"),
        ("me.thulium.com", "acme"),
        (".acme.thulium.com", "acme"),
        ("thulium.com.pl", "acme"),
        ("acme.thulium.com:8443", "acme"),
        ("http://acme.thulium.com", "acme"),
        ("10.0.0.0/8", "https://11.1.2.3"),
        ("10.0.0.0/8,::1", "acme"),
        ("2001:db8::/32", "https://10.1.2.3"),
    ],
)
def test_another_host_goes_through_the_proxy(no_proxy: str, url: str) -> None:
    assert "https" in chosen(no_proxy, url)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    "text", ["http://[::1", "[::1", "example.org:abc", "<local>", "10.0.0.0/99", "a..b", "host/path", "a,[b", "\udcb3"]
)
def test_a_no_proxy_that_cannot_be_read_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with client_of("acme") as client, pytest.raises(SettingsError, match=rf"^{name} cannot be read") as caught:
        ask(client)
    assert text not in str(caught.value)


def test_the_variable_is_named_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://a")
    monkeypatch.setenv("http_proxy", "http://b")
    monkeypatch.setenv("ALL_PROXY", "")
    assert proxy_variables() == {"https": ("HTTPS_PROXY", "http://a"), "http": ("http_proxy", "http://b")}


def test_a_proxy_shows_no_password() -> None:
    (proxy,) = proxies_of("http://x.example", {"http": ("HTTP_PROXY", f"http://u:{HIDDEN}@proxy")}).values()
    assert HIDDEN not in repr(proxy)

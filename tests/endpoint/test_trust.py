"""Which certificates are trusted. (That a certificate is refused, and what is said then, stands in test_client.py.)"""

import ssl
from pathlib import Path

import certifi
import pytest
import trustme
import truststore

from tests.endpoint.test_client import PAGE, ask, client_of
from tests.scripted import serving
from thulium_frames.endpoint.trust import Trust
from thulium_frames.errors import ApiError, SettingsError

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def let_the_system_trust(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What installing a certificate does, on a machine where OpenSSL is built for other paths."""
    nothing = ssl.DefaultVerifyPaths(None, None, "", "", "", "")  # type: ignore[arg-type]  # as where nothing is found
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", [str(path)])


def test_what_the_operating_system_trusts_is_trusted(
    tls: ssl.SSLContext, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_the_system_trust(pem, monkeypatch)
    with serving([PAGE], tls) as script, client_of(script.url) as client:
        assert ask(client).count == 3


def test_the_file_of_the_settings_wins_over_the_operating_system(
    tls: ssl.SSLContext, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_the_system_trust(pem, monkeypatch)
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    with serving([PAGE], tls) as script:
        refused = pytest.raises(ApiError, match="certificate is not trusted")
        with client_of(script.url) as client, refused:
            ask(client)
    assert script.requests == 0


def test_a_folder_of_the_settings_is_trusted(
    tls: ssl.SSLContext, pem: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with serving([PAGE], tls) as script:
        refused = pytest.raises(ApiError, match="certificate is not trusted")
        with client_of(script.url) as client, refused:
            ask(client)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))  # the file comes first
    with serving([PAGE], tls) as script, client_of(script.url) as client:
        assert ask(client).count == 3


def test_without_a_store_of_the_system_the_public_authorities_are_trusted(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a slim container."""
    let_the_system_trust(pem.with_name("nowhere"), monkeypatch)
    context = Trust().context
    assert isinstance(context, truststore.SSLContext)
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="system.invalid")
    assert len(context._ctx.get_ca_certs()) > 100


def test_the_context_checks_certificates_and_hosts() -> None:
    context = Trust().context
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("content", [None, b"", b"this is no certificate"])
def test_a_place_without_certificates_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    monkeypatch.setenv(name, str(tmp_path / "x"))
    with client_of("https://127.0.0.1:1") as client, pytest.raises(SettingsError, match=name):
        ask(client)
    assert client.requests == 0


def test_plain_http_makes_no_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It takes longer than a request, and a wrong setting for it does no harm."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere"))

    def none_is_made(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError("a context was made")

    monkeypatch.setattr(ssl, "create_default_context", none_is_made)
    monkeypatch.setattr(truststore, "SSLContext", none_is_made)
    with serving([PAGE]) as script, client_of(script.url) as client:
        assert ask(client).count == 3

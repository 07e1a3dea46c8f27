"""Which redirects are followed. The password goes along, so it is only those within the host.

The next address takes its path from the redirect, and its host from the address that was asked. So nothing depends on
how a library reads an odd address.
"""

from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from thulium_frames.endpoint.exchange import Answer
from thulium_frames.endpoint.retries import TryAgainError
from thulium_frames.errors import RequestRejectedError, UnreadableAnswerError

_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}


def is_redirect(answer: Answer) -> bool:
    return answer.status in _REDIRECTS and "Location" in answer.headers


def next_address(asked: str, location: str, query: str) -> str:
    """Where a redirect leads. It gets the `query` of the first request when it has none.

    Raises RequestRejectedError when it leads to another host.
    """
    here = urlsplit(asked)
    try:
        target = urlsplit(urljoin(asked, location))
        netloc = _netloc(here, target)
    except ValueError as error:
        raise RequestRejectedError(f"the system redirects to an address that cannot be read: {error}") from error
    if netloc is None:
        raise RequestRejectedError(
            f"the system redirects to {target.scheme}://{target.netloc.rpartition('@')[2]}. This is not followed, "
            "because the password would go along. If it is the right address, give it as --url"
        )
    return f"{target.scheme}://{netloc}{target.path}?{target.query or query}"


def page_of(address: str) -> str:
    """The path of an address, for people. Its query may hold personal data."""
    return unquote(urlsplit(address).path)


def refuse_other_page(asked: str, answered: str, answer: Answer) -> None:
    """Refuse the answer of a redirect that dropped the query. It is a login page, or answers another question."""
    if answer.is_success and urlsplit(answered).query != urlsplit(asked).query:
        raise TryAgainError(
            UnreadableAnswerError(
                f"the system redirects to another page, {page_of(answered)}: a login page may stand in between"
            )
        )


def _netloc(here: SplitResult, target: SplitResult) -> str | None:
    """The host and the port to ask next: the same ones, or those of https on the same host. None for other ones."""
    if _host(here) != _host(target):
        return None
    if (here.scheme, _port(here)) == (target.scheme, _port(target)):
        return here.netloc
    if (here.scheme, target.scheme, _port(target)) == ("http", "https", _PORTS["https"]):
        return here.netloc.removesuffix(f":{here.port}")
    return None


def _host(place: SplitResult) -> str:
    host = place.hostname or ""
    return host if host.isascii() else host.encode("idna").decode()


def _port(place: SplitResult) -> int | None:
    return place.port or _PORTS.get(place.scheme)

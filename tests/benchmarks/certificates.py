"""A private authority, and a certificate of it for the server on this machine."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """The files of an authority and of a server that it vouches for."""

    authority: Path
    chain: Path
    key: Path

    @property
    def environment(self) -> dict[str, str]:
        """Makes every program trust the authority, and no other."""
        return {"SSL_CERT_FILE": str(self.authority), "SSL_CERT_DIR": ""}


def issue(folder: Path) -> Certificates:
    """Make new ones in the folder."""
    folder.mkdir(exist_ok=True)
    files = Certificates(folder / "authority.pem", folder / "chain.pem", folder / "key.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(files.authority))
    server = authority.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(str(files.key))
    files.chain.write_bytes(b"".join(part.bytes() for part in server.cert_chain_pems))
    return files

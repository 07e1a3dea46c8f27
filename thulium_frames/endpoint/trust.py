"""Which certificates are trusted: those of the operating system and the public ones, or what SSL_CERT_FILE names."""

import os
import ssl
from functools import cached_property
from pathlib import Path

from thulium_frames.endpoint.settings import certificate_places
from thulium_frames.errors import SettingsError


class Trust:
    """A TLS context that is made when it is first used: a system without TLS needs none, and it takes 30 ms.

    It has what the HTTP library uses of an `ssl.SSLContext`.
    """

    @cached_property
    def context(self) -> ssl.SSLContext:
        """Raises SettingsError when the places that the settings name hold no certificates."""
        file, folder = certificate_places()
        try:
            if file:
                return ssl.create_default_context(cafile=file)
            if folder:
                return _of_folders(folder)
            return _of_the_system()
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"the trusted certificates cannot be read: {error}. Look at SSL_CERT_FILE and SSL_CERT_DIR"
            ) from error

    @property
    def more_authorities(self) -> bytes | None:
        """What to trust besides the operating system, as PEM. None when the settings name all that is trusted.

        Raises SettingsError like `context`.
        """
        if any(certificate_places()):
            _ = self.context
            return None
        return _public_authorities().read_bytes()

    def set_alpn_protocols(self, names: list[str]) -> None:
        self.context.set_alpn_protocols(names)

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *, server_hostname: str | None
    ) -> ssl.SSLObject:
        return self.context.wrap_bio(incoming, outgoing, server_hostname=server_hostname)


def _of_the_system() -> ssl.SSLContext:
    import truststore  # here, because most of what this file is for needs neither it nor certifi: they take 15 ms

    context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(_public_authorities())  # slim containers have no certificates of their own
    return context


def _public_authorities() -> Path:
    import certifi

    return Path(certifi.where())


def _of_folders(folders: str) -> ssl.SSLContext:
    """OpenSSL itself takes folders that do not exist, and then trusts nobody."""
    if not any(Path(folder).is_dir() for folder in folders.split(os.pathsep)):
        raise FileNotFoundError("there is no such folder")
    return ssl.create_default_context(capath=folders)
